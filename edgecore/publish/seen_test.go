package publish_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
)

// edge is a place that shows what was stored some time ago.
type edge struct {
	name  string
	store *store

	mu    sync.Mutex
	lag   time.Duration
	err   error
	asked []uint64
	seqs  []uint64 // that were stored, and when
	times []time.Time
}

func (e *edge) Name() string { return e.name }

func (e *edge) Seen(_ context.Context, want uint64) (uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, want)
	if meta := e.store.meta(); len(e.seqs) == 0 || meta.Seq != e.seqs[len(e.seqs)-1] {
		e.seqs, e.times = append(e.seqs, meta.Seq), append(e.times, meta.PublishedAt)
	}
	shown := uint64(0)
	for i, at := range e.times {
		if time.Since(at) >= e.lag {
			shown = e.seqs[i]
		}
	}
	return shown, e.err
}

func (e *edge) set(lag time.Duration, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lag, e.err, e.asked = lag, err, nil
}

func (e *edge) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// watched is a publisher with two places at the edge.
func watched(t *testing.T, f func(t *testing.T, w *world, near, far *edge)) {
	within(t, func(t *testing.T, w *world) {
		near, far := &edge{name: "near", store: w.sink}, &edge{name: "far", store: w.sink}
		w.target.Probes = []publish.Probe{near, far}
		defer w.run(t)()
		f(t, w, near, far)
	})
}

func TestSeenAtTheEdge(t *testing.T) {
	watched(t, func(t *testing.T, w *world, near, far *edge) {
		far.set(40*time.Second, nil)
		w.deliver(t, true)
		after(30 * time.Second)
		s := w.running.Status()
		if s.SeenLagMS != nil || len(s.Seen) != 2 || s.Seen[0].Seq == 0 || s.Seen[1].Seq != 0 ||
			s.Seen[1].Probe != "far" {
			t.Errorf("the status is %+v", s)
		}
		after(time.Minute)
		s = w.running.Status()
		if s.SeenLagMS == nil || *s.SeenLagMS != 61_100 ||
			metric(t, w.registry, "delay_seconds", publish.StageSeen) != 61.1 ||
			metric(t, w.registry, "delay_seconds", publish.StagePropagated) != 61 {
			t.Errorf("the lag is %v ms, the status %+v", *s.SeenLagMS, s)
		}
		n := near.count()
		after(time.Hour)
		if near.count() != n || n > 10 {
			t.Errorf("asked %d times, and then %d", n, near.count())
		}
	})
}

func TestNewerPutTakesThePlaceAtTheEdge(t *testing.T) {
	watched(t, func(t *testing.T, w *world, near, _ *edge) {
		near.set(time.Minute, nil)
		w.deliver(t, true)
		after(20 * time.Second)
		w.deliver(t, false)
		after(time.Second)
		second := w.sink.meta().Seq
		near.set(time.Minute, nil) // forget what was asked so far
		after(2 * time.Minute)
		for _, want := range near.asked {
			if want != second {
				t.Errorf("asked for %d after %d was put", want, second)
			}
		}
		if s := w.running.Status(); s.SeenLagMS == nil || *s.SeenLagMS < 60_000 || *s.SeenLagMS > 100_000 {
			t.Errorf("the status is %+v", s)
		}
	})
}

func TestEdgeThatShowsNothingIsGivenUp(t *testing.T) {
	watched(t, func(t *testing.T, w *world, near, _ *edge) {
		near.set(0, errors.New("404 of the worker"))
		w.deliver(t, true)
		after(publish.SeenFor - time.Minute)
		if s := w.running.Status(); s.Seen[0].Error != "404 of the worker" ||
			strings.Contains(w.log.String(), "does not show") {
			t.Errorf("the status is %+v", s)
		}
		after(2 * time.Minute)
		if !strings.Contains(w.log.String(), "the edge does not show what was published") {
			t.Errorf("the log says nothing of it:\n%s", w.log)
		}
		n := near.count()
		after(time.Hour)
		if near.count() != n || w.running.Status().SeenLagMS != nil {
			t.Errorf("asked on, or seen: %+v", w.running.Status())
		}
		near.set(0, nil)
		w.deliver(t, false)
		after(time.Minute)
		if s := w.running.Status(); s.SeenLagMS == nil || *s.SeenLagMS != 100 {
			t.Errorf("the next change: %+v", s)
		}
	})
}

// Heartbeats are not changes to be watched for.
func TestHeartbeatsAreNotWatched(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		near := &edge{name: "near", store: w.sink}
		w.target.Probes, w.target.Heartbeat = []publish.Probe{near}, time.Minute
		defer w.run(t)()
		w.deliver(t, true)
		after(30 * time.Second)
		n := near.count()
		after(10 * time.Minute)
		if near.count() != n || *w.running.Status().SeenLagMS != 100 {
			t.Errorf("asked %d times, %+v", near.count(), w.running.Status())
		}
	})
}
