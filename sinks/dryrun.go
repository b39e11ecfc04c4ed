package sinks

import "context"

// DryRun returns a sink that reads from s and writes nothing: Put, PutBatch
// and Delete check what they can and report success.
func DryRun(s Sink) Sink { return dryRun{s} }

type dryRun struct{ Sink }

func (d dryRun) Unwrap() Sink { return d.Sink }

func (d dryRun) Put(_ context.Context, o Object) error { return d.Limits().CheckSize(o) }

func (d dryRun) GetBatch(ctx context.Context, keys []Key) ([][]byte, []error) {
	return GetAll(ctx, d.Sink, keys)
}

func (d dryRun) Delete(context.Context, Key) error { return nil }
