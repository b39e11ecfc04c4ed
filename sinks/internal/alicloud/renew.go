package alicloud

import (
	"context"
	"sync"
	"time"
)

const (
	// renewBefore is how long before their end keys are replaced, if they last
	// longer: those of STS last an hour, those of an instance six.
	renewBefore = 5 * time.Minute
	// renewPause lies between two tries while the old keys still hold.
	renewPause = 30 * time.Second
	// renewPatience is how long a call waits for new keys meanwhile.
	renewPatience = 5 * time.Second
)

// fetch gets new keys and the time of their end.
type fetch func(ctx context.Context) (Keys, time.Time, error)

// renewed hands out temporary keys and replaces them before they end. One
// caller at a time fetches new ones; the others go on with the old ones while
// those hold, and else wait for it and share what comes out.
type renewed struct {
	fetch fetch
	turn  chan struct{} // held by who fetches

	mu        sync.Mutex
	keys      Keys
	ends, due time.Time
	tries     int   // that have ended
	failed    error // of the last one; written by who has the turn
}

func newRenewed(f fetch) *renewed { return &renewed{fetch: f, turn: make(chan struct{}, 1)} }

// Retrieve implements Credentials.
func (r *renewed) Retrieve(ctx context.Context) (Keys, error) {
	keys, hold, due, before := r.look()
	if !due {
		return keys, nil
	}
	select {
	case r.turn <- struct{}{}:
	default:
		if hold {
			return keys, nil
		}
		select {
		case r.turn <- struct{}{}:
		case <-ctx.Done():
			return Keys{}, ctx.Err()
		}
	}
	defer func() { <-r.turn }()
	var tries int
	if keys, hold, due, tries = r.look(); !due {
		return keys, nil
	}
	if tries != before && r.failed != nil { // while this caller waited
		return Keys{}, r.failed
	}
	if hold {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, renewPatience)
		defer cancel()
	}
	fresh, ends, err := r.fetch(ctx)
	switch {
	case err == nil:
		r.keep(fresh, ends)
		return fresh, nil
	case hold:
		r.postpone() // the error comes back when the keys have ended
		return keys, nil
	case ctx.Err() != nil: // says nothing to the others
		return Keys{}, err
	}
	r.fail(err)
	return Keys{}, err
}

// Renew implements Credentials.
func (r *renewed) Renew(used Keys) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == used {
		r.ends, r.due = time.Time{}, time.Time{}
	}
	return true
}

// look returns the keys, whether they hold, whether to replace them, and how
// many tries there have been.
func (r *renewed) look() (keys Keys, hold, due bool, tries int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	return r.keys, now.Before(r.ends), !now.Before(r.due), r.tries
}

func (r *renewed) keep(keys Keys, ends time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	r.keys, r.ends, r.due, r.failed = keys, ends, ends.Add(-renewBefore), nil
	// Keys that the service renews later than we would like, or whose end has
	// passed by our clock: use them, but do not ask for each call.
	if soon := time.Now().Add(renewPause); r.due.Before(soon) {
		r.due = soon
	}
}

func (r *renewed) postpone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if next := time.Now().Add(renewPause); next.Before(r.ends) {
		r.due = next
	} else {
		r.due = r.ends
	}
}

func (r *renewed) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	r.failed = err
}
