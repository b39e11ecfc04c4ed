package publish

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

const (
	// recheckEvery is the longest time between two reads of what is held or
	// pinned, where reads succeed. A person ends both states from a process of
	// its own: flagcast unpin, flagcast sync --accept.
	recheckEvery = time.Minute
	// recheckKeys bounds the keys of one recheck. More of them are read in turn.
	recheckKeys = 32
)

// nextRecheck returns when to read what is held or pinned, the zero time for
// never. A target that fails is never rechecked: its next pass reads these keys.
func (p *Session) nextRecheck(now time.Time) time.Time {
	if p.health.failures > 0 || len(p.stoppedKeys()) == 0 {
		return time.Time{}
	}
	return now.Add(jittered(recheckEvery))
}

// jittered returns three quarters of a time to the whole of it.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/4) }

func (p *Session) stoppedKeys() []*keyState {
	var list []*keyState
	for _, c := range p.keys {
		if c.stopped() {
			list = append(list, c)
		}
	}
	return list
}

// recheck reads keys that are held or pinned, and has the target reconciled if
// another process has changed one, which may have changed all its keys. A read
// that fails is tried again after a growing pause; it is not a failure of the
// target, which has nothing to write.
func (p *Publisher) recheck(ctx context.Context, a *timers) {
	a.recheck = time.Time{}
	if !a.pass.IsZero() {
		return // the pass reads these keys, and sets the time of the next recheck
	}
	cells := p.session.nextKeys()
	if len(cells) == 0 {
		return
	}
	keys := make([]sinks.Key, len(cells))
	for i, c := range cells {
		keys[i] = c.Key
	}
	callCtx, cancel := bound(ctx, len(keys))
	defer cancel()
	bodies, errs := sinks.GetAll(callCtx, p.session.target.Sink, keys)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	var failed error
	for i, c := range cells {
		changed, err := c.recheck(bodies[i], errs[i], now, p.session.target.stale())
		switch {
		case err != nil:
			failed = err
		case changed:
			p.session.log.Info("another process has changed a key that was held or pinned",
				"key", c.Key, "sink", p.session.target.SinkName, "seq", c.read.seq)
			a.reconcile, a.pass = true, now
		}
	}
	if failed == nil {
		a.unread = 0
		a.recheck = now.Add(jittered(recheckEvery))
		return
	}
	a.unread++
	wait := min(recheckEvery<<min(a.unread, 9), longBackoff)
	if errors.Is(failed, sinks.ErrPermanent) {
		wait = longBackoff
	}
	wait = jittered(wait)
	a.recheck = now.Add(wait)
	p.session.log.Warn("cannot read the keys that are held or pinned", "err", failed, "sink", p.session.target.SinkName,
		"failures", a.unread, "retry_in", wait.Round(time.Second).String())
}

// nextKeys returns the keys of the next recheck: those that are held or pinned,
// at most recheckKeys of them, each in its turn.
func (p *Session) nextKeys() []*keyState {
	all := p.stoppedKeys()
	if len(all) <= recheckKeys {
		return all
	}
	from := p.rechecked % len(all)
	p.rechecked = from + recheckKeys
	return append(all[from:], all[:from]...)[:recheckKeys]
}
