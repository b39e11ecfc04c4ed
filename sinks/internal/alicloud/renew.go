package alicloud

import (
	"context"
	"sync"
	"time"
)

const (
	// renewBefore is how long before their expiry keys are replaced, if they are valid
	// for longer: those of STS for an hour, those of an instance for six.
	renewBefore = 5 * time.Minute
	// renewPause is the pause between two tries while the old keys are valid.
	renewPause = 30 * time.Second
	// renewTimeout is how long a call waits for new keys meanwhile.
	renewTimeout = 5 * time.Second
)

// fetch requests new keys and returns them with their expiry.
type fetch func(ctx context.Context) (Keys, time.Time, error)

// renewing provides temporary keys and replaces them before they expire. One caller at a
// time fetches new ones (single-flight); the others use the old ones while those are
// valid, and otherwise wait for the result and share it.
type renewing struct {
	fetch    fetch
	fetching chan struct{} // held by the caller that fetches

	mu        sync.Mutex
	keys      Keys
	ends, due time.Time
	tries     int   // that have ended
	failed    error // of the last try; written by the caller that fetches
}

func newRenewing(f fetch) *renewing { return &renewing{fetch: f, fetching: make(chan struct{}, 1)} }

// Retrieve implements Credentials.
func (r *renewing) Retrieve(ctx context.Context) (Keys, error) {
	keys, hold, due, before := r.look()
	if !due {
		return keys, nil
	}
	select {
	case r.fetching <- struct{}{}:
	default:
		if hold {
			return keys, nil
		}
		select {
		case r.fetching <- struct{}{}:
		case <-ctx.Done():
			return Keys{}, ctx.Err()
		}
	}
	defer func() { <-r.fetching }()
	var tries int
	if keys, hold, due, tries = r.look(); !due {
		return keys, nil
	}
	if tries != before && r.failed != nil { // while this caller waited
		return Keys{}, r.failed
	}
	if hold {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, renewTimeout)
		defer cancel()
	}
	fresh, ends, err := r.fetch(ctx)
	switch {
	case err == nil:
		r.keep(fresh, ends)
		return fresh, nil
	case hold:
		r.postpone() // the error returns when the keys have expired
		return keys, nil
	case ctx.Err() != nil: // not an error for the others
		return Keys{}, err
	}
	r.fail(err)
	return Keys{}, err
}

// Renew implements Credentials.
func (r *renewing) Renew(used Keys) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == used {
		r.ends, r.due = time.Time{}, time.Time{}
	}
	return true
}

// look returns the keys, whether they are valid, whether to replace them, and the number
// of tries.
func (r *renewing) look() (keys Keys, hold, due bool, tries int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	return r.keys, now.Before(r.ends), !now.Before(r.due), r.tries
}

func (r *renewing) keep(keys Keys, ends time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	r.keys, r.ends, r.due, r.failed = keys, ends, ends.Add(-renewBefore), nil
	// Keys that the service renews late, or that have expired by the local clock: use
	// them, but do not fetch new ones for each call.
	if soon := time.Now().Add(renewPause); r.due.Before(soon) {
		r.due = soon
	}
}

func (r *renewing) postpone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if next := time.Now().Add(renewPause); next.Before(r.ends) {
		r.due = next
	} else {
		r.due = r.ends
	}
}

func (r *renewing) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	r.failed = err
}
