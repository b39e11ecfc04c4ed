package publish_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// within runs a test in a bubble of fake time.
func within(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t)) })
}

// after lets fake time pass and everything come to rest.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func expect(t *testing.T, w *world, has string, puts int) {
	t.Helper()
	if w.sink.has() != has || w.sink.count() != puts {
		t.Errorf("stored %q after %d puts, want %q after %d\n%s", w.sink.has(), w.sink.count(), has, puts, w.log)
	}
}

func TestPublishesChangesAndNothingElse(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		stop := w.run(t)
		defer stop()
		after(time.Hour)
		expect(t, w, "", 0)
		w.deliver(t, true)
		after(time.Second)
		expect(t, w, "f=on", 1)
		w.deliver(t, true) // a new revision with the same flags
		after(time.Hour)   // and sixty reconciles
		expect(t, w, "f=on", 1)
		w.deliver(t, false)
		after(time.Second)
		expect(t, w, "f=off", 2)
		stop()
		if !strings.Contains(w.log.String(),
			`msg=published target=t change="!! f on -> OFF for everyone" sink=s revision=`) {
			t.Errorf("the log does not say what changed:\n%s", w.log)
		}
	})
}

func TestBurstsCoalesceToTheNewest(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		defer w.run(t)()
		for i := range 100 {
			w.deliver(t, i%2 == 0)
			after(time.Millisecond)
		}
		w.deliver(t, true)
		after(2 * time.Second)
		if w.sink.has() != "f=on" || w.sink.count() > 2 {
			t.Errorf("stored %q after %d puts", w.sink.has(), w.sink.count())
		}
	})
}

func TestRestartWritesNothingThatIsThere(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.deliver(t, true)
		for range 3 {
			stop := w.run(t)
			after(time.Minute)
			stop()
		}
		expect(t, w, "f=on", 1)
	})
}

func TestReconcileRepairs(t *testing.T) {
	for name, damage := range map[string][]byte{
		"deleted": nil, "foreign": []byte(`{"toggles":[]}`), "cut off": []byte(`{"toggles":[{"na`), "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				defer w.run(t)()
				w.deliver(t, true)
				after(3 * time.Minute)
				w.sink.set(damage)
				after(time.Minute)
				expect(t, w, "f=on", 2)
				if !strings.Contains(w.log.String(), "msg=repaired target=t sink=s") {
					t.Errorf("the log does not tell of the repair, or counts from an old change:\n%s", w.log)
				}
			})
		})
	}
}

func TestFailuresBackOffAndTheNewestWins(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		tries := 0
		w.sink.fail(func() error { tries++; return errors.New("503") }, nil)
		defer w.run(t)()
		w.deliver(t, true)
		after(5 * time.Minute)
		if tries < 4 || tries > 20 {
			t.Errorf("%d tries in five minutes", tries)
		}
		w.deliver(t, false)
		w.sink.fail(nil, nil)
		after(5 * time.Minute)
		expect(t, w, "f=off", 1)
	})
}

func TestPermanentFailuresWaitForAChangeOrTheSchedule(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		tries := 0
		w.sink.fail(func() error { tries++; return fmt.Errorf("403: %w", sinks.ErrPermanent) }, nil)
		defer w.run(t)()
		w.deliver(t, true)
		after(2*time.Minute + 30*time.Second)
		if tries != 3 {
			t.Errorf("%d tries at the change and two reconciles, want 3", tries)
		}
		w.sink.fail(nil, nil)
		w.deliver(t, false)
		after(10 * time.Second)
		expect(t, w, "f=off", 1)
	})
}

// A put whose answer was lost is not repeated while it may still be found.
func TestAmbiguousPutIsReadNotRepeated(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.sink.fail(nil, func() error { return fmt.Errorf("time-out: %w", sinks.ErrAmbiguous) })
		defer w.run(t)()
		w.deliver(t, true)
		after(10 * time.Minute)
		expect(t, w, "f=on", 1)
	})
}

func TestStaleReadsCauseNoSecondWrite(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.sink.lag = 90 * time.Second
		defer w.run(t)()
		w.deliver(t, false)
		after(10 * time.Minute)
		w.deliver(t, true)
		after(10 * time.Minute)
		expect(t, w, "f=on", 2)
	})
}

func TestDateConstraintFlipsWithoutUpstream(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule = nil
		defer w.run(t)()
		flip := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		w.put(t,
			`{"features":[{"name":"f","enabled":true,"strategies":[{"name":"default",`+
				`"constraints":[{"contextName":"currentTime","operator":"DATE_AFTER","value":"`+flip+`"}]}]}]}`)
		after(59 * time.Minute)
		expect(t, w, "f=off", 1)
		after(time.Minute + time.Second)
		expect(t, w, "f=on", 2)
		if !strings.Contains(w.log.String(), `change="+ f on" sink=s revision=0 took=0s`) {
			t.Errorf("the log does not say what the flip changed:\n%s", w.log)
		}
	})
}

func TestTwoPublishersConverge(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		other := newWorld(t)
		other.sink, other.target.Sink = w.sink, w.sink
		w.deliver(t, true)
		stop := w.run(t)
		after(10 * time.Second)
		stop()
		other.deliver(t, false)
		stop = other.run(t)
		after(10 * time.Second)
		stop()
		expect(t, w, "f=off", 2)
		w.deliver(t, true)
		defer w.run(t)()
		after(time.Minute)
		expect(t, w, "f=on", 3)
	})
}

func TestOnceNeedsDefinitions(t *testing.T) {
	w := newWorld(t)
	if _, err := w.session().Once(t.Context(), true); !errors.Is(err, state.ErrNotReady) {
		t.Errorf("%v, want ErrNotReady", err)
	}
	expect(t, w, "", 0)
}
