package publish_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
)

var (
	many   = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	health = []publish.Kind{publish.Failed, publish.Held, publish.Stale, publish.Recovered}
)

// held is a publisher whose newest content the guard has stopped.
func held(t *testing.T, f func(t *testing.T, w *world, stop func())) {
	within(t, func(t *testing.T, w *world) {
		stop := w.run(t)
		w.flags(t, many...)
		after(5 * time.Minute)
		w.flags(t, "a")
		after(time.Second)
		if n := w.sink.count(); n != 1 {
			t.Errorf("%d puts, the second was to be held", n)
		}
		f(t, w, stop)
	})
}

func TestGuardHoldsOnce(t *testing.T) {
	held(t, func(t *testing.T, w *world, stop func()) {
		defer stop()
		after(20 * time.Minute)
		s := w.running.Status()
		if s.State != "held" || s.Keys[0].Held == "" || s.Keys[0].Held == s.Keys[0].Digest {
			t.Errorf("the status is %+v", s)
		}
		if w.sink.count() != 1 || metric(t, w.registry, "held_total", "") != 1 ||
			metric(t, w.registry, "held", "") != 1 {
			t.Errorf("%d puts, held_total %v, held %v", w.sink.count(), metric(t, w.registry, "held_total", ""),
				metric(t, w.registry, "held", ""))
		}
		if got := w.told(health...); got != "held" {
			t.Errorf("the events are %s", got)
		}
		for _, text := range []string{
			`msg=held target=t text="it would turn off or remove 9 of the 10 flags that are on (b, c, d, e, f, …)`,
			"flagcast sync --target t --accept " + s.Keys[0].Held[:12],
		} {
			if strings.Count(w.log.String(), text) != 1 {
				t.Errorf("the log does not say once %q:\n%s", text, w.log)
			}
		}
		w.flags(t, "a", "b") // other content, no better
		after(5 * time.Minute)
		if got := w.told(health...); got != "held held" || w.sink.count() != 1 {
			t.Errorf("the events are %s after %d puts", got, w.sink.count())
		}
	})
}

func TestGuardLetsGo(t *testing.T) {
	for name, release := range map[string]func(t *testing.T, w *world, stop func()){
		"better content": func(t *testing.T, w *world, _ func()) { w.flags(t, many[1:]...) },
		"another process": func(t *testing.T, w *world, _ func()) {
			w.options.Accept = []string{w.running.Status().Keys[0].Held[:12]}
			if outcomes, err := w.session().Once(t.Context(), true); err != nil || outcomes[0].Action != "published" {
				t.Errorf("accepted: %+v, %v", outcomes, err)
			}
		},
		"what was there": func(t *testing.T, w *world, _ func()) { w.flags(t, many...) },
	} {
		t.Run(name, func(t *testing.T) {
			held(t, func(t *testing.T, w *world, stop func()) {
				defer stop()
				after(10 * time.Minute)
				release(t, w, stop)
				after(2 * time.Minute)
				s := w.running.Status()
				if got := w.told(health...); got != "held recovered" || s.State != "ok" || s.Keys[0].Held != "" {
					t.Errorf("the events are %s, the status %+v", got, s)
				}
			})
		})
	}
}

func TestGuardAcceptsNoShortDigest(t *testing.T) {
	held(t, func(t *testing.T, w *world, stop func()) {
		stop()
		w.options.Accept = []string{"", w.running.Status().Keys[0].Held[:7]}
		outcomes, err := w.session().Once(t.Context(), true)
		if err != nil || outcomes[0].Action != "held" || w.sink.count() != 1 {
			t.Errorf("%+v, %v", outcomes, err)
		}
	})
}

// A held target lives, and neither its heartbeats nor failures in between are a
// reason to report again what is held.
func TestHeldTargetBeats(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Heartbeat = 10 * time.Minute
		defer w.run(t)()
		w.flags(t, many...)
		after(time.Minute)
		w.flags(t)
		after(25 * time.Minute)
		if got := w.reasons(t); got != "1 content, 2 heartbeat" {
			t.Errorf("the reasons are %s", got)
		}
		w.sink.change(func(s *store) { s.read = func() error { return errors.New("503") } })
		after(90 * time.Second)
		w.sink.change(func(s *store) { s.read = nil })
		after(10 * time.Minute)
		if got := w.told(publish.Held, publish.Recovered); got != "held" ||
			metric(t, w.registry, "held_total", "") != 1 {
			t.Errorf("the events are %s", got)
		}
	})
}

func TestGuardLooksAtMoreThanHalf(t *testing.T) {
	for name, c := range map[string]struct {
		from, to []string
		held     bool
	}{
		"half of ten":     {many, many[:5], false},
		"six of ten":      {many, many[:4], true},
		"five of six":     {many[:6], many[:1], false},
		"six of six":      {many[:6], nil, true},
		"more than there": {many[:1], many, false},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				defer w.run(t)()
				w.flags(t, c.from...)
				after(3 * time.Minute)
				w.flags(t, c.to...)
				after(3 * time.Minute)
				if got := w.told(publish.Held) != ""; got != c.held || (w.sink.count() == 1) != c.held {
					t.Errorf("held: %v after %d puts", got, w.sink.count())
				}
			})
		})
	}
}
