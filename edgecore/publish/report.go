package publish

import (
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
		p.log.Debug("key of a pass", "action", s.Action.String(), "decision", s.decision.String(), "key", s.Key,
			"sink", p.target.SinkName, "seq", max(s.read.seq, s.newest.seq),
			"bytes", s.Bytes, "digest", short(s.wanted), "revision", st.Definitions.Revision)
	}
	written := counts[ActionPublished] + counts[ActionRepaired]
	var changes []flagdiff.Change
	if told != nil {
		changes = told.Changes
	}
	about := []any{"sink", p.target.SinkName}
	if len(steps) > 1 {
		about = append(about, "written", written, "keys", len(steps))
	}
	about = append(about, "revision", st.Definitions.Revision,
		"took", time.Since(since).Round(time.Millisecond).String())
	switch {
	case written == 0 && told == nil:
	case written == 0 && !slices.ContainsFunc(changes, flagdiff.Change.HasEffect):
		p.log.Debug("no change", withChanges(about, changes)...) // another layout, another description
	case written == 0 && counts[ActionPinned] > 0:
		p.log.Info("not published: the target is pinned", withChanges(about, changes)...)
	case written == 0:
		p.log.Info("no change", withChanges(about, changes)...)
	case counts[ActionPublished] > 0:
		p.log.Info("published", withChanges(about, changes)...)
	default:
		p.log.Info("repaired", withChanges(about, changes)...)
	}
}

// withChanges adds the changes of a pass to the attributes of its record: one in
// a line, several as a list.
func withChanges(about []any, changes []flagdiff.Change) []any {
	switch lines := flagdiff.Lines(changes, changesLogged); len(lines) {
	case 0:
		return about
	case 1:
		return append([]any{"change", lines[0]}, about...)
	default:
		return append(about, "changed", len(changes), "changes", lines)
	}
}

// warn logs what the content of the target cannot hold of the flags, at the
// first pass in which that is so.
func (p *Session) warn(steps []*keyPass) {
	problems, fresh := map[edgecore.Problem]bool{}, 0
	for _, s := range steps {
		for _, one := range s.problems {
			if !problems[one] && !p.problems[one] {
				if fresh++; fresh <= changesLogged {
					p.log.Warn("problem", "problem", one.String(), "key", s.Key)
				}
			}
			problems[one] = true
		}
	}
	if more := fresh - changesLogged; more > 0 {
		p.log.Warn("more problems of flags are not logged; repair those that are first", "problems", more)
	}
	p.problems = problems
}
