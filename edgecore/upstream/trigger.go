package upstream

import (
	"context"
	"time"
)

// burstDelays are the times after a trigger at which upstream is polled: a webhook of
// Unleash may arrive before its client API has the change, which takes two internal
// ticks of a second.
var burstDelays = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// Trigger starts a burst of polls, since something may have changed upstream. It never
// blocks. Triggers coalesce: at most one burst runs at a time; while upstream fails
// they cause at most one poll per interval.
func (p *Poll) Trigger() {
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

// wait waits until the next poll is due, by the interval or by a trigger. err is the
// result of the last poll. It returns false when ctx ends.
func (p *Poll) wait(ctx context.Context, err error) bool {
	if err != nil {
		p.burst.left = nil // a burst would load an upstream that fails
	}
	if len(p.burst.left) > 0 {
		next := p.burst.since.Add(p.burst.left[0])
		p.burst.left = p.burst.left[1:]
		return sleep(ctx, nil, time.Until(next)) != ended
	}
	asked, pause := time.Now(), p.pause(err)
	switch sleep(ctx, p.triggers, pause) {
	case ended:
		return false
	case elapsed:
		return true
	}
	if err != nil {
		return sleep(ctx, nil, time.Until(asked.Add(p.minimalPause(pause, err)))) != ended
	}
	p.burst = burst{since: time.Now(), left: burstDelays[1:]}
	return true
}

// minimalPause returns the shortest pause after a poll that failed, for triggers: the
// interval, or the Retry-After of upstream if that is longer.
func (p *Poll) minimalPause(pause time.Duration, err error) time.Duration {
	return min(pause, max(p.options.Interval, retryAfter(err)))
}

type wakeReason int

const (
	ended wakeReason = iota
	elapsed
	triggered
)

func sleep(ctx context.Context, triggers <-chan struct{}, d time.Duration) wakeReason {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ended
	case <-timer.C:
		return elapsed
	case <-triggers:
		return triggered
	}
}
