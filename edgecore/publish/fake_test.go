package publish_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// store is a sink in memory with the faults of real ones: puts that fail
// before or after they were applied, and reads that lag behind. It checks the
// discipline that readers rely on: seq grows with every write.
type store struct {
	t   testing.TB
	mu  sync.Mutex
	now []byte
	was []byte    // what stale reads show
	at  time.Time // of the last write

	limits     sinks.Limits
	puts, gets int
	lastSeq    uint64
	lag        time.Duration // reads show the older object for this long
	before     func() error  // refuses a put
	after      func() error  // applies it and fails
	read       func() error  // fails a read
	crowded    bool          // more than one process writes
	drops      bool          // puts are accepted, and nothing is stored
}

func (s *store) Limits() sinks.Limits {
	return s.limits
}

func (s *store) Put(_ context.Context, o sinks.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	meta, err := snapshot.Open(o.Body)
	if err != nil {
		s.t.Errorf("put of what is no snapshot: %v", err)
	}
	if meta.Seq <= s.lastSeq {
		s.t.Errorf("put with seq %d after %d", meta.Seq, s.lastSeq)
	}
	if o.Meta["seq"] != fmt.Sprint(meta.Seq) || o.Meta["digest"] != meta.Digest {
		s.t.Errorf("metadata %v beside %+v", o.Meta, meta)
	}
	if !s.crowded && !s.at.IsZero() && time.Since(s.at) < time.Second {
		s.t.Errorf("two writes of one key within %s", time.Since(s.at))
	}
	s.puts++
	if s.drops {
		return nil
	}
	s.lastSeq, s.at = meta.Seq, time.Now()
	s.was, s.now = s.now, bytes.Clone(o.Body)
	if s.after != nil {
		return s.after()
	}
	return nil
}

func (s *store) Get(context.Context, sinks.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	if s.read != nil {
		if err := s.read(); err != nil {
			return nil, err
		}
	}
	shown := s.now
	if time.Since(s.at) < s.lag {
		shown = s.was
	}
	if shown == nil {
		return nil, sinks.ErrNotFound
	}
	return bytes.Clone(shown), nil
}

func (s *store) Delete(context.Context, sinks.Key) error { return nil }

// set stores something behind the publisher's back.
func (s *store) set(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = b
}

func (s *store) fail(before, after func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

func (s *store) reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

// has reports what is stored: "f=on" or "f=off", "" for nothing.
func (s *store) has() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.now == nil:
		return ""
	case strings.Contains(string(s.now), `"name":"f"`):
		return "f=on"
	default:
		return "f=off"
	}
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// world is one publisher with its surroundings.
type world struct {
	store    *state.Store
	sink     *store
	log      *journal
	target   publish.Target
	options  publish.Options // but for what publisher sets
	registry *prometheus.Registry
	running  *publish.Publisher

	mu     sync.Mutex
	events []publish.Event
}

// Event implements publish.Listener.
func (w *world) Event(e publish.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func newWorld(t testing.TB) *world {
	w := &world{
		store: state.New(state.Options{Log: quiet()}), sink: &store{t: t}, log: &journal{},
		registry: prometheus.NewRegistry(),
	}
	w.sink.limits = sinks.Limits{WritePace: time.Second, Propagation: time.Minute}
	w.options.Metrics = publish.NewMetrics(w.registry)
	every, err := cron.ParseStandard("@every 1m")
	if err != nil {
		t.Fatal(err)
	}
	spec := snapshot.Spec{
		Format: snapshot.Evaluated1, Environment: "e", Target: "t", Static: eval.Context{Fields: map[string]string{}},
	}
	w.target = publish.Target{
		Name: "t", Environment: "e", Outputs: []publish.Output{{Key: "k", Spec: spec}},
		Sink: w.sink, SinkName: "s", Schedule: every, Debounce: 100 * time.Millisecond, MinInterval: time.Second,
	}
	return w
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// session makes one of a command; run starts a publisher.
func (w *world) session() *publish.Session {
	return publish.NewSession(w.target, w.store, w.publishOptions())
}

func (w *world) publishOptions() publish.Options {
	o := w.options
	o.Log, o.Listener = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), w
	return o
}

// notified lists the kinds of the events so far that are one of those wanted.
func (w *world) told(wanted ...publish.Kind) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kinds []string
	for _, e := range w.events {
		if slices.Contains(wanted, e.Kind) {
			kinds = append(kinds, string(e.Kind))
		}
	}
	return strings.Join(kinds, " ")
}

// metric returns the sum of a metric's series, or that with one label value.
func metric(t testing.TB, r *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			wanted := f.GetName() == "flagcast_publish_"+name && label == ""
			for _, l := range m.GetLabel() {
				wanted = wanted || f.GetName() == "flagcast_publish_"+name && l.GetValue() == label
			}
			if wanted {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
			}
		}
	}
	return sum
}

// reasons says how many puts were counted, by reason.
func (w *world) reasons(t testing.TB) string {
	t.Helper()
	return reasons(t, w.registry)
}

func reasons(t testing.TB, r *prometheus.Registry) string {
	t.Helper()
	var words []string
	for _, reason := range []string{
		publish.ReasonContent, publish.ReasonRetry, publish.ReasonRepair, publish.ReasonHeartbeat,
	} {
		if n := metric(t, r, "write_attempts_total", reason); n > 0 {
			words = append(words, fmt.Sprint(n, " ", reason))
		}
	}
	return strings.Join(words, ", ")
}

// run starts a publisher that ends with the test.
func (w *world) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := publish.New(w.target, w.store, w.publishOptions())
	w.running = p
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return stop
}

var revision uint64

// deliver makes f on or off, in definitions that differ every time.
func (w *world) deliver(t testing.TB, on bool) {
	t.Helper()
	revision++
	w.put(t, fmt.Sprintf(`{"features":[{"name":"f","enabled":%v,"strategies":[]}],"meta":{"revisionId":%d}}`, on,
		revision))
}

// flags delivers definitions in which flags of these names are on.
func (w *world) flags(t testing.TB, names ...string) {
	t.Helper()
	var features []string
	for _, name := range names {
		features = append(features, fmt.Sprintf(`{"name":%q,"enabled":true,"strategies":[]}`, name))
	}
	w.put(t, `{"features":[`+strings.Join(features, ",")+`]}`)
}

// meta opens what is stored.
func (s *store) meta() snapshot.Meta {
	s.mu.Lock()
	defer s.mu.Unlock()
	meta, err := snapshot.Open(s.now)
	if err != nil {
		s.t.Errorf("stored is %.60q: %v", s.now, err)
	}
	return meta
}

func (s *store) change(f func(s *store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (w *world) put(t testing.TB, document string) {
	t.Helper()
	d, err := parse.Definitions([]byte(document), "e")
	if err != nil {
		t.Fatal(err)
	}
	w.store.Put(d)
}
