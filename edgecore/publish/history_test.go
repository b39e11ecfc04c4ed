package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// shelf is a sink for a history. It may fail before a put, after it, or at
// any call.
type shelf struct {
	t      testing.TB
	mu     sync.Mutex
	bodies map[sinks.Key][]byte
	calls  int
	loose  bool // a seq may be used twice
	// truncated says that a list was cut: what it named is not deleted.
	truncated bool
	before    func(key sinks.Key) error
	after     func(key sinks.Key) error
}

func (s *shelf) Limits() sinks.Limits { return sinks.Limits{} }

func (s *shelf) Put(ctx context.Context, o sinks.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := errors.Join(ctx.Err(), call(s.before, o.Key)); err != nil {
		return err
	}
	if old, ok := s.bodies[o.Key]; ok && o.Immutable && !s.loose && !bytes.Equal(old, o.Body) {
		s.t.Errorf("the immutable %s is changed", o.Key)
	}
	s.bodies[o.Key] = bytes.Clone(o.Body)
	return call(s.after, o.Key)
}

func call(f func(sinks.Key) error, key sinks.Key) error {
	if f == nil {
		return nil
	}
	return f(key)
}

func (s *shelf) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := errors.Join(ctx.Err(), call(s.before, key)); err != nil {
		return nil, err
	}
	body, ok := s.bodies[key]
	if !ok {
		return nil, sinks.ErrNotFound
	}
	return body, nil
}

func (s *shelf) Delete(ctx context.Context, key sinks.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := errors.Join(ctx.Err(), call(s.before, key)); err != nil {
		return err
	}
	delete(s.bodies, key)
	return call(s.after, key)
}

func (s *shelf) fail(before, after func(sinks.Key) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// litter lists objects of a key's history that no entry names.
func (s *shelf) litter(t testing.TB, key sinks.Key) []sinks.Key {
	t.Helper()
	h := publish.History{Sink: s}
	entries, err := h.List(context.Background(), key)
	if err != nil && !errors.Is(err, publish.ErrHistoryDamaged) {
		t.Error(err)
	}
	var left []sinks.Key
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.bodies {
		if strings.HasPrefix(string(k), string(key)+"_") && k != publish.ListKey(key) &&
			!slices.ContainsFunc(entries, func(e publish.Entry) bool { return k == publish.EntryKey(key, e.Seq) }) {
			left = append(left, k)
		}
	}
	return left
}

// historic is a publisher with a history of three.
func historic(t *testing.T, f func(t *testing.T, w *world, s *shelf)) {
	within(t, func(t *testing.T, w *world) {
		s := &shelf{t: t, bodies: map[sinks.Key][]byte{}}
		w.target.History = &publish.History{Sink: s, SinkName: "back", Keep: 3}
		f(t, w, s)
		if left := s.litter(t, "k"); len(left) > 0 {
			t.Errorf("objects without an entry: %v", left)
		}
	})
}

// kept lists what the history holds, newest first, as names of flags; "?" is
// an entry without its object.
func (w *world) kept(t *testing.T) string {
	t.Helper()
	entries, err := w.target.History.List(t.Context(), "k")
	if err != nil {
		t.Error(err)
	}
	var words []string
	for i, e := range entries {
		word := "?"
		if body, err := w.target.History.Body(t.Context(), "k", e); err == nil {
			meta, err := snapshot.Open(body)
			if err != nil || meta.Seq != e.Seq || meta.Digest != e.Digest || meta.Pinned != e.Pinned ||
				!meta.PublishedAt.Equal(e.At) || len(body) != e.Bytes {
				t.Errorf("%+v holds %+v, %v", e, meta, err)
			}
			word = strings.Join(names(body), "+") + e.Pinned
		}
		if i > 0 && entries[i-1].Seq <= e.Seq {
			t.Errorf("the order is %+v", entries)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// names lists the flags of an evaluated snapshot.
func names(body []byte) []string {
	var list []string
	for _, part := range strings.Split(string(body), `{"name":"`)[1:] {
		if name, _, _ := strings.Cut(part, `"`); name != "disabled" {
			list = append(list, name)
		}
	}
	return list
}

func TestHistory(t *testing.T) {
	historic(t, func(t *testing.T, w *world, s *shelf) {
		w.target.Heartbeat = 30 * time.Minute
		defer w.run(t)()
		for i, want := range []string{"a", "b a", "c b a", "d c b", "e d c"} {
			w.flags(t, string(rune('a'+i)))
			after(time.Hour) // with heartbeats
			if got := w.kept(t); got != want {
				t.Errorf("the history is %q, want %q", got, want)
			}
		}
		e := w.target.History
		entries, _ := e.List(t.Context(), "k")
		body, err := e.Body(t.Context(), "k", entries[2])
		if err != nil {
			t.Fatal(err)
		}
		w.rewrite(t, body)
		if got := w.kept(t); got != "can incident e d" {
			t.Errorf("the history after a pin is %q", got)
		}
		calls := s.calls
		after(time.Hour)
		if s.calls != calls {
			t.Errorf("%d calls without a change", s.calls-calls)
		}
	})
}

// A history that fails holds nothing up, and is made good.
func TestHistoryThatFails(t *testing.T) {
	fail := errors.New("503")
	always := func(sinks.Key) error { return fail }
	body := func(key sinks.Key) error {
		if key != "k_history" {
			return fail
		}
		return nil
	}
	for name, c := range map[string]struct {
		before, after func(sinks.Key) error
		during        string
	}{
		"every call":           {always, nil, "a"},
		"answers of all":       {nil, always, "a"}, // the object first, then the list
		"writes of bodies":     {body, nil, "a"},
		"answers to of bodies": {nil, body, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			historic(t, func(t *testing.T, w *world, s *shelf) {
				defer w.run(t)()
				w.flags(t, "a")
				after(5 * time.Minute)
				s.fail(c.before, c.after)
				w.flags(t, "b")
				after(5 * time.Minute)
				if w.sink.count() != 2 || w.running.Status().State != "ok" ||
					metric(t, w.registry, "history_failures_total", "") < 4 {
					t.Errorf("%d puts, %+v", w.sink.count(), w.running.Status())
				}
				s.fail(nil, nil)
				if got := w.kept(t); got != c.during {
					t.Errorf("the history is %q, want %q", got, c.during)
				}
				after(2 * time.Minute)
				if got := w.kept(t); got != "b a" {
					t.Errorf("the history after the faults is %q", got)
				}
			})
		})
	}
}

// What was stored by others, or by a process that ended before it was kept, is
// in the history once something else takes its place.
func TestHistoryKeepsWhatWasReplaced(t *testing.T) {
	historic(t, func(t *testing.T, w *world, s *shelf) {
		stop := w.run(t)
		w.flags(t, "a")
		after(5 * time.Minute)
		s.fail(func(sinks.Key) error { return errors.New("503") }, nil)
		w.flags(t, "b")
		after(5 * time.Minute)
		stop()
		s.fail(nil, nil)
		if got := w.kept(t); got != "a" {
			t.Errorf("the history is %q", got)
		}
		w.flags(t, "c")
		stop = w.run(t)
		after(5 * time.Minute)
		stop()
		if got := w.kept(t); got != "c b a" {
			t.Errorf("the history is %q", got)
		}
		defer w.run(t)()
		w.sink.fail(nil, func() error { return fmt.Errorf("reset: %w", sinks.ErrAmbiguous) })
		w.flags(t, "d")
		after(5 * time.Minute)
		if got := w.kept(t); got != "d c b" {
			t.Errorf("the history after a put without an answer is %q", got)
		}
	})
}

// A process may end at every step of the history: it leaves at most the object
// of what is stored without an entry, and the next one makes that entry.
func TestHistoryCutShort(t *testing.T) {
	for step := range 12 {
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %v", step, applied), func(t *testing.T) {
				historic(t, func(t *testing.T, w *world, s *shelf) {
					for i := range 4 {
						w.flags(t, string(rune('a'+i)))
						if _, err := w.session().Once(t.Context(), true); err != nil {
							t.Fatal(err)
						}
						after(3 * time.Minute)
					}
					calls := 0
					gone := func(sinks.Key) error {
						if calls++; calls > step {
							return errors.New("the process has ended")
						}
						return nil
					}
					if applied {
						s.fail(nil, gone)
					} else {
						s.fail(gone, nil)
					}
					w.flags(t, "e")
					_, _ = w.session().Once(t.Context(), true)
					after(3 * time.Minute)
					s.fail(nil, nil)
					stored := publish.EntryKey("k", w.sink.meta().Seq)
					if left := s.litter(t, "k"); len(left) > 1 || len(left) == 1 && left[0] != stored {
						t.Errorf("objects without an entry: %v, stored is %s", left, stored)
					}
					for i := range 4 {
						w.flags(t, string(rune('p'+i)))
						if _, err := w.session().Once(t.Context(), true); err != nil {
							t.Fatal(err)
						}
						after(3 * time.Minute)
					}
					if got := w.kept(t); got != "s r q" || len(s.bodies) != 4 {
						t.Errorf("the history is %q in %d objects", got, len(s.bodies))
					}
				})
			})
		}
	}
}

// A list that is damaged begins again with what can be read of it, and the log
// says so.
func TestDamagedHistory(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(list []byte) []byte
		kept   string
		before string // of it
	}{
		"truncated":      {func(b []byte) []byte { return b[:len(b)-40] }, "d c b", "c b"},
		"half":           {func(b []byte) []byte { return b[:len(b)/2] }, "d c", "c"},
		"a page":         {func([]byte) []byte { return []byte("<html>") }, "d c", ""},
		"another object": {func([]byte) []byte { return []byte(`{"entries":7}`) }, "d c", ""},
		"deep": {func([]byte) []byte {
			return []byte(`{"entries":[` + strings.Repeat("[", 1<<20))
		}, "d c", ""},
		"empty":           {func([]byte) []byte { return nil }, "d c", ""},
		"its end is gone": {func(b []byte) []byte { return b[:len(b)-1] }, "d c b", "c b a"},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				s := &shelf{t: t, bodies: map[sinks.Key][]byte{}}
				w.target.History = &publish.History{Sink: s, SinkName: "back", Keep: 3}
				stop := w.run(t)
				for i := range 3 {
					w.flags(t, string(rune('a'+i)))
					after(5 * time.Minute)
				}
				s.mu.Lock()
				s.bodies["k_history"] = c.damage(s.bodies["k_history"])
				s.mu.Unlock()
				entries, err := w.target.History.List(t.Context(), "k")
				if !errors.Is(err, publish.ErrHistoryDamaged) || len(entries) != len(strings.Fields(c.before)) {
					t.Errorf("%d entries, %v, want %q", len(entries), err, c.before)
				}
				w.flags(t, "d")
				after(5 * time.Minute)
				stop()
				if got := w.kept(t); got != c.kept {
					t.Errorf("the history is %q, want %q", got, c.kept)
				}
				if n := strings.Count(w.log.String(), "the list of the history is damaged"); n != 1 {
					t.Errorf("%d warnings:\n%s", n, w.log)
				}
			})
		})
	}
}

// A process that has ended between the snapshot and its history is caught up
// with by the next one, before anything else is published.
func TestHistoryCatchesUp(t *testing.T) {
	historic(t, func(t *testing.T, w *world, s *shelf) {
		for _, name := range []string{"a", "b"} {
			w.flags(t, name)
			if _, err := w.session().Once(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			s.fail(func(sinks.Key) error { return errors.New("the process has ended") }, nil)
			after(5 * time.Minute)
		}
		s.fail(nil, nil)
		if got := w.kept(t); got != "a" {
			t.Errorf("the history is %q", got)
		}
		if _, err := w.session().Once(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if got := w.kept(t); got != "b a" {
			t.Errorf("the history is %q", got)
		}
	})
}

// FuzzHistory: whatever is stored under the key of a list, what is read of it is in
// order and can be written.
func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"entries":[{"seq":2,"digest":"x"},{"seq":1}]}`))
	f.Add([]byte(`{"entries":[{"seq":1},{"seq":1},{"seq":18446744073709551615},{"seq":3`))
	f.Add([]byte(strings.Repeat("[", 1<<20)))
	f.Add([]byte(`{"entries":[` + strings.Repeat(`{"seq":1},`, 1000)))
	f.Fuzz(func(t *testing.T, list []byte) {
		h := publish.History{
			Sink: &shelf{t: t, bodies: map[sinks.Key][]byte{"k_history": list}}, SinkName: "back", Keep: 3,
		}
		entries, err := h.List(t.Context(), "k")
		if err != nil && !errors.Is(err, publish.ErrHistoryDamaged) {
			t.Error(err)
		}
		for i, e := range entries {
			if e.Seq == 0 || e.Seq > snapshot.MaxSeq || i > 0 && e.Seq >= entries[i-1].Seq {
				t.Errorf("entry %d of %+v", i, entries)
			}
		}
	})
}
