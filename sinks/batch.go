package sinks

import (
	"context"
	"sync"
)

// BatchPutter is implemented by sinks whose service stores many objects in one
// call.
type BatchPutter interface {
	// PutBatch stores objects of different keys. The result has an entry for
	// each object: nil, or an error like that of Put. A sink splits what is too much
	// for one call.
	PutBatch(ctx context.Context, objects []Object) []error
}

// BatchGetter is implemented by sinks whose service reads many objects in one
// call.
type BatchGetter interface {
	// GetBatch returns for each key a body and nil, or nil and an error like that of
	// Get.
	GetBatch(ctx context.Context, keys []Key) (bodies [][]byte, errs []error)
}

// parallelCalls is how many calls PutAll and GetAll make at once if the service has no
// call for many objects.
const parallelCalls = 8

// PutAll stores objects of different keys in as few calls as the sink can. The
// result is that of BatchPutter.
func PutAll(ctx context.Context, s Sink, objects []Object) []error {
	if b, ok := s.(BatchPutter); ok && len(objects) > 1 {
		return b.PutBatch(ctx, objects)
	}
	errs := make([]error, len(objects))
	each(len(objects), func(i int) { errs[i] = s.Put(ctx, objects[i]) })
	return errs
}

// GetAll reads objects in as few calls as the sink can. The result is that of
// BatchGetter.
func GetAll(ctx context.Context, s Sink, keys []Key) ([][]byte, []error) {
	if b, ok := s.(BatchGetter); ok && len(keys) > 1 {
		return b.GetBatch(ctx, keys)
	}
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	each(len(keys), func(i int) { bodies[i], errs[i] = s.Get(ctx, keys[i]) })
	return bodies, errs
}

// each calls f for 0 to n-1, parallelCalls at once.
func each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, parallelCalls)
	for i := range n {
		slots <- struct{}{}
		running.Go(func() {
			f(i)
			<-slots
		})
	}
	running.Wait()
}

// As finds an optional interface, such as Locator, in the sink or in one that it
// decorates. It is not for methods that store and read: they would bypass the metrics
// and rate limits of decorators.
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

// innermost returns the sink that decorators are around.
func innermost(s Sink) Sink {
	for {
		decorator, ok := s.(interface{ Unwrap() Sink })
		if !ok {
			return s
		}
		s = decorator.Unwrap()
	}
}
