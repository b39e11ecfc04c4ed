package sinktest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
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
		f := &sinktest.Faulty{Sink: memory.Limited(limit)}
		f.OnPut = func(ctx context.Context, o sinks.Object) (bool, error) {
			_, err := f.Sink.Get(ctx, o.Key)
			return err != nil || len(o.Body) > limit, ctx.Err()
		}
		return f
	}, "replaces the object"},
	"calls every failure not found": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.Limited(limit)}
		f.OnGet = func(_ context.Context, _ sinks.Key, body []byte, err error) ([]byte, error) {
			if err != nil {
				err = sinks.ErrNotFound
			}
			return body, err
		}
		return f
	}, "tells absent from failed"},
	"answers an absent key with nothing": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.Limited(limit)}
		f.OnGet = func(_ context.Context, _ sinks.Key, body []byte, err error) ([]byte, error) {
			if errors.Is(err, sinks.ErrNotFound) {
				return nil, nil
			}
			return body, err
		}
		return f
	}, "tells absent from failed"},
	"fails to delete what is not there": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.Limited(limit)}
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
		return folded{memory.Limited(limit)}
	}, "keeps keys apart"},
	"writes in two steps": {func() sinks.Sink {
		f := &sinktest.Faulty{Sink: memory.Limited(limit)}
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
		f := &sinktest.Faulty{Sink: memory.Limited(limit)}
		f.OnPut = func(_ context.Context, o sinks.Object) (bool, error) {
			return false, f.Sink.Put(context.Background(), o)
		}
		return f
	}, "does nothing when the context has ended"},
	"keeps the caller's bytes": {func() sinks.Sink {
		return &keeper{Sink: memory.Limited(limit), bodies: map[sinks.Key][]byte{}}
	}, "neither keeps nor changes the caller's bytes"},
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
	f := &sinktest.Faulty{Sink: memory.Limited(limit)}
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
		inner := memory.New()
		f := &sinktest.Faulty{Sink: inner, OnPut: func(context.Context, sinks.Object) (bool, error) { return apply, lost }}
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
	f := &sinktest.Faulty{Sink: memory.Limited(1), OnPut: func(context.Context, sinks.Object) (bool, error) { return true, nil }}
	var large *sinks.TooLargeError
	if err := f.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("12")}); !errors.As(err, &large) {
		t.Errorf("got %v, want the error of the sink behind it", err)
	}
}

func TestFaultyWithoutHooksIsTheSink(t *testing.T) {
	sinktest.Run(t, func(*testing.T) sinks.Sink { return &sinktest.Faulty{Sink: memory.Limited(limit)} }, sinktest.Options{})
}
