package usage

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flagcast/flagcast/internal/backoff"
	"github.com/flagcast/flagcast/internal/outage"
)

const (
	// shutdownTimeout bounds the last report at the end of the process.
	shutdownTimeout = 5 * time.Second
	// maxPause is the longest time between two tries while upstream fails.
	maxPause = 5 * time.Minute
	// maxReports bounds the reports of one round: SDKs go on reporting meanwhile.
	maxReports = 512
	// maxHalves bounds the search for what upstream refuses.
	maxHalves = 64
)

// Run sends reports until ctx ends, and then once more what is left, for at most
// shutdownTimeout. It returns nil.
func (c *Collector) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, e := range c.envs {
		running.Go(func() { c.runEnvironment(ctx, e) })
	}
	running.Wait()
	return nil
}

func (c *Collector) runEnvironment(ctx context.Context, e *environment) {
	for {
		pause := time.NewTimer(c.pause(e))
		select {
		case <-ctx.Done():
			pause.Stop()
			c.flush(ctx, e)
			return
		case <-pause.C:
		}
		c.logOutcome(e, c.reportOnce(ctx, e))
	}
}

// flush sends what is left. What upstream does not accept now is lost.
func (c *Collector) flush(ctx context.Context, e *environment) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := c.reportOnce(ctx, e)
	e.mu.Lock()
	defer e.mu.Unlock()
	left := e.backend.rows.evaluations() + e.frontend.rows.evaluations()
	due := len(e.backend.instances.due) + len(e.frontend.instances.due)
	c.metrics.drop(shutdown, evaluations, left)
	c.metrics.drop(shutdown, registrations, uint64(due))
	e.backend, e.frontend = newPartition(0), newPartition(0)
	if left > 0 || due > 0 {
		c.options.Log.Warn("usage is lost: upstream did not accept it before the shutdown", "environment", e.name,
			"evaluations", left, "registrations", due, "err", err)
	}
}

// reportOnce sends everything that waits. What upstream does not accept waits on.
func (c *Collector) reportOnce(ctx context.Context, e *environment) error {
	for range maxReports {
		batch, over := e.take(time.Now())
		c.metrics.drop(capacity, evaluations, over.evaluations)
		c.metrics.drop(capacity, variants, over.variants)
		if len(batch) == 0 {
			return nil
		}
		halves := maxHalves
		left, err := c.send(ctx, e, batch, &halves)
		if err != nil {
			lost := e.restore(left)
			c.metrics.drop(capacity, evaluations, lost.evaluations)
			c.metrics.drop(capacity, variants, lost.variants)
			c.metrics.drop(capacity, registrations, lost.registrations)
			return err
		}
	}
	return nil
}

// send posts a batch. Unleash refuses a whole report for one invalid item, so such a
// batch is halved until the item is found. send returns what has not been sent, with
// a temporary error.
func (c *Collector) send(ctx context.Context, e *environment, batch []item, halves *int) (left []item, err error) {
	err = c.post(ctx, e, body(batch))
	evaluated, registered := totals(batch)
	switch {
	case err == nil:
		c.metrics.sent.add(evaluations, evaluated)
		c.metrics.sent.add(registrations, uint64(registered))
		return nil, nil
	case !unreadable(err):
		return batch, err
	case len(batch) == 1 || *halves == 0:
		c.metrics.drop(refused, evaluations, evaluated)
		c.metrics.drop(refused, registrations, uint64(registered))
		c.options.Log.Warn("upstream refused a part of a usage report; it is dropped", "environment", e.name,
			"evaluations", evaluated, "registrations", registered, "err", err)
		return nil, nil
	}
	*halves--
	half := len(batch) / 2
	if left, err = c.send(ctx, e, batch[:half], halves); err != nil {
		return append(left, batch[half:]...), err
	}
	return c.send(ctx, e, batch[half:], halves)
}

// logOutcome stores the result of a round, and logs when reporting starts to fail,
// fails in another way, and recovers.
func (c *Collector) logOutcome(e *environment, err error) {
	before := e.err
	e.mu.Lock()
	if e.err = err; err != nil {
		e.failures++
	} else {
		e.failures = 0
	}
	e.mu.Unlock()
	switch outage.Between(before, err) {
	case outage.Began, outage.Differs:
		c.options.Log.Error(
			"cannot report usage; reports are buffered, and the oldest hours are dropped first when full", "err", err,
			"environment", e.name)
	case outage.Ended:
		c.options.Log.Info("upstream accepts usage reports again", "environment", e.name)
	}
}

// pause returns the time until the next round: the interval, with exponential backoff
// while upstream fails.
func (c *Collector) pause(e *environment) time.Duration {
	wait := c.options.Interval
	if e.err != nil {
		wait = backoff.Exponential(wait, e.failures, max(maxPause, wait))
		var refused *statusError
		if errors.As(e.err, &refused) {
			wait = max(wait, min(refused.retryAfter, maxPause))
		}
	}
	return backoff.Jitter(wait-wait/20, wait+wait/20)
}
