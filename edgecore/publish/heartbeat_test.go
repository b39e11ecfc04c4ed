package publish_test

import (
	"errors"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
)

func TestHeartbeat(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule, w.target.Heartbeat = nil, 10*time.Minute
		defer w.run(t)()
		w.deliver(t, true)
		after(time.Second)
		first := w.sink.meta()
		after(9 * time.Minute)
		expect(t, w, "f=on", 1)
		after(time.Minute)
		expect(t, w, "f=on", 2)
		second := w.sink.meta()
		if second.Digest != first.Digest || second.Seq <= first.Seq ||
			second.PublishedAt.Sub(first.PublishedAt) != 10*time.Minute {
			t.Errorf("after a heartbeat %+v, before %+v", second, first)
		}
		after(9 * time.Minute)
		w.deliver(t, false) // is a sign of life, too
		after(9 * time.Minute)
		expect(t, w, "f=off", 3)
		after(22 * time.Minute)
		expect(t, w, "f=off", 6)
		if got := w.reasons(t); got != "2 content, 4 heartbeat" {
			t.Errorf("the reasons are %s", got)
		}
		if got := w.told(publish.Published, publish.Repaired); got != "published published" {
			t.Errorf("the events are %s", got)
		}
	})
}

func TestHeartbeatOfARestartIsNotEarly(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Heartbeat = 10 * time.Minute
		w.deliver(t, true)
		for range 3 {
			stop := w.run(t)
			after(3 * time.Minute)
			stop()
		}
		expect(t, w, "f=on", 1)
		defer w.run(t)()
		after(2 * time.Minute)
		expect(t, w, "f=on", 2)
	})
}

// A heartbeat that is due does not get past the backoff of a sink that fails.
func TestHeartbeatWaitsForTheBackoff(t *testing.T) {
	for name, fail := range map[string]func(s *store){
		"put": func(s *store) { s.before = func() error { return errors.New("503") } },
		"get": func(s *store) { s.read = func() error { return errors.New("503") } },
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.target.Schedule, w.target.Heartbeat = nil, time.Minute
				defer w.run(t)()
				w.deliver(t, true)
				after(30 * time.Second)
				w.sink.change(fail)
				before := w.sink.reads()
				after(time.Hour)
				if n := w.sink.reads() - before; n < 5 || n > 35 { // 32 with the shortest pauses
					t.Errorf("%d reads in an hour of failures", n)
				}
				w.sink.change(func(s *store) { s.before, s.read = nil, nil })
				after(5 * time.Minute)
				if age := time.Since(w.sink.meta().PublishedAt); age > time.Minute {
					t.Errorf("the heartbeat is %s old", age)
				}
			})
		})
	}
}

// What was tried for a heartbeat says nothing about the next content.
func TestHeartbeatThatFailsMakesNoRetry(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Heartbeat = 10 * time.Minute
		defer w.run(t)()
		w.deliver(t, true)
		after(9*time.Minute + 59*time.Second)
		w.sink.fail(func() error { return errors.New("503") }, nil)
		after(3 * time.Second)
		w.sink.fail(nil, nil)
		after(time.Minute)
		w.sink.set(nil)
		after(3 * time.Minute)
		if got := w.told(publish.Failed, publish.Recovered, publish.Repaired); got != "failed recovered repaired" &&
			got != "failed failed recovered repaired" {
			t.Errorf("the events are %s", got)
		}
		if n := metric(t, w.registry, "write_attempts_total", publish.ReasonRetry); n != 0 {
			t.Errorf("%v retries: %s", n, w.reasons(t))
		}
	})
}

// Nothing is looked at without a reason.
func TestQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(w *world)
		reads int
	}{
		"without a schedule": {func(w *world) { w.target.Schedule = nil }, 0},
		"every minute":       {func(*world) {}, 60},
		"heartbeat":          {func(w *world) { w.target.Schedule, w.target.Heartbeat = nil, 10*time.Minute }, 12},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				c.set(w)
				defer w.run(t)()
				w.deliver(t, true)
				after(5 * time.Minute)
				before := w.sink.reads()
				after(time.Hour)
				if n := w.sink.reads() - before; n != c.reads {
					t.Errorf("%d reads in an hour in which nothing happens, want %d", n, c.reads)
				}
			})
		})
	}
}
