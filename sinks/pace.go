package sinks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace limits the rate of the calls with one credential. All sinks that use the
// credential share one; it is safe for concurrent use.
type Pace struct {
	limiter *rate.Limiter
	usual   rate.Limit

	mu          sync.Mutex
	closedUntil time.Time // no call before
}

// NewPace allows a number of calls in each period: a tenth of them at once, the others
// evenly distributed.
func NewPace(calls int, in time.Duration) *Pace {
	burst := max(calls/10, 1)
	usual := rate.Limit(float64(max(calls-burst, 1)) / in.Seconds())
	return &Pace{limiter: rate.NewLimiter(usual, burst), usual: usual}
}

// wait returns when another call is allowed, or an error if that is not before ctx
// ends.
func (p *Pace) wait(ctx context.Context) error {
	p.mu.Lock()
	shut := time.Until(p.closedUntil)
	p.mu.Unlock()
	if deadline, ok := ctx.Deadline(); shut > 0 && ok && time.Until(deadline) < shut {
		return fmt.Errorf("the service has no calls left for this credential, new ones in %s", shut.Round(time.Second))
	}
	if shut > 0 {
		timer := time.NewTimer(shut)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := p.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("more calls are waiting than the service allows for this credential: %w", err)
	}
	return nil
}

// applyQuota lowers the rate to what the service reports, if that is less than what it
// documents.
func (p *Pace) applyQuota(left int, until time.Time) {
	rest := time.Until(until)
	if rest <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if left <= parallelCalls { // as many calls may be under way
		p.closedUntil = until
		return
	}
	p.limiter.SetLimit(min(p.usual, rate.Limit(float64(left)/rest.Seconds())))
}

// Paced returns a sink whose calls wait for the rate limit. A call that would wait
// beyond the deadline of its context fails at once with a temporary error.
func Paced(s Sink, p *Pace) Sink { return &paced{s, p} }

type paced struct {
	Sink
	pace *Pace
}

func (s *paced) Unwrap() Sink { return s.Sink }

// acquire waits until a call is allowed. done must be called after the call.
func (s *paced) acquire(ctx context.Context) (done func(), err error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	return func() {
		if q, ok := As[QuotaReporter](s.Sink); ok {
			if left, until, known := q.Quota(); known {
				s.pace.applyQuota(left, until)
			}
		}
	}, nil
}

func (s *paced) Put(ctx context.Context, o Object) error {
	done, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("put %q: %w", o.Key, err)
	}
	defer done()
	return s.Sink.Put(ctx, o)
}

func (s *paced) Get(ctx context.Context, key Key) ([]byte, error) {
	done, err := s.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("get %q: %w", key, err)
	}
	defer done()
	return s.Sink.Get(ctx, key)
}

func (s *paced) Delete(ctx context.Context, key Key) error {
	done, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	defer done()
	return s.Sink.Delete(ctx, key)
}

// PutBatch counts as one call if the service has a call for many objects.
func (s *paced) PutBatch(ctx context.Context, objects []Object) []error {
	b, ok := s.Sink.(BatchPutter)
	if !ok {
		return PutAll(ctx, noBatch{s}, objects)
	}
	done, err := s.acquire(ctx)
	if err != nil {
		return repeat(fmt.Errorf("put %d objects: %w", len(objects), err), len(objects))
	}
	defer done()
	return b.PutBatch(ctx, objects)
}

// GetBatch counts as PutBatch does.
func (s *paced) GetBatch(ctx context.Context, keys []Key) ([][]byte, []error) {
	b, ok := s.Sink.(BatchGetter)
	if !ok {
		return GetAll(ctx, noBatch{s}, keys)
	}
	done, err := s.acquire(ctx)
	if err != nil {
		return make([][]byte, len(keys)), repeat(fmt.Errorf("get %d objects: %w", len(keys), err), len(keys))
	}
	defer done()
	return b.GetBatch(ctx, keys)
}

// Propagated implements PropagationReporter. Without one below the error is
// errors.ErrUnsupported.
func (s *paced) Propagated(ctx context.Context, key Key) (bool, error) {
	inner, ok := As[PropagationReporter](s.Sink)
	if !ok {
		return false, fmt.Errorf("ask whether %q is everywhere: %w", key, errors.ErrUnsupported)
	}
	if ctx.Err() == nil { // else there is no call
		done, err := s.acquire(ctx)
		if err != nil {
			return false, fmt.Errorf("ask whether %q is everywhere: %w", key, err)
		}
		defer done()
	}
	return inner.Propagated(ctx, key)
}

// noBatch hides the calls for many objects.
type noBatch struct{ Sink }

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
