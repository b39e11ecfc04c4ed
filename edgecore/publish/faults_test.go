package publish_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/test/need"
)

const faultWorkers = 4

// faultSchedules is how many are run; under the race detector, which makes each
// ten times as long, a part of them, and with -short a sample.
func faultSchedules() int64 {
	if testing.Short() {
		return 300
	}
	if raceDetector {
		return 2000
	}
	return 10_000
}

// Whatever happens, once faults stop every key holds exactly the newest
// content within one reconcile, and on the way there nothing is ever wrong for
// a reader. The seed that a failure prints runs that schedule first.
func TestFaults(t *testing.T) {
	base := need.Seed(t)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // half the time of the race detector
	documents := definitionsPool(t)
	began := time.Now()
	var next, writes atomic.Int64
	t.Run("schedules", func(t *testing.T) {
		for i := range faultWorkers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for !t.Failed() {
					n := next.Add(1) - 1
					if n >= faultSchedules() {
						return
					}
					synctest.Test(t, func(t *testing.T) { writes.Add(runSchedule(t, base+uint64(n), documents)) })
				}
			})
		}
	})
	t.Logf("%d fault schedules with %d puts in %s", min(next.Load(), faultSchedules()), writes.Load(),
		time.Since(began).Round(time.Millisecond))
}

// flipAt is three minutes after time begins in a bubble.
var flipAt = time.Date(2000, 1, 1, 0, 3, 0, 0, time.UTC)

// definitionsPool makes definitions that differ in all keys, in some and in
// none. Flag d is on from flipAt.
func definitionsPool(t *testing.T) []*edgecore.Definitions {
	var pool []*edgecore.Definitions
	for i := range 2 * 3 * 3 * 2 {
		var features []string
		for n, name := range []string{"a", "b"} {
			switch i / []int{1, 3}[n] % 3 {
			case 0: // not left out: the guard would hold that
				features = append(features, fmt.Sprintf(`{"name":%q,"enabled":false,"strategies":[]}`, name))
			case 1:
				features = append(features, fmt.Sprintf(`{"name":%q,"enabled":true,"strategies":[]}`, name))
			case 2:
				features = append(features,
					fmt.Sprintf(
						`{"name":%q,"enabled":true,"strategies":[{"name":"default",`+
							`"constraints":[{"contextName":"country","operator":"IN","values":["cn"]}]}]}`, name))
			}
		}
		if i >= 18 {
			features = append(features,
				`{"name":"d","enabled":true,"strategies":[{"name":"default",`+
					`"constraints":[{"contextName":"currentTime","operator":"DATE_AFTER","value":"`+
					flipAt.Format(time.RFC3339)+`"}]}]}`)
		}
		d, err := parse.Definitions(fmt.Appendf(nil, `{"features":[%s],"meta":{"revisionId":%d}}`,
			strings.Join(features, ","), i+1), "e")
		if err != nil {
			t.Fatal(err)
		}
		pool = append(pool, d)
	}
	return pool
}

// schedule is one run of a publisher with everything that happens to it.
type schedule struct {
	*rand.Rand
	t         *testing.T
	lab       *lab
	documents []*edgecore.Definitions
	store     *state.Store
	target    publish.Target
	bulk      bool
	shelf     *shelf // of the history
	metrics   *publish.Metrics
	registry  *prometheus.Registry
	readers   []reader
	pins      map[sinks.Key]map[string]bool // digests

	lives   int
	stop    func()
	now     *publish.Publisher
	process *process // that it stores with
	mu      sync.Mutex
	told    publish.Kind // the last of failed and recovered
}

// Event implements publish.Listener.
func (s *schedule) Event(e publish.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == publish.Failed || e.Kind == publish.Recovered {
		s.told = e.Kind
	}
}

const reconcileEvery = 5 * time.Minute

func runSchedule(t *testing.T, seed uint64, documents []*edgecore.Definitions) int64 {
	s := &schedule{
		Rand: rand.New(rand.NewPCG(seed, 0)), t: t, documents: documents,
		store: state.New(state.Options{Log: quiet()}), registry: prometheus.NewRegistry(),
		pins: map[sinks.Key]map[string]bool{},
	}
	s.metrics = publish.NewMetrics(s.registry)
	s.target = publish.Target{
		Name: "t", Environment: "e", SinkName: "s",
		Schedule: cron.Every(reconcileEvery), Debounce: time.Duration(s.IntN(500_000)) * time.Microsecond,
		MinInterval: time.Duration(1+s.IntN(4)) * time.Second,
	}
	var keys []sinks.Key
	for _, country := range []string{"cn", "de", "us"}[:max(1, s.IntN(5)-1)] {
		spec := snapshot.Spec{
			Format: snapshot.Evaluated1, Environment: "e", Target: "t", Static: eval.Context{
				Fields: map[string]string{"country": country},
			},
		}
		if s.IntN(4) == 0 {
			spec.Format = snapshot.Rules1
		}
		keys = append(keys, sinks.Key(country))
		s.target.Outputs = append(s.target.Outputs, publish.Output{Key: sinks.Key(country), Spec: spec})
		s.pins[sinks.Key(country)] = map[string]bool{}
	}
	if s.IntN(3) == 0 {
		s.target.Heartbeat = time.Duration(2+s.IntN(10)) * time.Minute
	}
	s.bulk = s.IntN(2) == 0
	if s.IntN(4) == 0 {
		s.shelf = &shelf{t: t, bodies: map[sinks.Key][]byte{}}
		s.target.History = &publish.History{Sink: s.shelf, SinkName: "back", Keep: 1 + s.IntN(4)}
	}
	s.lab = newLab(seed, keys, func(format string, args ...any) {
		t.Errorf("FLAGCAST_SEED=%d: "+format, append([]any{seed}, args...)...)
	})
	s.readers = []reader{{map[sinks.Key]snapshot.Meta{}}, {map[sinks.Key]snapshot.Meta{}}}
	s.run()
	if t.Failed() {
		for _, step := range s.lab.trace {
			t.Log(step)
		}
	}
	return int64(s.lab.puts)
}

func (s *schedule) deliver() {
	d := s.documents[s.IntN(len(s.documents))]
	s.lab.mu.Lock()
	s.lab.note("definitions %d", d.Revision)
	s.lab.restored = false
	s.lab.mu.Unlock()
	s.store.Put(d)
}

// sink makes what another process stores with.
func (s *schedule) sink(name string, life bool) sinks.Sink {
	limits := sinks.Limits{}
	if s.stale() {
		limits.Propagation = time.Minute
	}
	p := s.lab.open(name, life, limits, s.target.MinInterval)
	if life {
		s.process = p
	}
	if s.bulk {
		return bulk{p}
	}
	return p
}

func (s *schedule) stale() bool { return s.target.Debounce%3 == 0 } // as good as any coin

func (s *schedule) options() publish.Options {
	return publish.Options{Log: quiet(), Metrics: s.metrics, Listener: s}
}

// session makes one of a command.
func (s *schedule) session(name string) *publish.Session {
	t := s.target
	t.Sink = s.sink(name, false)
	t.History = nil // two processes that write one list may undo each other's entries
	return publish.NewSession(t, s.store, s.options())
}

// start begins a life of the publisher.
func (s *schedule) start() {
	s.lives++
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	target := s.target
	target.Sink = s.sink(fmt.Sprint("life ", s.lives), true)
	p := publish.New(target, s.store, s.options())
	s.now, s.told = p, ""
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			s.lab.fail("%v", err)
		}
	}()
	s.stop = func() { cancel(); <-done }
}

// rewrite is a pin or an unpin by a process of its own.
func (s *schedule) rewrite(key sinks.Key, pin bool) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(1+s.IntN(90))*time.Second)
	defer cancel()
	r := publish.Rewrite{Key: key, Kind: publish.Unpinned}
	if pin {
		r.Kind, r.Pinned = publish.Pinned, "because"
		snap := s.encode(s.cell(key), s.documents[s.IntN(len(s.documents))])
		r.Content = snap.Seal(0, time.Now())
		s.pins[key][snap.Digest] = true
	}
	_, err := s.session(string(r.Kind)).Rewrite(ctx, r)
	return err
}

func (s *schedule) cell(key sinks.Key) publish.Output {
	for _, c := range s.target.Outputs {
		if c.Key == key {
			return c
		}
	}
	panic(key)
}

func (s *schedule) encode(c publish.Output, d *edgecore.Definitions) snapshot.Snapshot {
	program, _ := compile.Program(d)
	snap, err := snapshot.Encode(d, program, c.Spec, time.Now())
	if err != nil {
		panic(err)
	}
	return snap
}

func (s *schedule) key() sinks.Key { return s.target.Outputs[s.IntN(len(s.target.Outputs))].Key }

// pass lets time pass in steps in which readers read.
func (s *schedule) pass(d time.Duration) {
	for range 2 {
		time.Sleep(d/2 + time.Microsecond)
		for i := range s.readers {
			s.readers[i].look(s.lab)
		}
	}
	synctest.Wait()
}

func (s *schedule) pause() time.Duration {
	d := time.Duration(s.Int64N(int64(10 * time.Second)))
	if s.IntN(4) == 0 {
		d *= 15
	}
	return d + 10*time.Millisecond
}

func (s *schedule) run() {
	calm := s.IntN(6) == 0 // nothing but changes, restarts and stale reads
	if !calm && s.IntN(8) == 0 {
		s.lab.skewed = true
		if s.shelf != nil {
			s.shelf.loose = true
		}
		for _, c := range s.target.Outputs {
			snap := s.encode(c, s.documents[0])
			s.lab.store(c.Key, snap.Seal(uint64(time.Now().Add(time.Hour).UnixMilli()), time.Now()), false)
		}
	}
	lag := time.Duration(0)
	if s.stale() {
		lag = time.Minute
	}
	s.lab.set(0, lag)
	s.deliver()
	s.start()
	for range 3 + s.IntN(5) {
		s.pass(s.pause())
		switch n := s.IntN(20); {
		case n < 9:
			s.deliver()
		case n < 12:
			s.stop()
			time.Sleep(time.Duration(10+s.IntN(3000)) * time.Millisecond)
			s.start()
		case calm:
		case n < 14:
			if key := s.key(); s.lab.now(key).body != nil {
				s.lab.damage(key, s.IntN(6))
			}
		case n < 16:
			_ = s.rewrite(s.key(), n == 14)
		case n == 16:
			s.restore()
		case n == 17:
			s.rival()
		case n == 18 && s.shelf != nil:
			s.truncate(s.key())
		default:
			s.lab.set(s.Float64()*[]float64{0, 1, 1}[s.IntN(3)], lag)
			s.disturb(s.Float64() / 2)
		}
	}
	s.deliver()
	s.lab.set(0, 0)
	s.disturb(0)
	s.settle()
	s.expect("", calm)
	s.expectHistory()
	if s.IntN(8) == 0 && !calm {
		s.pinAndUnpin()
	}
	if s.IntN(8) == 0 {
		s.quiet()
	}
	s.stop()
	s.count(calm)
}

// restore restarts the publisher with a state folder that may be older than
// what is stored, while upstream does not answer.
func (s *schedule) restore() {
	s.stop()
	d := s.documents[s.IntN(len(s.documents))]
	s.lab.mu.Lock()
	s.lab.note("definitions %d in the state folder", d.Revision)
	s.lab.restored = true
	s.lab.mu.Unlock()
	dir := s.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "e.definitions.json"), d.Encode(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.store = state.New(state.Options{Dir: dir, Log: quiet()})
	s.store.Restore(s.t.Context(), []edgecore.Environment{"e"})
	s.start()
	s.pass(s.pause())
	s.deliver()
}

// rival lets another publisher, which has other definitions, make one pass.
func (s *schedule) rival() {
	t := s.target
	t.Sink, t.History = s.sink("rival", false), nil
	theirs := state.New(state.Options{Log: quiet()})
	theirs.Put(s.documents[s.IntN(len(s.documents))])
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(1+s.IntN(90))*time.Second)
	defer cancel()
	_, _ = publish.NewSession(t, theirs, publish.Options{Log: quiet(), Metrics: s.metrics}).Once(ctx, true)
}

// truncate cuts the list of a history.
func (s *schedule) truncate(key sinks.Key) {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	if list := s.shelf.bodies[publish.ListKey(key)]; len(list) > 0 {
		s.shelf.bodies[publish.ListKey(key)] = list[:s.IntN(len(list))]
		s.shelf.truncated = true
	}
}

// disturb makes calls of the history fail, before or after they were carried
// out.
func (s *schedule) disturb(rate float64) {
	if s.shelf == nil {
		return
	}
	random := rand.New(rand.NewPCG(s.Uint64(), 0))
	fail := func(sinks.Key) error {
		if random.Float64() < rate {
			return errService
		}
		return nil
	}
	s.shelf.fail(fail, fail)
}

// pinAndUnpin lets a person hold one key, without faults. The end of the pin is
// found within a minute, long before the next reconcile may be.
func (s *schedule) pinAndUnpin() {
	key := s.key()
	if err := s.rewrite(key, true); err != nil {
		s.lab.fail("pin: %v", err)
	}
	s.pins[key] = map[string]bool{s.lab.now(key).meta.Digest: true}
	s.deliver()
	s.settle()
	s.expect(key, false)
	for _, c := range s.target.Outputs {
		if err := s.rewrite(c.Key, false); err != nil {
			s.lab.fail("unpin: %v", err)
		}
	}
	s.pass(time.Minute + 10*time.Second)
	s.expect("none", false)
}
