package publish_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// state is what the status and the metrics say of the target.
func (w *world) state(t *testing.T) string {
	t.Helper()
	held, pinned := metric(t, w.registry, "held", ""), metric(t, w.registry, "pinned", "")
	return fmt.Sprintf("%s held=%v pinned=%v", w.running.Status().State, held, pinned)
}

// accept makes the pass of `sync --accept` in a process of its own.
func (w *world) accept(t *testing.T, digest string) {
	t.Helper()
	o := w.options
	o.Log, o.Metrics, o.Accept = quiet(), publish.NewMetrics(prometheus.NewRegistry()), []string{digest}
	outcomes, err := publish.NewSession(w.target, w.store, o).Once(t.Context(), true)
	if err != nil || outcomes[0].Action != "published" {
		t.Fatalf("%+v, %v", outcomes, err)
	}
}

// Without a schedule nothing reads the key but the recheck: the end of a pin and
// of a hold shows within a minute, in the status and in the metrics.
func TestRecheckFindsTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		before string // state
		stop   func(t *testing.T, w *world)
		end    func(t *testing.T, w *world)
		puts   int // of the running publisher, from the end on
		stored int // flags that are on then
	}{
		"unpin": {
			"pinned held=0 pinned=1",
			func(t *testing.T, w *world) {
				w.rewrite(t, w.sink.bytes())
				w.flags(t, "a", "b", "c", "d", "e", "f", "g")
			},
			func(t *testing.T, w *world) { w.rewrite(t, nil) },
			1, 7,
		},
		"unpin of the wanted content": {
			"pinned held=0 pinned=1",
			func(t *testing.T, w *world) {
				w.rewrite(t, w.sink.bytes())
				w.flags(t, "a", "b", "c", "d", "e", "f", "g")
				after(time.Second)
				w.flags(t, many...)
			},
			func(t *testing.T, w *world) { w.rewrite(t, nil) },
			0, 10,
		},
		"sync --accept": {
			"held held=1 pinned=0",
			func(t *testing.T, w *world) { w.flags(t, "a") },
			func(t *testing.T, w *world) { w.accept(t, w.running.Status().Keys[0].Held) },
			0, 1,
		},
		"held, then pinned": {
			"held held=1 pinned=0",
			func(t *testing.T, w *world) { w.flags(t, "a") },
			func(t *testing.T, w *world) { w.rewrite(t, w.sink.bytes()) },
			0, 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.target.Schedule, w.sink.crowded = nil, true
				defer w.run(t)()
				w.flags(t, many...)
				after(5 * time.Minute)
				c.stop(t, w)
				after(5 * time.Minute)
				if got := w.state(t); got != c.before {
					t.Fatalf("the state is %s, want %s\n%s", got, c.before, w.log)
				}
				c.end(t, w)
				puts := w.sink.count()
				after(time.Minute)
				want := "ok held=0 pinned=0"
				if name == "held, then pinned" {
					want = "pinned held=0 pinned=1"
				}
				if got := w.state(t); got != want {
					t.Errorf("a minute later the state is %s, want %s\n%s", got, want, w.log)
				}
				on, err := snapshot.OnFlags(w.sink.bytes(), time.Now())
				if got := w.sink.count() - puts; got != c.puts || len(on) != c.stored || err != nil {
					t.Errorf("%d puts and %d flags that are on, want %d and %d: %v\n%s", got, len(on), c.puts, c.stored,
						err, w.log)
				}
				if name == "sync --accept" && w.told(health...) != "held recovered" {
					t.Errorf("the events are %s", w.told(health...))
				}
			})
		})
	}
}

// A sink that fails is asked less and less often, and the target is not failing
// one: there is nothing to write.
func TestRecheckBacksOff(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		least int // reads in an hour
		most  int
	}{
		"fails":   {errors.New("503"), 12, 18},
		"refuses": {sinks.ErrPermanent, 12, 16},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.target.Schedule, w.sink.crowded = nil, true
				defer w.run(t)()
				w.flags(t, many...)
				after(5 * time.Minute)
				w.rewrite(t, w.sink.bytes())
				w.flags(t, "a", "b", "c", "d", "e", "f", "g")
				after(5 * time.Minute)
				w.sink.change(func(s *store) { s.read = func() error { return c.err } })
				reads := w.sink.reads()
				after(time.Hour)
				if got := w.sink.reads() - reads; got < c.least || got > c.most {
					t.Errorf("%d reads in an hour, want %d to %d\n%s", got, c.least, c.most, w.log)
				}
				if got := w.state(t); got != "pinned held=0 pinned=1" || w.told(publish.Failed) != "" {
					t.Errorf("the state is %s, the events are %s", got, w.told(publish.Failed))
				}
				w.sink.change(func(s *store) { s.read = nil })
				w.rewrite(t, nil)
				after(5 * time.Minute)
				if got := w.state(t); got != "ok held=0 pinned=0" {
					t.Errorf("the state is %s\n%s", got, w.log)
				}
			})
		})
	}
}

// A read that may be stale is not taken for the end of a pin.
func TestRecheckAndStaleReads(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule, w.sink.crowded = nil, true
		defer w.run(t)()
		w.flags(t, many...)
		after(5 * time.Minute)
		w.rewrite(t, w.sink.bytes())
		w.flags(t, "a", "b", "c", "d", "e", "f", "g")
		after(time.Second) // the pin is seen
		w.sink.change(func(s *store) { s.at, s.lag = time.Now(), 100*time.Second })
		after(100 * time.Second)
		if got := w.state(t); got != "pinned held=0 pinned=1" || w.sink.count() != 2 {
			t.Errorf("the state is %s after %d puts\n%s", got, w.sink.count(), w.log)
		}
	})
}

// A running publisher whose put is pinned by another process before a read has
// shown the put finds the pin when it looks for the put.
func TestVerifyFindsAPin(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule, w.sink.crowded = nil, true
		defer w.run(t)()
		w.flags(t, many...)
		after(5 * time.Minute)
		first := w.sink.bytes()
		w.sink.change(func(s *store) { s.lag = 5 * time.Second })
		w.flags(t, "a", "b", "c", "d", "e", "f", "g")
		after(time.Second)
		w.sink.change(func(s *store) { s.lag = 0 })
		w.rewrite(t, first)
		after(time.Minute)
		if got := w.state(t); got != "pinned held=0 pinned=1" {
			t.Errorf("the state is %s\n%s", got, w.log)
		}
	})
}

// shelves is a sink in memory of many keys, which counts reads of each.
type shelves struct {
	mu     sync.Mutex
	bodies map[sinks.Key][]byte
	reads  map[sinks.Key]int
}

func (s *shelves) Limits() sinks.Limits { return sinks.Limits{} }

func (s *shelves) Put(_ context.Context, o sinks.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies[o.Key] = o.Body
	return nil
}

func (s *shelves) Get(_ context.Context, key sinks.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads[key]++
	if body := s.bodies[key]; body != nil {
		return body, nil
	}
	return nil, sinks.ErrNotFound
}

func (s *shelves) Delete(context.Context, sinks.Key) error { return nil }

// take returns the reads since the last call.
func (s *shelves) take() map[sinks.Key]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	reads := s.reads
	s.reads = map[sinks.Key]int{}
	return reads
}

// Of a matrix with many keys on hold each recheck reads a bounded number, in
// turn; keys that are not on hold are not read.
func TestRecheckIsBounded(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		sink := &shelves{bodies: map[sinks.Key][]byte{}, reads: map[sinks.Key]int{}}
		w.target.Schedule, w.target.Sink, w.target.Outputs = nil, sink, nil
		const cells, pinned = 200, 100
		for i := range cells {
			w.target.Outputs = append(w.target.Outputs,
				publish.Output{Key: sinks.Key(fmt.Sprintf("k%d", i)), Spec: snapshot.Spec{
					Format: snapshot.Evaluated1, Environment: "e", Target: "t",
					Static: eval.Context{Fields: map[string]string{"country": fmt.Sprint(i)}},
				}})
		}
		defer w.run(t)()
		w.flags(t, many...)
		after(5 * time.Minute)
		for i := range pinned {
			r := publish.Rewrite{Key: sinks.Key(fmt.Sprintf("k%d", i)), Kind: publish.Pinned, Pinned: "an incident"}
			if _, err := w.session().Rewrite(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		w.flags(t, "a", "b", "c", "d", "e", "f", "g")
		after(2 * time.Second)
		sink.take()
		after(time.Minute)
		sum, reads := 0, sink.take()
		for key, n := range reads {
			if sum += n; n != 1 {
				t.Errorf("%d reads of %s", n, key)
			}
		}
		if sum != 32 {
			t.Errorf("%d reads in a minute", sum)
		}
		after(4 * time.Minute)
		reads = sink.take()
		for i := range cells {
			key := sinks.Key(fmt.Sprintf("k%d", i))
			if read := reads[key] > 0; read != (i < pinned) {
				t.Errorf("%s: %d reads", key, reads[key])
			}
		}
		if _, err := w.session().Rewrite(t.Context(), publish.Rewrite{Key: "k50", Kind: publish.Unpinned}); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Minute)
		s := w.running.Status()
		if s.State != "pinned" || s.Keys[50].Pinned != "" || s.Keys[49].Pinned == "" ||
			!strings.Contains(w.log.String(), "key=k50") {
			t.Errorf("the status is %+v", s)
		}
	})
}
