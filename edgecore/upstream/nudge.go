package upstream

import (
	"context"
	"time"
)

// burstDelays are the times after a nudge at which upstream is asked: a webhook of
// Unleash may come before the change shows in its client API, which takes two
// internal ticks of a second.
var burstDelays = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// Trigger says that something may have changed upstream. It never blocks. Many
// nudges cost no more than one round of polls after the other; while upstream
// fails they cost at most one poll in an interval.
func (p *Poll) Trigger() {
	select {
	case p.nudged <- struct{}{}:
	default: // one waits already
	}
}

// burst is the rest of a round of polls after a nudge.
type burst struct {
	since time.Time
	left  []time.Duration
}

// wait pauses until the next poll is due, by the interval or by a nudge. err
// is what the last one gave. It returns false when ctx ends.
func (p *Poll) wait(ctx context.Context, err error) bool {
	if err != nil {
		p.haste.left = nil // no hammering
	}
	if len(p.haste.left) > 0 {
		next := p.haste.since.Add(p.haste.left[0])
		p.haste.left = p.haste.left[1:]
		return sleep(ctx, nil, time.Until(next)) != ended
	}
	asked, pause := time.Now(), p.pause(err)
	switch sleep(ctx, p.nudged, pause) {
	case ended:
		return false
	case elapsed:
		return true
	}
	if err != nil {
		return sleep(ctx, nil, time.Until(asked.Add(p.minimalPause(pause, err)))) != ended
	}
	p.haste = burst{since: time.Now(), left: burstDelays[1:]}
	return true
}

// minimalPause is how long a nudge waits after a poll that failed: an interval, or
// as long as upstream wants to be left alone.
func (p *Poll) minimalPause(pause time.Duration, err error) time.Duration {
	return min(pause, max(p.options.Interval, retryAfter(err)))
}

type woken int

const (
	ended woken = iota
	elapsed
	nudged
)

func sleep(ctx context.Context, nudges <-chan struct{}, d time.Duration) woken {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ended
	case <-timer.C:
		return elapsed
	case <-nudges:
		return nudged
	}
}
