package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/state"
)

// The guard stops a write that would empty the edge by mistake, and leaves it
// to a person. A narrowed token or a lost project makes flags go missing from
// the definitions; a kill switch leaves its flag there, disabled, and passes.
// guardFlags is how many flags a write may take from readers whatever part of all
// they are.
const guardFlags = 5

// mostOf reports whether lost are more than half of all, and more than
// guardFlags.
func mostOf(lost, all flagSet) bool { return len(lost) > guardFlags && 2*len(lost) > len(all) }

// allOf reports whether lost are all of two or more flags.
func allOf(lost, all flagSet) bool { return len(all) >= 2 && len(lost) == len(all) }

// review decides whether a write may replace what readers have. before are the
// flags that are on, after those that will be, recent those that were on within
// guardWindow, defined all flags of the definitions. It returns "", or what the
// write would do.
func review(before, after, recent, defined flagSet) string {
	lost, missing := before.without(after), before.without(after).without(defined)
	gone := recent.without(after).without(defined)
	switch {
	case mostOf(lost, before):
		return fmt.Sprintf("it would turn off or remove %d of the %d flags that are on (%s)", len(lost), len(before),
			names(lost))
	case allOf(missing, before):
		return fmt.Sprintf("all %d flags that are on are missing from the definitions (%s)", len(before),
			names(missing))
	case len(missing) > 0 && (mostOf(gone, recent) || allOf(gone, recent) && len(after) == 0):
		return fmt.Sprintf("%d of the %d flags that were on within the last hour are missing from the definitions (%s)",
			len(gone), len(recent), names(gone))
	}
	return ""
}

// names lists the first five.
func names(set flagSet) string {
	list := slices.Sorted(maps.Keys(set))
	if len(list) > 5 {
		return strings.Join(list[:5], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

// guard holds the writes that would take too much from readers of one key, or
// of all keys of the target together.
func (p *Session) guard(ctx context.Context, steps []*keyPass, st *state.State, now time.Time) {
	compute(steps, func(s *keyPass) { p.gather(ctx, s, now) })
	if !slices.ContainsFunc(steps, func(s *keyPass) bool { return len(s.taken) > 0 && !p.accepts(s.wanted) }) {
		return
	}
	defined := definedIn(st.Definitions)
	whole := ""
	if len(steps) > 1 {
		whole = p.together(steps, now, defined)
	}
	for _, s := range steps {
		if len(s.taken) == 0 || p.accepts(s.wanted) {
			continue
		}
		held := review(s.before, s.after, s.departed.within(s.before, now), defined)
		if held == "" && whole != "" {
			held = "over all keys of the target: " + whole
		}
		if held != "" {
			s.Action, s.Text, s.due = ActionHeld, held, false
		}
	}
}

// accepts reports whether a person has accepted content.
func (p *Session) accepts(digest string) bool {
	return slices.ContainsFunc(p.options.Accept, func(d string) bool {
		return len(d) >= 8 && strings.HasPrefix(digest, d)
	})
}

func definedIn(d *edgecore.Definitions) flagSet {
	all := make(flagSet, len(d.Features))
	for i := range d.Features {
		all[d.Features[i].Name] = true
	}
	return all
}

// together reviews all keys of a target: a flag is on where one key has it on.
func (p *Session) together(steps []*keyPass, now time.Time, defined flagSet) string {
	compute(steps, func(s *keyPass) {
		if s.before == nil {
			s.before = s.flagsOn(now)
		}
	})
	before, after, recent := flagSet{}, flagSet{}, flagSet{}
	for _, s := range steps {
		maps.Copy(before, s.before)
		maps.Copy(recent, s.departed.within(s.before, now))
		if s.due {
			maps.Copy(after, s.after)
		} else {
			maps.Copy(after, s.before)
		}
	}
	return review(before, after, recent, defined)
}

// gather finds out which flags a write takes from readers of one key. Where this
// process does not know what they have, since what is stored is damaged, the
// newest entry of the history counts.
func (p *Session) gather(ctx context.Context, s *keyPass, now time.Time) {
	if s.Err != nil || !s.due {
		return
	}
	s.before, s.after = s.flagsOn(now), s.Wanted.On(now)
	if s.before == nil && s.read.foreign {
		s.before = flagsOn(p.recorded(ctx, s.keyState, now), now)
	}
	s.taken = s.before.without(s.after)
	if len(s.taken) > 0 && !s.departed.asked {
		s.departed.asked = true
		earlier := flagsOn(p.recorded(ctx, s.keyState, now.Add(-guardWindow)), now)
		s.departed.note(earlier.without(s.before), now)
	}
}

// recorded returns what the history has of a time, nil for nothing. A history
// that fails holds no write up.
func (p *Session) recorded(ctx context.Context, c *keyState, at time.Time) []byte {
	if p.target.History == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := p.target.History.At(ctx, c.Key, at)
	if err != nil {
		p.log.Warn("the guard cannot compare with the history", "err", err, "key", c.Key)
	}
	return body
}
