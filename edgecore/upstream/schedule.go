package upstream

import (
	"context"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/backoff"
)

// burstDelays are the times after a trigger at which upstream is polled: a webhook of
// Unleash may arrive before its client API has the change, which takes two internal
// ticks of a second.
var burstDelays = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// Trigger starts a burst of polls, since something may have changed upstream. It never
// blocks. Triggers coalesce: at most one burst runs at a time; while upstream fails
// they cause at most one poll per interval, and while it streams none.
func (p *Server) Trigger() {
	select {
	case p.triggers <- struct{}{}:
	default: // one waits already
	}
}

// burst is the rest of the polls after a trigger.
type burst struct {
	since time.Time
	left  []time.Duration
}

// wait waits until the next poll is due, by the interval or by a trigger, and delivers
// what streams change meanwhile. err is the result of the last poll. It returns false when
// ctx ends.
func (p *Server) wait(ctx context.Context, err error, deliver func(*edgecore.Definitions)) bool {
	if err != nil {
		p.burst.left = nil // a burst would load an upstream that fails
	}
	asked, pause := time.Now(), p.pause(err)
	slow := backoff.Jitter(reconcile-reconcile/20, reconcile+reconcile/20)
	triggers, due := p.triggers, asked.Add(pause)
	live := err == nil && p.live()
	switch {
	case len(p.burst.left) > 0:
		due = p.burst.since.Add(p.burst.left[0])
		p.burst.left = p.burst.left[1:]
		triggers, live = nil, false
	case live:
		due = asked.Add(slow)
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-triggers:
			if live {
				continue // the stream brings it
			}
			if err == nil {
				p.burst = burst{since: time.Now(), left: burstDelays[1:]}
				return true
			}
			triggers = nil
			timer.Reset(time.Until(asked.Add(p.minimalPause(pause, err))))
		case <-p.changed:
			if p.hasUndelivered() {
				deliver(p.merge())
			}
			streaming := p.live()
			if streaming {
				p.confirm() // whether or not polls fail
			}
			now := err == nil && streaming
			if triggers == nil || now == live {
				continue
			}
			// A stream that has ended is replaced by polls after the usual pause.
			if live = now; live {
				timer.Reset(time.Until(asked.Add(slow)))
			} else {
				timer.Reset(pause)
			}
		}
	}
}

// live reports whether the streams of all tokens are open, and no poll has reason to
// come before long.
func (p *Server) live() bool {
	for _, s := range p.scopes {
		s.mu.Lock()
		live := s.events.live && s.regress.answers == 0
		s.mu.Unlock()
		if !live {
			return false
		}
	}
	return true
}

// minimalPause returns the shortest pause after a poll that failed, for triggers: the
// interval, or the Retry-After of upstream if that is longer.
func (p *Server) minimalPause(pause time.Duration, err error) time.Duration {
	return min(pause, max(p.options.Interval, retryAfter(err, maxPause)))
}
