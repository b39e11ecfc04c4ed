package publish

import "time"

// timers is what the loop has to do, and when. The zero time is never.
type timers struct {
	pass      time.Time // bring what is stored up to date
	reconcile bool      // and read it first
	tick      time.Time // of the schedule
	flip      time.Time // of the next DATE constraint
	beat      time.Time // of the heartbeat
	verify    time.Time // look whether the last puts are visible
	looks     int       // how often that has been done
	age       time.Time // look whether the target is stale
	recheck   time.Time // read keys that are held or pinned
	unread    int       // rechecks in a row that have failed
}

// decision returns the earliest entry.
func (a *timers) next() time.Time {
	var first time.Time
	for _, t := range []time.Time{a.pass, a.tick, a.flip, a.beat, a.verify, a.age, a.recheck} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
