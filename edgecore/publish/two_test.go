package publish_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/test/need"
)

// Two publishers of one key may undo each other's work while they know
// different definitions or reads lag. Once both know the same, and faults have
// stopped, the key has that content within one reconcile, and neither writes
// any more.
func TestTwoPublishers(t *testing.T) {
	seed := need.Seed(t)
	pool := definitionsPool(t)
	for i := range 300 {
		synctest.Test(t, func(t *testing.T) { twoPublishers(t, seed+uint64(i), pool) })
		if t.Failed() {
			return
		}
	}
}

func twoPublishers(t *testing.T, seed uint64, pool []*edgecore.Definitions) {
	random := rand.New(rand.NewPCG(seed, 1))
	target := newWorld(t).target
	target.Schedule = cron.Every(reconcileEvery)
	keys := []sinks.Key{target.Outputs[0].Key}
	fail := func(format string, args ...any) {
		t.Errorf("FLAGCAST_SEED=%d: "+format, append([]any{seed}, args...)...)
	}
	l := newLab(seed, keys, fail)
	limits := sinks.Limits{}
	if random.IntN(2) == 0 {
		limits.Propagation = time.Minute
	}
	lag := limits.Propagation
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stores [2]*state.Store
	for i := range stores {
		stores[i] = state.New(state.Options{Log: quiet()})
		stores[i].Put(pool[random.IntN(len(pool))])
		mine := target
		mine.Sink = l.open(fmt.Sprint("publisher ", i+1), false, limits, target.MinInterval)
		p := publish.New(mine, stores[i], publish.Options{
			Log: quiet(), Metrics: publish.NewMetrics(prometheus.NewRegistry()),
		})
		go func() { _ = p.Run(ctx) }()
		time.Sleep(time.Duration(random.IntN(120)) * time.Second)
	}
	l.set(0, lag)
	for range 2 + random.IntN(6) {
		time.Sleep(time.Duration(random.IntN(60_000)) * time.Millisecond)
		switch random.IntN(3) {
		case 0:
			l.set(random.Float64(), lag)
		default:
			stores[random.IntN(2)].Put(pool[random.IntN(len(pool))])
		}
	}
	newest := pool[random.IntN(len(pool))]
	for _, s := range stores {
		s.Put(newest)
		time.Sleep(time.Duration(random.IntN(5000)) * time.Millisecond)
	}
	l.set(0, 0)
	time.Sleep(lateFor + 5*time.Minute)
	time.Sleep(reconcileEvery + 10*time.Second)
	synctest.Wait()
	s := schedule{}
	if v, want := l.now(keys[0]), s.encode(target.Outputs[0], newest); v.foreign || v.meta.Digest != want.Digest {
		fail("stored is %s, want the digest %.6s", v, want.Digest)
	}
	before, _ := l.calls()
	time.Sleep(time.Hour)
	synctest.Wait()
	if n, _ := l.calls(); n > before {
		fail("%d puts in an hour in which both know the same", n-before)
	}
	cancel()
	l.late.Wait()
	synctest.Wait()
	if t.Failed() {
		for _, step := range l.trace {
			t.Log(step)
		}
	}
}

// Publishers that know different definitions for good each put theirs back at
// their reconcile, and not more often.
func TestTwoPublishersThatDiffer(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		other := newWorld(t)
		other.sink, other.target.Sink = w.sink, w.sink
		w.sink.change(func(s *store) { s.crowded = true })
		w.deliver(t, true)
		other.deliver(t, false)
		defer w.run(t)()
		after(20 * time.Second)
		defer other.run(t)()
		after(time.Hour)
		if n := w.sink.count(); n < 20 || n > 130 {
			t.Errorf("%d puts in an hour of two publishers with a reconcile each minute", n)
		}
		other.deliver(t, true)
		after(5 * time.Minute)
		n := w.sink.count()
		after(time.Hour)
		expect(t, w, "f=on", n)
	})
}
