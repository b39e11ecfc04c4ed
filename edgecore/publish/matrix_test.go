package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// counting is a sink for several keys that says which calls were made.
type counting struct {
	shelf
	mu      sync.Mutex
	made    []string
	refuses func(key sinks.Key) error
}

func (s *counting) call(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made = append(s.made, fmt.Sprintf(format, args...))
}

// calls returns what was called since the last time, in order of names.
func (s *counting) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.made
	s.made = nil
	slices.Sort(made)
	return strings.Join(made, " ")
}

func (s *counting) refuse(f func(key sinks.Key) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = f
}

func (s *counting) Put(ctx context.Context, o sinks.Object) error {
	s.call("put:%s", o.Key)
	s.mu.Lock()
	refuses := s.refuses
	s.mu.Unlock()
	if err := call(refuses, o.Key); err != nil {
		return err
	}
	return s.shelf.Put(ctx, o)
}

func (s *counting) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	s.call("get:%s", key)
	return s.shelf.Get(ctx, key)
}

// manyAtOnce is counting with calls for many objects.
type manyAtOnce struct{ *counting }

func (s manyAtOnce) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	errs := make([]error, len(objects))
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = string(o.Key)
		if errs[i] = call(s.refuses, o.Key); errs[i] == nil {
			errs[i] = s.shelf.Put(ctx, o)
		}
	}
	s.call("put:%s", strings.Join(keys, ","))
	return errs
}

func (s manyAtOnce) GetBatch(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = string(key)
		bodies[i], errs[i] = s.shelf.Get(ctx, key)
	}
	s.call("get:%s", strings.Join(names, ","))
	return bodies, errs
}

// matrix is a publisher of one key for each of three countries.
func matrix(t *testing.T, batches bool, f func(t *testing.T, w *world, s *counting)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := &counting{shelf: shelf{t: t, bodies: map[sinks.Key][]byte{}}}
		w.target.Sink = s
		if batches {
			w.target.Sink = manyAtOnce{s}
		}
		w.target.Outputs = nil
		for _, country := range []string{"cn", "de", "us"} {
			spec := snapshot.Spec{
				Format: snapshot.Evaluated1, Environment: "e", Target: "t", Static: eval.Context{
					Fields: map[string]string{"country": country},
				},
			}
			w.target.Outputs = append(w.target.Outputs, publish.Output{Key: sinks.Key(country), Spec: spec})
		}
		w.target.Schedule = nil
		f(t, w, s)
	})
}

// only delivers a flag that is on in some countries.
func (w *world) only(t *testing.T, countries ...string) {
	t.Helper()
	w.put(t,
		`{"features":[{"name":"f","enabled":true,"strategies":[{"name":"default",`+
			`"constraints":[{"contextName":"country","operator":"IN","values":["`+strings.Join(countries, `","`)+
			`"]}]}]}]}`)
}

// on lists the keys whose snapshot has the flag.
func (s *counting) on() string {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	var keys []string
	for key, body := range s.bodies {
		if len(names(body)) > 0 {
			keys = append(keys, string(key))
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestMatrixWritesWhatHasChanged(t *testing.T) {
	for batches, want := range map[bool][2]string{
		false: {
			"get:cn get:cn get:de get:de get:us get:us put:cn put:de put:us",
			"get:de get:de get:us get:us put:de put:us",
		},
		true: {"get:cn,de,us get:cn,de,us put:cn,de,us", "get:de,us get:de,us put:de,us"},
	} {
		matrix(t, batches, func(t *testing.T, w *world, s *counting) {
			defer w.run(t)()
			w.only(t, "cn", "de")
			after(time.Minute)
			if got := s.calls(); got != want[0] || s.on() != "cn de" {
				t.Errorf("at first the calls are %s, on in %s", got, s.on())
			}
			w.only(t, "cn", "us")
			after(time.Minute)
			if got := s.calls(); got != want[1] || s.on() != "cn us" {
				t.Errorf("then the calls are %s, on in %s", got, s.on())
			}
			if !strings.Contains(w.log.String(), " sink=s written=2 keys=3 ") {
				t.Errorf("the log does not say how many:\n%s", w.log)
			}
			w.only(t, "us", "cn")
			after(time.Hour)
			if got := s.calls(); got != "" {
				t.Errorf("without a change the calls are %s", got)
			}
		})
	}
}

// A key that fails keeps no other from being written, and only it is written
// again.
func TestMatrixKeysFailAlone(t *testing.T) {
	for _, batches := range []bool{false, true} {
		matrix(t, batches, func(t *testing.T, w *world, s *counting) {
			defer w.run(t)()
			s.refuse(func(key sinks.Key) error {
				if key == "de" {
					return errors.New("413")
				}
				return nil
			})
			w.only(t, "cn", "de", "us")
			after(time.Minute)
			status := w.running.Status()
			if s.on() != "cn us" || status.State != "failing" || !status.Keys[0].Verified || status.Keys[1].Verified ||
				status.Keys[1].Digest != "" {
				t.Errorf("on in %s, the status is %+v", s.on(), status)
			}
			if n := strings.Count(s.calls(), "cn"); n > 3 { // a read, a put, a read after it
				t.Errorf("%d calls for a key that is up to date", n)
			}
			s.refuse(nil)
			after(2 * time.Minute) // longer than the pause after seven failures
			if s.on() != "cn de us" || w.running.Status().State != "ok" ||
				w.told(publish.Published) != "published published published" ||
				w.told(publish.Recovered) != "recovered" {
				t.Errorf("on in %s, the status is %+v, told %s", s.on(), w.running.Status(),
					w.told(publish.Published, publish.Recovered))
			}
			if got := w.reasons(t); !strings.HasPrefix(got, "3 content, ") || strings.Contains(got, "repair") {
				t.Errorf("the reasons are %s", got)
			}
		})
	}
}

// A pin holds one key of a matrix, and heartbeats keep it.
func TestMatrixPinsOneKey(t *testing.T) {
	matrix(t, true, func(t *testing.T, w *world, s *counting) {
		w.target.Heartbeat = 20 * time.Minute
		defer w.run(t)()
		w.only(t, "cn", "de")
		after(5 * time.Minute)
		if _, err := w.session().Rewrite(t.Context(), publish.Rewrite{
			Key: "cn", Pinned: "because", Kind: publish.Pinned,
		}); err != nil {
			t.Error(err)
		}
		w.only(t, "us")
		after(time.Hour)
		status := w.running.Status()
		if s.on() != "cn us" || status.State != "pinned" || status.Keys[0].Pinned != "because" ||
			status.Keys[1].Pinned != "" {
			t.Errorf("on in %s, the status is %+v", s.on(), status)
		}
		if age := time.Since(status.Keys[0].PublishedAt); age > 20*time.Minute {
			t.Errorf("the pin is %s old", age)
		}
	})
}

// Two hundred keys are written in one pass, and share one seq.
func TestMatrixOfManyKeys(t *testing.T) {
	matrix(t, true, func(t *testing.T, w *world, s *counting) {
		cell := w.target.Outputs[0]
		w.target.Outputs = nil
		for i := range 200 {
			c := cell
			c.Key = sinks.Key(fmt.Sprint("k", i))
			w.target.Outputs = append(w.target.Outputs, c)
		}
		w.only(t, "cn")
		outcomes, err := w.session().Once(t.Context(), true)
		if err != nil || len(outcomes) != 200 {
			t.Fatalf("%d outcomes, %v", len(outcomes), err)
		}
		for i, o := range outcomes {
			if o.Action != "published" || o.Seq != outcomes[0].Seq || o.Key != w.target.Outputs[i].Key {
				t.Errorf("%d is %+v", i, o)
			}
		}
		if got := strings.Count(s.calls(), ":"); got != 2 {
			t.Errorf("%d calls", got)
		}
	})
}
