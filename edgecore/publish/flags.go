package publish

import (
	"maps"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
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

// guardWindow is how long flags that go missing in several steps are counted
// together.
const guardWindow = time.Hour

// lostFlags are flags of one key that were on and are not any more, with the time
// until which they were. Nothing else is kept of what readers had before.
type lostFlags struct {
	until map[string]time.Time
	// asked says that the history was asked for what this process has not seen.
	asked bool
}

// note adds flags that readers have lost.
func (d *lostFlags) note(lost flagSet, now time.Time) {
	if len(lost) > 0 && d.until == nil {
		d.until = map[string]time.Time{}
	}
	for name := range lost {
		d.until[name] = now
	}
}

// restart forgets what was on before: a person has decided about it.
func (d *lostFlags) restart() { *d = lostFlags{asked: true} }

// within returns the flags that were on at some time of the window: those that
// are on, and those that have departed since it began.
func (d *lostFlags) within(on flagSet, now time.Time) flagSet {
	maps.DeleteFunc(d.until, func(_ string, until time.Time) bool { return now.Sub(until) >= guardWindow })
	all := make(flagSet, len(on)+len(d.until)) // on may be nil
	maps.Copy(all, on)
	for name := range d.until {
		all[name] = true
	}
	return all
}

// flagsOn returns the flags that are on in a snapshot, nil for none.
func flagsOn(stored []byte, now time.Time) flagSet {
	if stored == nil {
		return nil
	}
	on, err := snapshot.OnFlags(stored, now)
	if err != nil {
		return nil
	}
	return on
}
