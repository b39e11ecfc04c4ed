package publish

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/state"
)

// Publisher keeps one target up to date while it runs. Run it in one goroutine;
// what its session remembers belongs to that goroutine.
type Publisher struct{ session *Session }

// New makes a publisher. It starts nothing.
func New(t Target, states States, o Options) *Publisher {
	return &Publisher{session: NewSession(t, states, o)}
}

// Status returns how the target is. It may be called at any time.
func (p *Publisher) Status() Status { return p.session.Status() }

// Run publishes until ctx ends: after a change of definitions (debounced), at
// the instant at which a DATE constraint flips, on the schedule, for the
// heartbeat, and after another process has changed a key that is held or pinned.
// A failure is retried with backoff, newest content first; it is
// never returned.
func (p *Publisher) Run(ctx context.Context) error {
	changes := make(chan struct{}, 1)
	p.session.pending = make(chan pendingPut, 1)
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { p.watch(ctx, changes) })
	if len(p.session.target.Probes) > 0 {
		others.Go(func() { p.watchProbes(ctx, p.session.pending) })
	}

	var a timers
	a.reconcile = true
	p.session.health.began = time.Now()
	if p.session.target.Schedule != nil {
		a.tick = p.session.target.Schedule.Next(time.Now())
	}
	if p.session.options.StaleAfter > 0 {
		a.age = time.Now().Add(min(p.session.options.StaleAfter, p.session.options.upstreamStaleAfter()))
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
			// person can repair may have been repaired by this very change.
			if a.pass.IsZero() || p.session.health.failures == 0 || p.session.health.permanent {
				a.pass = earlier(a.pass, time.Now().Add(p.session.target.Debounce))
			}
		case <-wake:
			p.onTimer(ctx, &a, time.Now())
		}
	}
}

// watch signals every new version; signals that have not been taken coalesce.
func (p *Publisher) watch(ctx context.Context, changes chan<- struct{}) {
	var version uint64
	for {
		st, err := p.session.states.Wait(ctx, p.session.target.Environment, version)
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

// onTimer does what is due.
func (p *Publisher) onTimer(ctx context.Context, a *timers, now time.Time) {
	if due(a.age, now) {
		a.age = now.Add(min(p.session.options.StaleAfter, p.session.options.upstreamStaleAfter()) / 10)
		p.session.age(now)
	}
	if due(a.tick, now) {
		a.tick = p.session.target.Schedule.Next(now)
		a.reconcile, a.pass = true, now
	}
	if due(a.flip, now) {
		a.flip = time.Time{}
		a.pass = earlier(a.pass, now)
	}
	if due(a.beat, now) {
		a.beat = time.Time{}
		a.reconcile, a.pass = true, earlier(a.pass, now)
	}
	if due(a.verify, now) {
		p.session.verify(ctx, a)
	}
	if due(a.recheck, now) {
		p.recheck(ctx, a)
	}
	if !due(a.pass, now) {
		return
	}
	if ready := p.session.lastPut().Add(p.session.target.pace()); now.Before(ready) {
		a.pass = ready
		return
	}
	p.pass(ctx, a)
}

// lastPut is when a key was written last.
func (p *Session) lastPut() time.Time {
	var last time.Time
	for _, c := range p.keys {
		if c.lastPut.After(last) {
			last = c.lastPut
		}
	}
	return last
}

func (p *Publisher) pass(ctx context.Context, a *timers) {
	outcomes, err := p.session.Once(ctx, a.reconcile)
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
		wait := backoff(p.session.health.failures, err)
		a.pass, a.reconcile = now.Add(wait), false // keys that have failed are read in any case
		p.session.log.Error("publish", "err", err, "failures", p.session.health.failures,
			"retry_in", wait.Round(time.Millisecond).String())
	default:
		a.pass, a.reconcile = time.Time{}, false
	}
	a.flip, a.beat = p.session.flip, p.session.nextBeat(now)
	a.recheck, a.unread = p.session.nextRecheck(now), 0
	wrote, waiting := false, false
	for _, o := range outcomes {
		wrote, waiting = wrote || o.Bytes > 0, waiting || o.Action == ActionWaiting
	}
	if waiting {
		a.pass = earlier(a.pass, now.Add(firstBackoff<<min(a.looks, 5)))
		a.looks++
	}
	if p.session.unverified() && (a.verify.IsZero() || wrote) {
		a.verify, a.looks = now, 0
	}
	if !a.pass.IsZero() && !a.beat.IsZero() && a.beat.Before(a.pass) {
		a.beat = a.pass // what has to wait for another reason is not due before
	}
}

// nextBeat is when something that is stored must be written again; at the
// earliest in a second, since what could not be written now is not due at once.
func (p *Session) nextBeat(now time.Time) time.Time {
	var next time.Time
	if p.target.Heartbeat == 0 {
		return next
	}
	for _, c := range p.keys {
		if c.stored != nil {
			next = earlier(next, c.meta.PublishedAt.Add(p.target.Heartbeat))
		}
	}
	if soonest := now.Add(max(firstBackoff, p.target.pace())); !next.IsZero() && next.Before(soonest) {
		return soonest
	}
	return next
}
