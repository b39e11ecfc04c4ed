package publish

import (
	"fmt"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
)

// explain says what a pass means in the language of flags.
func (p *Session) explain(steps []*keyPass, st *state.State, flipped bool) {
	var changes []flagdiff.Change
	if p.last != nil && p.last != st.Definitions && !flipped {
		changes = flagdiff.Definitions(p.last, st.Definitions, p.target.Outputs[0].Spec.Rules.Fields...)
	}
	compute(steps, func(s *keyPass) {
		switch {
		case s.Err != nil && s.Wanted == nil:
		case changes != nil:
			s.Changes = wanted(&s.Spec, changes)
		case s.Wanted != nil:
			s.Changes = flagdiff.Stored(s.Wanted, s.Stored)
		}
	})
}

// wanted drops changes of flags that the target does not publish.
func wanted(spec *snapshot.Spec, changes []flagdiff.Change) []flagdiff.Change {
	if len(spec.Flags) == 0 && len(spec.Projects) == 0 {
		return changes
	}
	kept := []flagdiff.Change{}
	for _, c := range changes {
		if spec.Takes(c.Flag, c.Project) {
			kept = append(kept, c)
		}
	}
	return kept
}

// report says what a pass has done in terms of flags. Keys of a
// matrix differ in what they change; the log names the changes of the first.
func (p *Session) report(steps []*keyPass, st *state.State, since time.Time) {
	counts := map[Action]int{}
	var told *keyPass
	for _, s := range steps {
		counts[s.Action]++
		if told == nil && len(s.Changes) > 0 && actionTable[s.Action].news {
			told = s
		}
		p.log.Debug(s.Action.String(), "decision", s.decision.String(), "key", s.Key, "sink", p.target.SinkName, "seq", max(s.read.seq, s.newest.seq),
			"bytes", s.Bytes, "digest", short(s.wanted), "revision", st.Definitions.Revision)
	}
	end := "no change for " + p.target.Name
	for _, action := range []Action{ActionPublished, ActionRepaired} {
		if n := counts[action]; n > 0 {
			end = fmt.Sprintf("%s to %s in %d ms", action, p.target.SinkName, time.Since(since).Milliseconds())
			if len(steps) > 1 {
				end = fmt.Sprintf("%s %d of %d keys to %s in %d ms", action, n, len(steps), p.target.SinkName, time.Since(since).Milliseconds())
			}
			break
		}
	}
	if counts[ActionPinned] > 0 && counts[ActionPublished]+counts[ActionRepaired] == 0 {
		end = "not published: " + p.target.Name + " is pinned"
	}
	switch {
	case told == nil && counts[ActionPublished]+counts[ActionRepaired] > 0:
		p.log.Info(end, "revision", st.Definitions.Revision)
	case told != nil && counts[ActionPublished]+counts[ActionRepaired] == 0 && !slices.ContainsFunc(told.Changes, flagdiff.Change.HasEffect):
		p.log.Debug(end, "changed", len(told.Changes), "revision", st.Definitions.Revision) // another layout, another description
	case told != nil:
		p.reportChanges(told.Changes, end, st.Definitions.Revision)
	}
}

// reportChanges logs the changes of one pass in one record. That of one line has
// it in its message.
func (p *Session) reportChanges(changes []flagdiff.Change, end string, revision uint64) {
	lines := flagdiff.Lines(changes, changesLogged)
	if len(lines) == 1 {
		p.log.Info(lines[0] + "  " + end)
		return
	}
	p.log.Info(end, "changed", len(changes), "revision", revision, "changes", lines)
}

// warn logs what the content of the target cannot hold of the flags, at the
// first pass in which that is so.
func (p *Session) warn(steps []*keyPass) {
	problems, fresh := map[edgecore.Problem]bool{}, 0
	for _, s := range steps {
		for _, one := range s.problems {
			if !problems[one] && !p.problems[one] {
				if fresh++; fresh <= changesLogged {
					p.log.Warn(one.String(), "key", s.Key)
				}
			}
			problems[one] = true
		}
	}
	if more := fresh - changesLogged; more > 0 {
		p.log.Warn(fmt.Sprintf("%d more problems of flags are not logged; repair those that are first", more))
	}
	p.problems = problems
}
