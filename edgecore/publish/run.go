package publish

import (
	"context"
	"errors"
	"time"

	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// agenda is what the loop has to do, and when. The zero time is never.
type agenda struct {
	pass      time.Time // bring the stored snapshot up to date
	reconcile bool      // and read it first
	tick      time.Time // of the schedule
	flip      time.Time // of the next DATE constraint
	verify    time.Time // look whether the last put is visible
	looks     int       // how often that has been done
}

// next returns the earliest entry.
func (a *agenda) next() time.Time {
	var first time.Time
	for _, t := range []time.Time{a.pass, a.tick, a.flip, a.verify} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// Run publishes until ctx ends: after a change of definitions (debounced), at
// the instant at which a DATE constraint flips, and on the schedule. A failure
// is retried with backoff, newest content first; it is never returned.
func (p *Publisher) Run(ctx context.Context) error {
	changes := make(chan struct{}, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(ctx, changes)
	}()
	defer func() { <-watched }()

	var a agenda
	a.reconcile = true
	if p.target.Schedule != nil {
		a.tick = p.target.Schedule.Next(time.Now())
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		var wake <-chan time.Time
		if next := a.next(); !next.IsZero() {
			timer.Reset(time.Until(next))
			wake = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
			// While a target fails, its backoff decides; a fault that only a
			// person can mend may have been mended by this very change.
			if a.pass.IsZero() || p.failures == 0 || p.permanent {
				a.pass = earlier(a.pass, time.Now().Add(p.target.Debounce))
			}
		case <-wake:
			p.turn(ctx, &a, time.Now())
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// watch signals every new version; signals that nobody has taken coalesce.
func (p *Publisher) watch(ctx context.Context, changes chan<- struct{}) {
	var version uint64
	for {
		st, err := p.states.Wait(ctx, p.target.Spec.Environment, version)
		if err != nil {
			return // ctx has ended
		}
		version = st.Version
		select {
		case changes <- struct{}{}:
		default:
		}
	}
}

// turn does what is due.
func (p *Publisher) turn(ctx context.Context, a *agenda, now time.Time) {
	if due(a.tick, now) {
		a.tick = p.target.Schedule.Next(now)
		a.reconcile = true
		if p.failures == 0 {
			a.pass = now
		}
	}
	if due(a.flip, now) {
		a.flip = time.Time{}
		a.pass = earlier(a.pass, now)
	}
	if due(a.verify, now) {
		p.verify(ctx, a)
	}
	if !due(a.pass, now) {
		return
	}
	if ready := p.written.at.Add(p.target.pace()); now.Before(ready) {
		a.pass = ready
		return
	}
	p.pass(ctx, a)
}

func (p *Publisher) pass(ctx context.Context, a *agenda) {
	out, err := p.Once(ctx, a.reconcile)
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, state.ErrNotReady):
		// A change will come when there is something to publish. What is
		// stored stays as it is.
		a.pass = time.Time{}
		return
	case err != nil:
		p.failures++
		p.permanent = errors.Is(err, sinks.ErrPermanent)
		p.metrics.failing(&p.target, p.failures)
		wait := backoff(p.failures, err)
		a.pass, a.reconcile = now.Add(wait), true
		p.log.Error("publish: "+err.Error(), "failures", p.failures, "retry_in", wait.Round(time.Millisecond).String())
		return
	}
	a.pass, a.reconcile = time.Time{}, false
	a.flip = time.Time{}
	if st, err := p.states.Load(p.target.Spec.Environment); err == nil {
		a.flip, _ = st.Program.NextFlip(now)
	}
	switch {
	case out.Action == "waiting":
		a.pass, a.reconcile = now.Add(firstBackoff<<min(a.looks, 5)), true
		a.looks++
	case !p.verified:
		a.verify, a.looks = now, 0
	}
}

// verify reads a put back. Reads may be stale: it looks again with growing
// pauses while reads may be stale, and then has the key written again if need be.
func (p *Publisher) verify(ctx context.Context, a *agenda) {
	a.verify = time.Time{}
	if p.verified {
		return
	}
	was := p.seen
	_, err := p.look(ctx)
	lag := time.Since(p.written.at)
	switch {
	case err == nil && p.seen.seq >= p.written.seq && !p.seen.absent && !p.seen.foreign:
		p.verified = true
		p.metrics.verified(&p.target, lag)
		p.log.Debug("verified", "key", p.target.Key, "seq", p.seen.seq, "lag_ms", lag.Milliseconds())
		if p.seen.digest != p.written.digest {
			p.log.Warn("another publisher writes this key; the next reconcile will put this one's content back", "key", p.target.Key, "sink", p.target.SinkName)
		}
		return
	case lag >= p.target.stale():
		p.metrics.unverified(&p.target)
		p.log.Warn("the put was accepted but no read has shown it: reconciling",
			"key", p.target.Key, "sink", p.target.SinkName, "after", lag.Round(time.Second).String(), "err", err)
		a.pass, a.reconcile = time.Now(), true
	default:
		a.verify = time.Now().Add(firstBackoff << min(a.looks, 5))
		a.looks++
	}
	// A stale read is not news: the next change is compared with the put.
	p.seen = was
}
