package usage

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// shutdownTimeout bounds the last report at the end of the process.
	shutdownTimeout = 5 * time.Second
	// maxPause is the longest time between two tries while upstream fails.
	maxPause = 5 * time.Minute
	// maxReports bounds the reports of one turn: what comes in meanwhile may
	// never end.
	maxReports = 512
	// maxHalves bounds the search for what upstream does not take.
	maxHalves = 64
)

// Run sends until ctx ends, and then once more what is left, for a few
// seconds. It returns nil.
func (c *Collector) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, e := range c.envs {
		running.Go(func() { c.follow(ctx, e) })
	}
	running.Wait()
	return nil
}

func (c *Collector) follow(ctx context.Context, e *environment) {
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

// flush sends what is left. What upstream does not take now is lost.
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
	e.backend, e.frontend = newShare(0), newShare(0)
	if left > 0 || due > 0 {
		c.options.Log.Warn("usage of SDKs is lost: upstream has not taken it before the end", "environment", e.name, "evaluations", left, "registrations", due, "err", err)
	}
}

// reportOnce sends all that waits. What upstream does not take now waits on.
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

// send posts a batch. Unleash refuses a report as a whole for one thing in it
// that it cannot read, so such a batch is halved until that is found. It
// returns what has not been sent, with the error that may pass.
func (c *Collector) send(ctx context.Context, e *environment, batch []item, halves *int) (left []item, err error) {
	err = c.post(ctx, e, body(batch))
	evaluated, registered := weigh(batch)
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
		c.options.Log.Warn("upstream refuses a part of the usage of SDKs: it is dropped", "environment", e.name, "evaluations", evaluated, "registrations", registered, "err", err)
		return nil, nil
	}
	*halves--
	half := len(batch) / 2
	if left, err = c.send(ctx, e, batch[:half], halves); err != nil {
		return append(left, batch[half:]...), err
	}
	return c.send(ctx, e, batch[half:], halves)
}

// logOutcome keeps and logs how a turn went.
func (c *Collector) logOutcome(e *environment, err error) {
	before := e.err
	e.mu.Lock()
	if e.err = err; err != nil {
		e.failures++
	} else {
		e.failures = 0
	}
	e.mu.Unlock()
	switch {
	case err == nil && before != nil:
		c.options.Log.Info("upstream takes usage of SDKs again", "environment", e.name)
	case err != nil && (before == nil || before.Error() != err.Error()):
		c.options.Log.Error("report usage of SDKs: "+err.Error(), "environment", e.name)
		if before == nil {
			c.options.Log.Warn("it waits, and the newest is kept", "environment", e.name)
		}
	}
}

// pause is the time until the next turn: the interval, longer and longer while
// upstream fails.
func (c *Collector) pause(e *environment) time.Duration {
	wait := c.options.Interval
	if e.err != nil {
		wait = min(wait<<min(e.failures-1, 10), max(maxPause, wait))
		var refused *statusError
		if errors.As(e.err, &refused) {
			wait = max(wait, min(refused.retryAfter, maxPause))
		}
	}
	return wait - wait/20 + rand.N(wait/10+1)
}
