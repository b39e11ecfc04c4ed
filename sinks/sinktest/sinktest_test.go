package sinktest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/memory"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// limit keeps the objects of the broken sinks small.
const limit = 4 << 10

// broken are sinks with one defect each, and the test of the suite that has to
// notice it.
var broken = map[string]struct {
	sink  func() sinks.Sink
	fails string
}{
	"trims white space": {func() sinks.Sink {
		return edited(func(o *sinks.Object) { o.Body = bytes.TrimSpace(o.Body) })
	}, "stores bytes exactly"},
	"keeps the first object": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
		f.OnPut = func(ctx context.Context, o sinks.Object) (bool, error) {
			_, err := f.Sink.Get(ctx, o.Key)
			return err != nil || len(o.Body) > limit, ctx.Err()
		}
		return f
	}, "replaces the object"},
	"calls every failure not found": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
		f.OnGet = func(_ context.Context, _ sinks.Key, body []byte, err error) ([]byte, error) {
			if err != nil {
				err = sinks.ErrNotFound
			}
			return body, err
		}
		return f
	}, "distinguishes absent from failed"},
	"answers an absent key with nothing": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
		f.OnGet = func(_ context.Context, _ sinks.Key, body []byte, err error) ([]byte, error) {
			if errors.Is(err, sinks.ErrNotFound) {
				return nil, nil
			}
			return body, err
		}
		return f
	}, "distinguishes absent from failed"},
	"fails to delete what is not there": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
		f.OnDelete = func(ctx context.Context, key sinks.Key) (bool, error) {
			_, err := f.Sink.Get(ctx, key)
			return true, err
		}
		return f
	}, "deletes, twice if asked"},
	"cuts what is too large": {func() sinks.Sink {
		return edited(func(o *sinks.Object) { o.Body = o.Body[:min(len(o.Body), limit)] })
	}, "refuses an object that is too large"},
	"stores long keys shortened": {func() sinks.Sink {
		return edited(func(o *sinks.Object) { o.Key = o.Key[:min(len(o.Key), 200)] })
	}, "takes the longest key"},
	"stores under any key": {func() sinks.Sink {
		return edited(func(o *sinks.Object) { o.Key = "x" })
	}, "refuses a key that is not portable"},
	"folds the case of keys": {func() sinks.Sink {
		return folded{memory.WithLimit(limit)}
	}, "keeps keys apart"},
	"writes in two steps": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
		var both sync.WaitGroup
		both.Add(2)
		meet := sync.OnceFunc(func() { both.Done(); both.Done() })
		f.OnPut = func(ctx context.Context, o sinks.Object) (bool, error) {
			if len(o.Body) < 100 || len(o.Body) > limit || ctx.Err() != nil {
				return true, nil
			}
			half := o
			half.Body = append(bytes.Clone(o.Body[:50]), 'x')
			meet()
			both.Wait()
			_ = f.Sink.Put(ctx, half)
			return false, nil
		}
		return f
	}, "leaves one whole object of concurrent puts"},
	"works on without a context": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
		f.OnPut = func(_ context.Context, o sinks.Object) (bool, error) {
			return false, f.Sink.Put(context.Background(), o)
		}
		return f
	}, "does nothing when the context has ended"},
	"keeps the caller's bytes": {func() sinks.Sink {
		return &keeper{Sink: memory.WithLimit(limit), bodies: map[sinks.Key][]byte{}}
	}, "neither keeps nor changes the caller's bytes"},
	"mixes up many objects": {func() sinks.Sink {
		b := newBatched()
		b.put = func(ctx context.Context, objects []sinks.Object) []error {
			turned := slices.Clone(objects)
			for i := range turned {
				turned[i].Body = objects[len(objects)-1-i].Body
			}
			return sinks.PutAll(ctx, b.Sink, turned)
		}
		return b
	}, "stores many objects at once"},
	"answers many keys in an order of its own": {func() sinks.Sink {
		b := newBatched()
		b.get = func(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
			bodies, errs := sinks.GetAll(ctx, b.Sink, keys)
			slices.Reverse(bodies)
			return bodies, errs
		}
		return b
	}, "stores many objects at once"},
	"escapes many objects otherwise than one": {func() sinks.Sink {
		b := newBatched()
		b.put = func(ctx context.Context, objects []sinks.Object) []error {
			changed := slices.Clone(objects)
			for i := range changed {
				changed[i].Body = bytes.ReplaceAll(changed[i].Body, []byte("<"), []byte(`\u003c`))
			}
			return sinks.PutAll(ctx, b.Sink, changed)
		}
		return b
	}, "stores many objects at once"},
	"refuses all objects for one": {func() sinks.Sink {
		b := newBatched()
		b.put = func(ctx context.Context, objects []sinks.Object) []error {
			errs := make([]error, len(objects))
			for _, o := range objects {
				if err := b.Limits().CheckSize(o); err != nil {
					for i := range errs {
						errs[i] = err
					}
					return errs
				}
			}
			return sinks.PutAll(ctx, b.Sink, objects)
		}
		return b
	}, "answers for each of many objects"},
	"leaves out what it cannot store": {func() sinks.Sink {
		b := newBatched()
		b.put = func(ctx context.Context, objects []sinks.Object) []error {
			errs := sinks.PutAll(ctx, b.Sink, objects)
			for i, err := range errs {
				if errors.Is(err, sinks.ErrPermanent) {
					errs[i] = nil
				}
			}
			return errs
		}
		return b
	}, "answers for each of many objects"},
	"calls one absent key of many a failure": {func() sinks.Sink {
		b := newBatched()
		b.get = func(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
			bodies, errs := sinks.GetAll(ctx, b.Sink, keys)
			for i, err := range errs {
				if errors.Is(err, sinks.ErrNotFound) {
					errs[i] = errors.New("not there")
				}
			}
			return bodies, errs
		}
		return b
	}, "reads many keys, absent ones among them"},
	"calls all of many keys absent for one": {func() sinks.Sink {
		b := newBatched()
		b.get = func(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
			bodies, errs := sinks.GetAll(ctx, b.Sink, keys)
			if slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, sinks.ErrNotFound) }) {
				for i := range errs {
					errs[i] = sinks.ErrNotFound
				}
			}
			return bodies, errs
		}
		return b
	}, "reads many keys, absent ones among them"},
	"works on for many without a context": {func() sinks.Sink {
		b := newBatched()
		b.put = func(_ context.Context, objects []sinks.Object) []error {
			return sinks.PutAll(context.Background(), b.Sink, objects)
		}
		return b
	}, "does nothing for many when the context has ended"},
	"calls what was not sent outcome unknown": {func() sinks.Sink {
		b := newBatched()
		b.put = func(ctx context.Context, objects []sinks.Object) []error {
			errs := sinks.PutAll(ctx, b.Sink, objects)
			for i, err := range errs {
				if errors.Is(err, context.Canceled) {
					errs[i] = fmt.Errorf("%w: %w", sinks.ErrAmbiguous, err)
				}
			}
			return errs
		}
		return b
	}, "does nothing for many when the context has ended"},
}

// batched is a sink with calls for many objects.
type batched struct {
	sinks.Sink
	put func(context.Context, []sinks.Object) []error
	get func(context.Context, []sinks.Key) ([][]byte, []error)
}

func newBatched() *batched {
	s := memory.WithLimit(limit)
	return &batched{
		Sink: s,
		put:  func(ctx context.Context, objects []sinks.Object) []error { return sinks.PutAll(ctx, s, objects) },
		get:  func(ctx context.Context, keys []sinks.Key) ([][]byte, []error) { return sinks.GetAll(ctx, s, keys) },
	}
}

func (b *batched) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	return b.put(ctx, objects)
}

func (b *batched) GetBatch(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
	return b.get(ctx, keys)
}

// TestSuiteNoticesDefects runs the suite in a process of its own, since a
// failing test cannot be run inside a passing one.
func TestSuiteNoticesDefects(t *testing.T) {
	if name := os.Getenv("SINKTEST_BROKEN"); name != "" {
		sinktest.Run(t, func(*testing.T) sinks.Sink { return broken[name].sink() }, sinktest.Options{})
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestSuiteNoticesDefects$")
			cmd.Env = append(os.Environ(), "SINKTEST_BROKEN="+name)
			out, err := cmd.CombinedOutput()
			test := "--- FAIL: TestSuiteNoticesDefects/" + strings.ReplaceAll(b.fails, " ", "_")
			if err == nil || !strings.Contains(string(out), test) {
				t.Errorf("the suite should fail in %q; it says (%v):\n%s", b.fails, err, out)
			}
		})
	}
}

// edited stores something else than what it is given.
func edited(edit func(*sinks.Object)) sinks.Sink {
	f := &sinktest.Faulty{Sink: memory.WithLimit(limit)}
	f.OnPut = func(ctx context.Context, o sinks.Object) (bool, error) {
		edit(&o)
		return false, f.Sink.Put(ctx, o)
	}
	return f
}

type folded struct{ sinks.Sink }

func lower(key sinks.Key) sinks.Key { return sinks.Key(strings.ToLower(string(key))) }

func (f folded) Put(ctx context.Context, o sinks.Object) error {
	o.Key = lower(o.Key)
	return f.Sink.Put(ctx, o)
}

func (f folded) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	return f.Sink.Get(ctx, lower(key))
}

func (f folded) Delete(ctx context.Context, key sinks.Key) error {
	return f.Sink.Delete(ctx, lower(key))
}

type keeper struct {
	sinks.Sink
	mu     sync.Mutex
	bodies map[sinks.Key][]byte
}

func (k *keeper) Put(ctx context.Context, o sinks.Object) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bodies[o.Key] = o.Body
	return k.Sink.Put(ctx, o)
}

func (k *keeper) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.Sink.Get(ctx, key); err != nil {
		return nil, err
	}
	return k.bodies[key], nil
}

func TestFaultyFailsBeforeOrAfterApplying(t *testing.T) {
	lost := errors.New("answer lost")
	for _, apply := range []bool{false, true} {
		inner := memory.WithLimit(0)
		f := &sinktest.Faulty{Sink: inner, OnPut: func(context.Context, sinks.Object) (bool, error) {
			return apply, lost
		}}
		if err := f.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("new")}); !errors.Is(err, lost) {
			t.Errorf("apply %v: put answers %v, want the error of the hook", apply, err)
		}
		if _, err := inner.Get(t.Context(), "k"); (err == nil) != apply {
			t.Errorf("apply %v: the object behind it: %v", apply, err)
		}
		f.OnDelete = func(context.Context, sinks.Key) (bool, error) { return apply, lost }
		if err := f.Delete(t.Context(), "k"); !errors.Is(err, lost) {
			t.Errorf("apply %v: delete answers %v, want the error of the hook", apply, err)
		}
		if _, err := inner.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
			t.Errorf("apply %v: the object is still there: %v", apply, err)
		}
	}
}

func TestFaultyGivesTheSinksErrorFirst(t *testing.T) {
	f := &sinktest.Faulty{Sink: memory.WithLimit(1), OnPut: func(context.Context, sinks.Object) (bool, error) {
		return true, nil
	}}
	var large *sinks.TooLargeError
	if err := f.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("12")}); !errors.As(err, &large) {
		t.Errorf("got %v, want the error of the sink behind it", err)
	}
}

func TestFaultyAsksForEachOfMany(t *testing.T) {
	lost := errors.New("answer lost")
	inner, calls := newBatched(), 0
	through := inner.put
	inner.put = func(ctx context.Context, objects []sinks.Object) []error {
		calls++
		return through(ctx, objects)
	}
	f := &sinktest.Faulty{Sink: inner}
	f.OnPut = func(_ context.Context, o sinks.Object) (bool, error) {
		switch o.Key {
		case "lost":
			return true, lost
		case "refused":
			return false, lost
		}
		return true, nil
	}
	keys := []sinks.Key{"lost", "refused", "large", "good"}
	var objects []sinks.Object
	for _, key := range keys {
		objects = append(objects, sinks.Object{Key: key, Body: []byte(key)})
	}
	objects[2].Body = make([]byte, limit+1)
	errs := sinks.PutAll(t.Context(), f, objects)
	var large *sinks.TooLargeError
	if !errors.Is(errs[0], lost) || !errors.Is(errs[1], lost) || !errors.As(errs[2], &large) || errs[3] != nil ||
		calls != 1 {
		t.Errorf("got %v after %d calls", errs, calls)
	}
	f.OnGet = func(_ context.Context, key sinks.Key, body []byte, err error) ([]byte, error) {
		if key == "good" {
			return []byte("older"), nil
		}
		return body, err
	}
	bodies, errs := sinks.GetAll(t.Context(), f, keys)
	if string(bodies[0]) != "lost" || !errors.Is(errs[1], sinks.ErrNotFound) ||
		!errors.Is(errs[2], sinks.ErrNotFound) || string(bodies[3]) != "older" {
		t.Errorf("got %q, %v", bodies, errs)
	}
}

func TestFaultyWithoutHooksIsTheSink(t *testing.T) {
	sinktest.Run(t, func(*testing.T) sinks.Sink {
		return &sinktest.Faulty{Sink: memory.WithLimit(limit)}
	}, sinktest.Options{})
}
