package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/memory"
)

// service is a sink with calls for many objects and a quota.
type service struct {
	*memory.Sink
	puts, gets atomic.Int64 // calls
	mu         sync.Mutex
	left       int
	until      time.Time
}

func (s *service) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	s.puts.Add(1)
	errs := make([]error, len(objects))
	for i, o := range objects {
		errs[i] = s.Sink.Put(ctx, o)
	}
	return errs
}

func (s *service) GetBatch(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
	s.gets.Add(1)
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	for i, key := range keys {
		bodies[i], errs[i] = s.Get(ctx, key)
	}
	return bodies, errs
}

func (s *service) Put(ctx context.Context, o sinks.Object) error {
	s.puts.Add(1)
	return s.Sink.Put(ctx, o)
}

func (s *service) Quota() (int, time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left, s.until, !s.until.IsZero()
}

func (s *service) Locate(key sinks.Key) string { return "at " + string(key) }

func objects(n int) (list []sinks.Object, keys []sinks.Key) {
	for i := range n {
		key := sinks.Key(fmt.Sprintf("k%d", i))
		list, keys = append(list, sinks.Object{Key: key, Body: []byte(fmt.Sprint(i))}), append(keys, key)
	}
	return list, keys
}

// Many objects go in one call where the service has one, through every
// decorator, and one by one where it has none.
func TestManyObjects(t *testing.T) {
	metrics := sinks.NewMetrics(prometheus.NewRegistry())
	decorate := map[string]func(sinks.Sink) sinks.Sink{
		"bare":     func(s sinks.Sink) sinks.Sink { return s },
		"paced":    func(s sinks.Sink) sinks.Sink { return sinks.Paced(s, sinks.NewPace(1000, time.Second)) },
		"measured": func(s sinks.Sink) sinks.Sink { return sinks.Measured(s, "s", metrics) },
		"all": func(s sinks.Sink) sinks.Sink {
			return sinks.Measured(sinks.Paced(s, sinks.NewPace(1000, time.Second)), "s", metrics)
		},
	}
	list, keys := objects(20)
	list = append(list, sinks.Object{Key: "bad key"})
	keys = append(keys, "absent")
	for name, f := range decorate {
		for _, batches := range []bool{true, false} {
			inner := &service{Sink: memory.WithLimit(0)}
			s := f(inner)
			if !batches {
				s = f(memory.WithLimit(0))
			}
			errs := sinks.PutAll(t.Context(), s, list)
			for i, err := range errs {
				if bad := i == 20; (err != nil) != bad || bad && !errors.Is(err, sinks.ErrPermanent) {
					t.Errorf("%s: put %d: %v", name, i, err)
				}
			}
			bodies, errs := sinks.GetAll(t.Context(), s, keys)
			for i, err := range errs {
				if absent := i == 20; errors.Is(err, sinks.ErrNotFound) != absent ||
					!absent && string(bodies[i]) != fmt.Sprint(i) {
					t.Errorf("%s: get %d: %q, %v", name, i, bodies[i], err)
				}
			}
			if batches && (inner.puts.Load() != 1 || inner.gets.Load() != 1) {
				t.Errorf("%s: %d and %d calls for many objects", name, inner.puts.Load(), inner.gets.Load())
			}
			if _, ok := sinks.As[sinks.Locator](s); ok != batches {
				t.Errorf("%s: As finds what the decorated sink can: %v", name, ok)
			}
		}
	}
	if errs := sinks.PutAll(t.Context(), memory.WithLimit(0), nil); len(errs) != 0 {
		t.Errorf("no objects: %v", errs)
	}
}

// Progress is reported for each call, and not at all where one call is enough.
func TestProgress(t *testing.T) {
	list, keys := objects(20)
	for _, batches := range []bool{false, true} {
		var s sinks.Sink = memory.WithLimit(0)
		if batches {
			s = &service{Sink: memory.WithLimit(0)}
		}
		began, done := 0, atomic.Int64{}
		s = sinks.WithProgress(sinks.Paced(s, sinks.NewPace(1000, time.Second)), sinks.Progress{Began: func(n int) {
			began += n
		}, Done: func() { done.Add(1) }})
		want := 20
		if batches {
			want = 0
		}
		for i, err := range sinks.PutAll(t.Context(), s, list) {
			if err != nil {
				t.Errorf("put %d: %v", i, err)
			}
		}
		if began != want || int(done.Load()) != want {
			t.Errorf("batches %v: %d puts began, %d are done, want %d", batches, began, done.Load(), want)
		}
		bodies, errs := sinks.GetAll(t.Context(), s, keys)
		for i, err := range errs {
			if err != nil || string(bodies[i]) != fmt.Sprint(i) {
				t.Errorf("get %d: %q, %v", i, bodies[i], err)
			}
		}
		if began != 2*want || int(done.Load()) != 2*want {
			t.Errorf("batches %v: %d calls began, %d are done, want %d", batches, began, done.Load(), 2*want)
		}
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	inner := memory.WithLimit(10)
	s := sinks.DryRun(inner)
	list, keys := objects(3)
	errs := sinks.PutAll(t.Context(), s, append(list, sinks.Object{Key: "large", Body: make([]byte, 11)}))
	if errors.Join(errs[:3]...) != nil || !errors.Is(errs[3], sinks.ErrPermanent) {
		t.Errorf("puts: %v", errs)
	}
	if _, errs := sinks.GetAll(t.Context(), s, keys); !errors.Is(errs[0], sinks.ErrNotFound) {
		t.Errorf("a dry run has written: %v", errs)
	}
	if err := inner.Put(t.Context(), list[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "k0"); err != nil {
		t.Error(err)
	}
	if body, err := s.Get(t.Context(), "k0"); string(body) != "0" {
		t.Errorf("a dry run has deleted, or does not read: %v", err)
	}
}

// All sinks of one credential together stay within its calls.
func TestPaceIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := sinks.NewPace(100, 10*time.Second)
		inner := &service{Sink: memory.WithLimit(0)}
		began := time.Now()
		var calls []time.Duration
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range 4 {
			s := sinks.Paced(inner, pace)
			group.Go(func() {
				for range 100 {
					if err := s.Put(t.Context(), sinks.Object{Key: sinks.Key(fmt.Sprintf("k%d", i))}); err != nil {
						t.Error(err)
					}
					mu.Lock()
					calls = append(calls, time.Since(began))
					mu.Unlock()
				}
			})
		}
		group.Wait()
		for from := range calls { // any ten seconds
			within := 0
			for _, at := range calls[from:] {
				if at < calls[from]+10*time.Second {
					within++
				}
			}
			if within > 101 {
				t.Fatalf("%d calls within ten seconds from %s on", within, calls[from])
			}
		}
		if took := time.Since(began); took > 50*time.Second {
			t.Errorf("400 calls took %s", took)
		}
	})
}

// What the service says is left counts where it is less.
func TestPaceFollowsTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &service{Sink: memory.WithLimit(0)}
		s := sinks.Paced(inner, sinks.NewPace(1000, time.Second))
		put := func(ctx context.Context) (time.Duration, error) {
			began := time.Now()
			err := s.Put(ctx, sinks.Object{Key: "k"})
			return time.Since(began), err
		}
		if took, err := put(t.Context()); took != 0 || err != nil {
			t.Fatalf("%s, %v", took, err)
		}
		inner.left, inner.until = 3, time.Now().Add(time.Minute)
		if _, err := put(t.Context()); err != nil { // learns
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		took, err := put(ctx)
		if took != 0 || err == nil ||
			!strings.Contains(err.Error(), "no calls left for this credential, new ones in 1m0s") {
			t.Errorf("a call that cannot be made in time: %v after %s", err, took)
		}
		if errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrAmbiguous) {
			t.Errorf("it may pass, and nothing was sent: %v", err)
		}
		inner.left, inner.until = 1000, time.Now().Add(2*time.Minute)
		if took, err := put(t.Context()); took != time.Minute || err != nil {
			t.Errorf("the next call took %s, %v", took, err)
		}
		if took, err := put(t.Context()); took > time.Second || err != nil {
			t.Errorf("with calls left it took %s, %v", took, err)
		}
	})
}

// reporting is a sink whose service says how far a write has come.
type reporting struct{ sinks.Sink }

func (s reporting) Propagated(ctx context.Context, _ sinks.Key) (bool, error) { return true, ctx.Err() }

// The question how far a write has come is a call, too.
func TestSpreadIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, ok := sinks.As[sinks.PropagationReporter](
			sinks.Measured(sinks.Paced(reporting{memory.WithLimit(0)}, sinks.NewPace(2, time.Second)), "s",
				sinks.NewMetrics(prometheus.NewRegistry())))
		if !ok {
			t.Fatal("it does not ask")
		}
		began := time.Now()
		for range 5 {
			if done, err := asked.Propagated(t.Context(), "k"); !done || err != nil {
				t.Errorf("%v, %v", done, err)
			}
		}
		if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("five calls took %s, two in a second are allowed", took)
		}
		silent, _ := sinks.As[sinks.PropagationReporter](sinks.Paced(memory.WithLimit(0), sinks.NewPace(1, time.Hour)))
		for range 3 { // no call is made
			if _, err := silent.Propagated(t.Context(), "k"); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v", err)
			}
		}
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sinks.Paced(memory.WithLimit(0), sinks.NewPace(1, time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var err error
		for range 3 {
			if err = s.Put(ctx, sinks.Object{Key: "k"}); err != nil {
				break
			}
			time.AfterFunc(time.Second, cancel)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestMeasuredCountsEachObject(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := sinks.Measured(memory.WithLimit(5), "cf", sinks.NewMetrics(registry))
	list, keys := objects(3)
	sinks.PutAll(t.Context(), s, append(list, sinks.Object{Key: "large", Body: make([]byte, 6)}))
	sinks.GetAll(t.Context(), s, append(keys, "absent"))
	_ = s.Delete(t.Context(), "k0")
	want := `
# HELP flagcast_sink_calls_total Calls of sinks, by result: ok, absent, failed, ambiguous or permanent.
# TYPE flagcast_sink_calls_total counter
flagcast_sink_calls_total{call="delete",result="ok",sink="cf"} 1
flagcast_sink_calls_total{call="get",result="absent",sink="cf"} 1
flagcast_sink_calls_total{call="get",result="ok",sink="cf"} 3
flagcast_sink_calls_total{call="put",result="ok",sink="cf"} 3
flagcast_sink_calls_total{call="put",result="permanent",sink="cf"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "flagcast_sink_calls_total"); err != nil {
		t.Error(err)
	}
}

// Calls of 10 ms to 5 minutes, and those of a folder, fall into different
// buckets.
func TestDurationsCanBeTold(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := sinks.Measured(memory.WithLimit(0), "m", sinks.NewMetrics(registry))
	_ = s.Delete(t.Context(), "k")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var bounds []float64
	for _, family := range families {
		for _, b := range family.GetMetric()[0].GetHistogram().GetBucket() {
			bounds = append(bounds, b.GetUpperBound())
		}
	}
	last := -1
	for _, d := range []time.Duration{
		300 * time.Microsecond, 3 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond,
		80 * time.Millisecond, 200 * time.Millisecond,
		time.Second, 4 * time.Second, 20 * time.Second, 50 * time.Second, 100 * time.Second, 5 * time.Minute,
	} {
		bucket, _ := slices.BinarySearch(bounds, d.Seconds())
		if bucket <= last || bucket == len(bounds) {
			t.Errorf("%s is not told from what is shorter: %v", d, bounds)
		}
		last = bucket
	}
}
