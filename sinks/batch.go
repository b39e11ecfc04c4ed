package sinks

import (
	"context"
	"sync"
)

// BatchPutter is implemented by sinks whose service stores many objects in one
// call.
type BatchPutter interface {
	// PutBatch stores objects of different keys. The result has an entry for
	// each object: nil, or an error as Put gives it. A sink splits what is more
	// than one call takes.
	PutBatch(ctx context.Context, objects []Object) []error
}

// BatchGetter is implemented by sinks whose service reads many objects in one
// call.
type BatchGetter interface {
	// GetBatch returns for each key a body and nil, or nil and an error as Get
	// gives it.
	GetBatch(ctx context.Context, keys []Key) (bodies [][]byte, errs []error)
}

// together is how many calls PutAll and GetAll have under way at once where
// the service has no call for many objects.
const together = 8

// PutAll stores objects of different keys in as few calls as the sink can. The
// result is that of BatchPutter.
func PutAll(ctx context.Context, s Sink, objects []Object) []error {
	if b, ok := s.(BatchPutter); ok && len(objects) > 1 {
		return b.PutBatch(ctx, objects)
	}
	errs := make([]error, len(objects))
	each(ctx, len(objects), func(i int) { errs[i] = s.Put(ctx, objects[i]) })
	return errs
}

// GetAll reads objects in as few calls as the sink can. The result is that of
// BatchGetter.
func GetAll(ctx context.Context, s Sink, keys []Key) ([][]byte, []error) {
	if b, ok := s.(BatchGetter); ok && len(keys) > 1 {
		return b.GetBatch(ctx, keys)
	}
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	each(ctx, len(keys), func(i int) { bodies[i], errs[i] = s.Get(ctx, keys[i]) })
	return bodies, errs
}

// each calls f for 0 to n-1, several at once.
func each(ctx context.Context, n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	trace, _ := ctx.Value(traceKey{}).(*Trace)
	if trace != nil {
		trace.Began(n)
	}
	var running sync.WaitGroup
	places := make(chan struct{}, together)
	for i := range n {
		places <- struct{}{}
		running.Go(func() {
			f(i)
			if trace != nil {
				trace.Done()
			}
			<-places
		})
	}
	running.Wait()
}

// Trace says how far PutAll and GetAll have come where a service has no call
// for many objects. Both functions are called, and Done by several goroutines.
type Trace struct {
	Began func(calls int)
	Done  func() // one of the calls is over
}

type traceKey struct{}

// WithTrace returns a context whose calls are traced.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// As finds what a sink can do beside the contract, such as Locator, in the
// sink or in one that it decorates. What stores and reads is not for As: a
// decorator that is passed by would not count or pace it.
func As[T any](s Sink) (T, bool) {
	for {
		if found, ok := s.(T); ok {
			return found, true
		}
		decorator, ok := s.(interface{ Unwrap() Sink })
		if !ok {
			var none T
			return none, false
		}
		s = decorator.Unwrap()
	}
}
