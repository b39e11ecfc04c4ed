package sinks

import "context"

// Progress has callbacks for PutAll and GetAll with a service that has no call for many
// objects. Both may be called by several goroutines.
type Progress struct {
	Began func(calls int)
	Done  func() // one of the calls is over
}

// WithProgress returns a sink that reports the progress of PutAll and GetAll. It must be
// outside of the other decorators, but for DryRun.
func WithProgress(s Sink, p Progress) Sink {
	_, puts := innermost(s).(BatchPutter)
	_, gets := innermost(s).(BatchGetter)
	return &progressing{Sink: s, progress: p, batchPuts: puts, batchGets: gets}
}

type progressing struct {
	Sink
	progress             Progress
	batchPuts, batchGets bool // the service has a call for many objects
}

func (s *progressing) Unwrap() Sink { return s.Sink }

// PutBatch reports each object that is put by a call of its own.
func (s *progressing) PutBatch(ctx context.Context, objects []Object) []error {
	if s.batchPuts {
		return PutAll(ctx, s.Sink, objects)
	}
	s.progress.Began(len(objects))
	errs := make([]error, len(objects))
	each(len(objects), func(i int) {
		errs[i] = s.Put(ctx, objects[i])
		s.progress.Done()
	})
	return errs
}

// GetBatch reports each key that is read by a call of its own.
func (s *progressing) GetBatch(ctx context.Context, keys []Key) ([][]byte, []error) {
	if s.batchGets {
		return GetAll(ctx, s.Sink, keys)
	}
	s.progress.Began(len(keys))
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	each(len(keys), func(i int) {
		bodies[i], errs[i] = s.Get(ctx, keys[i])
		s.progress.Done()
	})
	return bodies, errs
}
