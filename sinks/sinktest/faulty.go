package sinktest

import (
	"context"

	"github.com/flagcast/flagcast/sinks"
)

// Faulty passes calls on to a sink unless a hook says otherwise, for tests of
// what is above a sink. A nil hook changes nothing. Hooks run in the
// caller's goroutine, possibly several at once; one that waits until ctx ends
// is a slow service. Calls for many objects ask the hook for each of them, in
// turn, and are otherwise those of the sink.
//
//	lost := errors.New("connection reset")
//	sink := &sinktest.Faulty{Sink: memory.WithLimit(0)}
//	sink.OnPut = func(context.Context, sinks.Object) (bool, error) {
//		return true, fmt.Errorf("%w: %w", sinks.ErrAmbiguous, lost) // stored, but the answer is lost
//	}
type Faulty struct {
	sinks.Sink
	// OnPut and OnDelete run before the call. apply says whether the sink
	// carries it out; an error of the sink comes before err.
	OnPut    func(ctx context.Context, o sinks.Object) (apply bool, err error)
	OnDelete func(ctx context.Context, key sinks.Key) (apply bool, err error)
	// OnGet runs after the call and returns what the caller gets instead of
	// what the sink has answered: an error, or an older object as a stale read.
	OnGet func(ctx context.Context, key sinks.Key, body []byte, err error) ([]byte, error)
}

// Put asks OnPut.
func (f *Faulty) Put(ctx context.Context, o sinks.Object) error {
	if f.OnPut == nil {
		return f.Sink.Put(ctx, o)
	}
	apply, err := f.OnPut(ctx, o)
	if apply {
		if failed := f.Sink.Put(ctx, o); failed != nil {
			return failed
		}
	}
	return err
}

// Get asks OnGet.
func (f *Faulty) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	body, err := f.Sink.Get(ctx, key)
	if f.OnGet == nil {
		return body, err
	}
	return f.OnGet(ctx, key, body, err)
}

// PutBatch asks OnPut for each object, and then puts those that it applies.
func (f *Faulty) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	if f.OnPut == nil {
		return sinks.PutAll(ctx, f.Sink, objects)
	}
	errs := make([]error, len(objects))
	var applied []sinks.Object
	var places []int
	for i, o := range objects {
		var apply bool
		if apply, errs[i] = f.OnPut(ctx, o); apply {
			applied, places = append(applied, o), append(places, i)
		}
	}
	for n, failed := range sinks.PutAll(ctx, f.Sink, applied) {
		if failed != nil {
			errs[places[n]] = failed
		}
	}
	return errs
}

// GetBatch asks OnGet for each key.
func (f *Faulty) GetBatch(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
	bodies, errs := sinks.GetAll(ctx, f.Sink, keys)
	if f.OnGet != nil {
		for i, key := range keys {
			bodies[i], errs[i] = f.OnGet(ctx, key, bodies[i], errs[i])
		}
	}
	return bodies, errs
}

// Delete asks OnDelete.
func (f *Faulty) Delete(ctx context.Context, key sinks.Key) error {
	if f.OnDelete == nil {
		return f.Sink.Delete(ctx, key)
	}
	apply, err := f.OnDelete(ctx, key)
	if apply {
		if failed := f.Sink.Delete(ctx, key); failed != nil {
			return failed
		}
	}
	return err
}
