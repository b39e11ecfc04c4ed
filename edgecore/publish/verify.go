package publish

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

// verify reads puts back. Reads may be stale: it looks again with growing
// pauses while they may be, and then has the keys written again if need be. false
// says that it has given up a put.
func (p *Session) verify(ctx context.Context, a *timers) bool {
	a.verify = time.Time{}
	var keys []sinks.Key
	var looking []*keyState
	for _, c := range p.keys {
		if !c.verified {
			looking, keys = append(looking, c), append(keys, c.Key)
		}
	}
	if len(looking) == 0 {
		return true
	}
	callCtx, cancel := bound(ctx, len(keys))
	defer cancel()
	bodies, errs := sinks.GetAll(callCtx, p.target.Sink, keys)
	now, waiting, lost := time.Now(), false, false
	for i, c := range looking {
		was, written := c.read, c.newest
		_, err := c.observe(bodies[i], errs[i], now, p.target.stale())
		switch {
		case err == nil && c.shown():
			c.verified = true
			switch {
			case c.read.pinned != "" && !written.pinned:
				if p.health.failures == 0 {
					a.pass = earlier(a.pass, now) // which shows the pin
				}
			case c.read.digest != written.digest:
				p.log.Warn("another publisher writes this key; the next reconcile will put this one's content back",
					"key", c.Key, "sink", p.target.SinkName)
			}
			continue
		case !now.Before(c.newest.until) && (err == nil || now.Sub(c.lastPut) >= verifyFor):
			c.verified = true // as far as is known: the reconcile decides
			p.metrics.unverified(&p.target)
			p.emit(Event{Kind: Unverified, Key: c.Key, Seq: c.newest.seq, Digest: c.newest.digest})
			p.log.Warn("the put was accepted but no read has shown it: reconciling",
				"key", c.Key, "sink", p.target.SinkName, "after", now.Sub(c.lastPut).Round(time.Second).String(),
				"err", err)
			lost = true
		default:
			waiting = true
		}
		// A stale read is not news: the next change is compared with the put.
		c.read = was
	}
	if lost {
		// A sink that takes puts and stores nothing is not asked without end
		// without a pause.
		p.unshown++
		p.since = time.Time{}
		a.reconcile = true
		if p.health.failures == 0 {
			a.pass = earlier(a.pass, now.Add(backoff(p.unshown, nil)))
		}
	}
	if waiting {
		a.verify = now.Add(firstBackoff << min(a.looks, 5))
		a.looks++
	} else if !lost {
		p.unshown = 0
	}
	p.recordVisible(now)
	p.updateView()
	return !lost
}

// Verify reads back what was put until it shows or ctx ends, and reports whether
// it has.
func (p *Session) Verify(ctx context.Context) bool {
	a, shown := timers{}, true
	for p.unverified() && ctx.Err() == nil {
		shown = p.verify(ctx, &a) && shown
		if a.verify.IsZero() {
			break
		}
		timer := time.NewTimer(time.Until(a.verify))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
	return shown && !p.unverified()
}

// backoff is the pause after a number of consecutive failures, with jitter.
func backoff(failures int, err error) time.Duration {
	wait := firstBackoff << min(failures-1, 9)
	if errors.Is(err, sinks.ErrPermanent) {
		wait = longBackoff
	}
	wait = min(wait, longBackoff)
	return wait/2 + rand.N(wait/2)
}
