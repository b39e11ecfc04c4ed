package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
)

// The guard stops a write that would empty the edge by mistake, and leaves it
// to a person. A narrowed token or a lost project makes flags go missing from
// the definitions; a kill switch leaves its flag there, disabled, and passes.
const (
	// guardFlags is how many flags a write may take from readers whatever part
	// of all they are.
	guardFlags = 5
	// guardWindow is how long flags that go missing in several steps are
	// counted together.
	guardWindow = time.Hour
)

// flagSet holds names of flags.
type flagSet map[string]bool

// without returns the names of s that are not in other.
func (s flagSet) without(other flagSet) flagSet {
	rest := flagSet{}
	for name := range s {
		if !other[name] {
			rest[name] = true
		}
	}
	return rest
}

// mostOf reports whether lost are more than half of all, and more than
// guardFlags.
func mostOf(lost, all flagSet) bool { return len(lost) > guardFlags && 2*len(lost) > len(all) }

// allOf reports whether lost are all of two or more flags.
func allOf(lost, all flagSet) bool { return len(all) >= 2 && len(lost) == len(all) }

// formerly is what was stored until a time, as the flags that were on.
type formerly struct {
	until time.Time
	on    flagSet
}

// served is what readers of one key have, as the flags that are on for
// some request.
type served struct {
	digest string // of the content that on is of
	on     flagSet
	until  time.Time // when a date constraint changes on; zero: never
	// past are the sets before, the oldest first. It goes back to the beginning
	// of guardWindow.
	past []formerly
	// asked says that the history was asked for what this process has not seen.
	asked bool
}

// replace notes what readers get from now on.
func (s *served) replace(digest string, on flagSet, until, now time.Time) {
	if s.digest != "" && s.digest != digest {
		s.past = append(s.past, formerly{until: now, on: s.on})
	}
	s.digest, s.on, s.until = digest, on, until
}

// restart forgets what was on before: a person has decided about it.
func (s *served) restart() { *s = served{asked: true} }

// within returns the flags that were on at some time of the window.
func (s *served) within(now time.Time) flagSet {
	s.past = slices.DeleteFunc(s.past, func(f formerly) bool { return now.Sub(f.until) >= guardWindow })
	all := maps.Clone(s.on)
	for _, f := range s.past {
		maps.Copy(all, f.on)
	}
	return all
}

// review decides whether a write may replace what readers have. before are the
// flags that are on, after those that will be, recent those that were on within
// guardWindow, defined all flags of the definitions. It returns "", or what the
// write would do.
func review(before, after, recent, defined flagSet) string {
	lost, missing := before.without(after), before.without(after).without(defined)
	gone := recent.without(after).without(defined)
	switch {
	case mostOf(lost, before):
		return fmt.Sprintf("it would turn off or remove %d of the %d flags that are on (%s)", len(lost), len(before), names(lost))
	case allOf(missing, before):
		return fmt.Sprintf("all %d flags that are on are missing from the definitions (%s)", len(before), names(missing))
	case len(missing) > 0 && (mostOf(gone, recent) || allOf(gone, recent) && len(after) == 0):
		return fmt.Sprintf("%d of the %d flags that were on within the last hour are missing from the definitions (%s)", len(gone), len(recent), names(gone))
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
func (p *Publisher) guard(ctx context.Context, steps []*step, st *state.State, now time.Time) {
	if !slices.ContainsFunc(steps, func(s *step) bool { return s.due }) {
		return
	}
	compute(steps, func(s *step) { p.gather(ctx, s, now) })
	defined := definedIn(st.Definitions)
	whole := review(p.together(steps, now, defined))
	for _, s := range steps {
		if !s.due || s.served.on == nil || p.accepts(s.want) {
			continue
		}
		held := review(s.served.on, s.after, s.served.within(now), defined)
		if held == "" && whole != "" && len(s.served.on.without(s.after)) > 0 {
			held = "over all keys of the target: " + whole
		}
		if held != "" {
			s.Action, s.Text, s.due = "held", held, false
		}
	}
}

// accepts reports whether a person has accepted content.
func (p *Publisher) accepts(digest string) bool {
	return slices.ContainsFunc(p.options.Accept, func(d string) bool { return len(d) >= 8 && strings.HasPrefix(digest, d) })
}

func definedIn(d *edgecore.Definitions) flagSet {
	all := make(flagSet, len(d.Features))
	for i := range d.Features {
		all[d.Features[i].Name] = true
	}
	return all
}

// together merges the keys of a target: a flag is on where one key has it on.
func (p *Publisher) together(steps []*step, now time.Time, defined flagSet) (before, after, recent, _ flagSet) {
	if len(steps) == 1 {
		return nil, nil, nil, defined // reviewed by itself
	}
	before, after, recent = flagSet{}, flagSet{}, flagSet{}
	for _, s := range steps {
		maps.Copy(before, s.served.on)
		maps.Copy(recent, s.served.within(now))
		if s.due {
			maps.Copy(after, s.after)
		} else {
			maps.Copy(after, s.served.on)
		}
	}
	return before, after, recent, defined
}

// gather finds out which flags are on before and after a write of one key.
// Where this process does not know what readers have, since what is stored is
// damaged, the newest entry of the history counts.
func (p *Publisher) gather(ctx context.Context, s *step, now time.Time) {
	if s.Err != nil {
		return
	}
	s.know(now)
	if s.served.on == nil && s.seen.foreign {
		if body := p.recorded(ctx, s.cell, now); body != nil {
			if on, err := snapshot.OnFlags(body, now); err == nil {
				s.served.on = on
			}
		}
	}
	if !s.due {
		return
	}
	s.after = s.Wanted.On(now)
	if len(s.served.on.without(s.after)) > 0 && !s.served.asked {
		s.served.asked = true
		if body := p.recorded(ctx, s.cell, now.Add(-guardWindow)); body != nil {
			if on, err := snapshot.OnFlags(body, now); err == nil {
				s.served.past = append([]formerly{{until: now, on: on}}, s.served.past...)
			}
		}
	}
}

// know finds out which flags are on in what is stored.
func (c *cell) know(now time.Time) {
	flipped := !c.served.until.IsZero() && !now.Before(c.served.until)
	if c.stored == nil || c.served.digest == c.meta.Digest && !flipped {
		return
	}
	if on, err := snapshot.OnFlags(c.stored, now); err == nil {
		// When its next date is, a stored program does not say: look again.
		c.served.replace(c.meta.Digest, on, now, now)
	}
}

// recorded returns what the history has of a time, nil for nothing. A history
// that fails holds no write up.
func (p *Publisher) recorded(ctx context.Context, c *cell, at time.Time) []byte {
	if p.target.History == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := p.target.History.At(ctx, c.Key, at)
	if err != nil {
		p.log.Warn("the guard cannot compare with the history: "+err.Error(), "key", c.Key)
	}
	return body
}
