package publish_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

// Each failure is reported with its number, and the end of them once.
func TestFailuresAreToldUntilTheyAreOver(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule = nil
		defer w.run(t)()
		w.sink.fail(func() error { return errors.New("503 by the service") }, nil)
		w.deliver(t, true)
		after(10 * time.Second)
		s := w.running.Status()
		if s.State != "failing" || s.Failures < 3 || !strings.Contains(s.LastError, "503 by the service") ||
			!s.LastSuccess.IsZero() {
			t.Errorf("the status is %+v", s)
		}
		if n := metric(t, w.registry, "consecutive_failures", ""); n != float64(s.Failures) ||
			metric(t, w.registry, "failures_total", "") != n {
			t.Errorf("%v consecutive failures, the status says %d", n, s.Failures)
		}
		w.sink.fail(nil, nil)
		after(time.Hour)
		w.mu.Lock()
		failures, last := 0, publish.Event{}
		for _, e := range w.events {
			if e.Kind == publish.Failed {
				if failures++; e.Failures != failures || !strings.Contains(e.Text, `put "k" to s`) {
					t.Errorf("failure %d is told as %+v", failures, e)
				}
			} else {
				last = e
			}
		}
		w.mu.Unlock()
		if failures != s.Failures && failures != s.Failures+1 || last.Kind != publish.Recovered ||
			w.told(publish.Recovered) != "recovered" {
			t.Errorf("%d failures, the status said %d; then %+v", failures, s.Failures, last)
		}
		if s := w.running.Status(); s.State != "ok" || s.Failures != 0 || s.LastError != "" || s.LastSuccess.IsZero() {
			t.Errorf("the status is %+v", s)
		}
	})
}

// A failure says whether it passes by itself. Of several keys the error that does
// not is reported.
func TestPermanentFailuresAreMarked(t *testing.T) {
	busy, refused := errors.New("503 by the service"), fmt.Errorf("403 by the service: %w", sinks.ErrPermanent)
	for name, c := range map[string]struct {
		errs map[sinks.Key]error
		text string
	}{
		"passes":             {map[sinks.Key]error{"cn": busy, "us": busy}, "503 by the service"},
		"permanent":          {map[sinks.Key]error{"cn": refused, "us": refused}, "403 by the service"},
		"permanent is later": {map[sinks.Key]error{"cn": busy, "us": refused}, "403 by the service"},
	} {
		t.Run(name, func(t *testing.T) {
			matrix(t, false, func(t *testing.T, w *world, s *counting) {
				defer w.run(t)()
				s.refuse(func(key sinks.Key) error { return c.errs[key] })
				w.only(t, "cn", "us")
				after(time.Second)
				w.mu.Lock()
				defer w.mu.Unlock()
				failed := slices.DeleteFunc(slices.Clone(w.events), func(e publish.Event) bool {
					return e.Kind != publish.Failed
				})
				if len(failed) == 0 || failed[0].Permanent != strings.HasPrefix(name, "permanent") ||
					!strings.Contains(failed[0].Text, c.text) {
					t.Errorf("the failures are told as %+v", failed)
				}
			})
		})
	}
}

// A put whose answer is lost has failed until a read shows it: a sink that
// never answers fails ever more, and does not recover in between.
func TestLostAnswers(t *testing.T) {
	for name, lost := range map[string]func(ctx context.Context) error{
		"error":    func(context.Context) error { return fmt.Errorf("reset: %w", sinks.ErrAmbiguous) },
		"time-out": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				sink := &answerless{store: w.sink, answer: lost}
				w.target.Sink, w.target.Schedule = sink, nil
				stop := w.run(t)
				w.deliver(t, true)
				after(15 * time.Minute)
				s := w.running.Status()
				if s.State != "failing" || s.Failures < 5 || w.told(publish.Recovered) != "" {
					t.Errorf("after a quarter of an hour: %+v", s)
				}
				if n := sink.puts.Load(); int(n)-s.Failures > 1 || n > 20 {
					t.Errorf("%d puts, %d failures", n, s.Failures)
				}
				sink.applies.Store(true) // from now on only the answers are lost
				// At most: the put on its way, a pause, a put, a pause, a read.
				after(12 * time.Minute)
				expect(t, w, "f=on", 1)
				s = w.running.Status()
				if s.State != "ok" || s.StoredLagMS == nil || *s.StoredLagMS < (15*time.Minute).Milliseconds() {
					t.Errorf("after it was stored: %+v", s)
				}
				if got := w.told(publish.Published, publish.Repaired, publish.Recovered); got != "published recovered" {
					t.Errorf("the events are %s", got)
				}
				stop()
				if got, want := w.reasons(t), fmt.Sprintf("1 content, %d retry", sink.puts.Load()-1); got != want {
					t.Errorf("the reasons are %s, want %s", got, want)
				}
			})
		})
	}
}

// answerless is a store that gives no answer to a put.
type answerless struct {
	*store
	puts    atomic.Int64
	applies atomic.Bool
	answer  func(ctx context.Context) error
}

func (s *answerless) Put(ctx context.Context, o sinks.Object) error {
	s.puts.Add(1)
	if s.applies.Load() {
		if err := s.store.Put(ctx, o); err != nil {
			return err
		}
	}
	return s.answer(ctx)
}

// A sink that takes what it does not store is not written without pause.
func TestPutsThatNoReadShows(t *testing.T) {
	for name, c := range map[string]struct {
		propagation time.Duration
		most        int
	}{"no lag": {0, 40}, "lag": {time.Minute, 20}} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.target.Schedule = nil
				w.sink.change(func(s *store) { s.drops, s.limits.Propagation = true, c.propagation })
				defer w.run(t)()
				w.deliver(t, true)
				after(time.Second)
				if s := w.running.Status(); c.propagation > 0 && s.State != "unverified" || s.StoredLagMS != nil ||
					s.Keys[0].Verified && c.propagation > 0 {
					t.Errorf("the status is %+v", s)
				}
				after(time.Hour)
				n := w.sink.count()
				if n < 5 || n > c.most || metric(t, w.registry, "unverified_total", "") < float64(n-1) {
					t.Errorf("%d puts in an hour, %v unverified", n, metric(t, w.registry, "unverified_total", ""))
				}
				w.sink.change(func(s *store) { s.drops = false })
				after(10 * time.Minute)
				if s := w.running.Status(); w.sink.has() != "f=on" || s.State != "ok" || !s.Keys[0].Verified {
					t.Errorf("stored %q, the status is %+v", w.sink.has(), s)
				}
			})
		})
	}
}

func TestStale(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule = nil
		w.options.StaleAfter = 10 * time.Minute
		heard := atomic.Pointer[time.Time]{}
		say := func() { now := time.Now(); heard.Store(&now) }
		say()
		w.options.LastConfirmed = func(env edgecore.Environment) time.Time {
			if env != "e" {
				t.Errorf("asked for %q", env)
			}
			return *heard.Load()
		}
		defer w.run(t)()
		w.deliver(t, true)
		for range 120 { // an hour in which nothing is to be done
			after(30 * time.Second)
			say()
		}
		if got := w.told(health...); got != "" {
			t.Errorf("the events of a quiet target are %s", got)
		}
		after(12 * time.Minute) // upstream says nothing
		if s := w.running.Status(); s.State != "stale" || w.told(health...) != "stale" ||
			!strings.Contains(w.log.String(), `msg=stale target=t text="upstream has not confirmed its flags for 1`) {
			t.Errorf("the events are %s, the status %+v\n%s", w.told(health...), s, w.log)
		}
		say()
		after(2 * time.Minute)
		if s := w.running.Status(); s.State != "ok" || w.told(health...) != "stale recovered" {
			t.Errorf("the events are %s, the status %+v", w.told(health...), s)
		}
		w.sink.fail(func() error { return errors.New("503") }, nil)
		w.deliver(t, false)
		for range 22 {
			after(30 * time.Second)
			say()
		}
		if got := w.told(publish.Stale, publish.Recovered); got != "stale recovered stale" ||
			!strings.Contains(w.log.String(), `msg=stale target=t text="it could not be brought up to date for 1`) {
			t.Errorf("the events are %s\n%s", got, w.log)
		}
		w.sink.fail(nil, nil)
		for range 22 {
			after(30 * time.Second)
			say()
		}
		if s := w.running.Status(); s.State != "ok" ||
			w.told(publish.Stale, publish.Recovered) != "stale recovered stale recovered" {
			t.Errorf("the events are %s, the status %+v", w.told(publish.Stale, publish.Recovered), s)
		}
	})
}

// A target without definitions is new, and then stale.
func TestStaleFromTheStart(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.options.StaleAfter = 10 * time.Minute
		defer w.run(t)()
		after(9 * time.Minute)
		if s := w.running.Status(); s.State != "new" {
			t.Errorf("the status is %+v", s)
		}
		after(2 * time.Minute)
		if s := w.running.Status(); s.State != "stale" || w.told(health...) != "stale" {
			t.Errorf("the events are %s, the status %+v", w.told(health...), s)
		}
		w.deliver(t, true)
		after(5 * time.Minute)
		if s := w.running.Status(); s.State != "ok" || w.told(health...) != "stale recovered" {
			t.Errorf("the events are %s, the status %+v", w.told(health...), s)
		}
	})
}

// The lag of a change is from its arrival until a read has shown it.
func TestStoredLag(t *testing.T) {
	lag := func(w *world) string {
		if ms := w.running.Status().StoredLagMS; ms != nil {
			return (time.Duration(*ms) * time.Millisecond).String()
		}
		return ""
	}
	within(t, func(t *testing.T, w *world) {
		w.target.Heartbeat = 10 * time.Minute
		defer w.run(t)()
		w.deliver(t, true)
		after(time.Second)
		if got := lag(w); got != "100ms" {
			t.Errorf("the lag is %s", got)
		}
		w.sink.change(func(s *store) { s.lag = 20 * time.Second })
		w.deliver(t, false)
		after(2 * time.Second)
		w.deliver(t, true)     // while the one before is still looked for
		after(5 * time.Minute) // and heartbeats and reconciles are not changes
		if got := lag(w); got != "31.1s" {
			t.Errorf("the lag is %s", got)
		}
		if sum := metric(t, w.registry, "delay_seconds", publish.StageStored); math.Abs(sum-0.1-31.1) > 1e-9 {
			t.Errorf("the delays of both changes are %g s together", sum)
		}
		after(20 * time.Minute)
		if got := lag(w); got != "31.1s" {
			t.Errorf("the lag after heartbeats is %s", got)
		}
		w.sink.change(func(s *store) { s.lag = 0 })
		failing := true
		w.sink.fail(func() error {
			if failing {
				return errors.New("503")
			}
			return nil
		}, nil)
		w.deliver(t, false)
		after(10 * time.Second)
		w.sink.change(func(*store) { failing = false })
		after(time.Minute)
		if ms := *w.running.Status().StoredLagMS; ms < 10_000 || ms > 30_000 {
			t.Errorf("the lag of a change that has failed at first is %s", lag(w))
		}
	})
}
