package publish

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons of puts. Every put that is sent has one of them, and is counted by
// it whether it arrives or not.
const (
	ReasonContent   = "content"   // the first try to write new content
	ReasonRepair    = "repair"    // what was stored was not what flagcast had written
	ReasonRetry     = "retry"     // a put of the same content has failed before
	ReasonHeartbeat = "heartbeat" // the same content under a new publishedAt
)

// Metrics of all publishers. The label target has as many values as the
// configuration has targets.
type Metrics struct {
	writes   *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	failed   *prometheus.CounterVec
	failures *prometheus.GaugeVec
	at       *prometheus.GaugeVec
	success  *prometheus.GaugeVec
	size     *prometheus.GaugeVec
	ratio    *prometheus.GaugeVec
	delay    *prometheus.HistogramVec
	unseen   *prometheus.CounterVec
	holding  *prometheus.GaugeVec
	holds    *prometheus.CounterVec
	pinned   *prometheus.GaugeVec
	history  *prometheus.CounterVec
	rivals   *prometheus.CounterVec
}

// Stages of a delay: until a read through the sink's API showed the change, until
// every probe showed it, and from its put until every probe showed it.
const (
	StageStored     = "stored"
	StageSeen       = "seen"
	StagePropagated = "propagated"
)

// NewMetrics makes the collectors and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "flagcast_publish_" + name, Help: help},
			append([]string{"target"}, labels...))
		r.MustRegister(v)
		return v
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "flagcast_publish_" + name, Help: help},
			[]string{"target"})
		r.MustRegister(v)
		return v
	}
	delay := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "flagcast_publish_delay_seconds",
		Help: "From the arrival of a change until it was stored, or seen by every probe.",
		// The bounds are the times that platforms promise: 60 s, 300 s.
		Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 90, 120, 180, 300, 600},
	}, []string{"target", "stage"})
	r.MustRegister(delay)
	return &Metrics{
		writes: counter("write_attempts_total",
			"Snapshots sent to the sink, by reason: new content, repair, retry or heartbeat.", "reason"),
		bytes:    counter("written_bytes_total", "Bytes of the snapshots sent."),
		skipped:  counter("unchanged_total", "Snapshots found up to date, for which nothing was sent."),
		failed:   counter("failures_total", "Passes that failed."),
		failures: gauge("consecutive_failures", "Passes that have failed since the last that did not; alert on it."),
		at: gauge("last_write_timestamp_seconds",
			"When this process last wrote a snapshot, in unix time; 0 for never."),
		success: gauge("last_success_timestamp_seconds",
			"When a pass last found or brought everything up to date, in unix time; 0 for never."),
		size: gauge("snapshot_bytes", "Size of the largest snapshot stored."),
		ratio: gauge("size_ratio",
			"Size of the largest snapshot stored, as a part of what the sink takes; 0 where it has no limit."),
		delay:   delay,
		unseen:  counter("unverified_total", "Puts that were accepted and that no read has shown in time."),
		holding: gauge("held", "1 while the guard holds new content back."),
		holds:   counter("held_total", "Snapshots that the guard has held back."),
		pinned:  gauge("pinned", "1 while what is stored is pinned."),
		history: counter("history_failures_total", "Writes to the history that failed."),
		rivals:  counter("conflicts_total", "Writes of other publishers over what this one wants."),
	}
}

// start makes every series exist, so that alerts see zeros.
func (m *Metrics) start(t *Target) {
	for _, reason := range []string{ReasonContent, ReasonRepair, ReasonRetry, ReasonHeartbeat} {
		m.writes.WithLabelValues(t.Name, reason)
	}
	m.delay.WithLabelValues(t.Name, StageStored)
	if len(t.Probes) > 0 {
		m.delay.WithLabelValues(t.Name, StageSeen)
		m.delay.WithLabelValues(t.Name, StagePropagated)
	}
	for _, c := range []*prometheus.CounterVec{m.bytes, m.skipped, m.failed, m.unseen, m.holds, m.history, m.rivals} {
		c.WithLabelValues(t.Name)
	}
	for _, g := range []*prometheus.GaugeVec{m.failures, m.at, m.success, m.size, m.ratio, m.holding, m.pinned} {
		g.WithLabelValues(t.Name)
	}
}

// Forget drops the series of a target that is no longer published.
func (m *Metrics) Forget(target string) {
	labels := prometheus.Labels{"target": target}
	for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{
		m.writes, m.bytes, m.skipped, m.failed, m.failures, m.at, m.success, m.size, m.ratio, m.delay, m.unseen,
		m.holding, m.holds, m.pinned, m.history, m.rivals,
	} {
		v.DeletePartialMatch(labels)
	}
}

// put counts what is sent, whether it arrives or not.
func (m *Metrics) put(t *Target, reason string, bytes int) {
	m.writes.WithLabelValues(t.Name, reason).Inc()
	m.bytes.WithLabelValues(t.Name).Add(float64(bytes))
}

func (m *Metrics) accepted(t *Target, at time.Time) {
	m.at.WithLabelValues(t.Name).Set(seconds(at))
}

func (m *Metrics) unchanged(t *Target) { m.skipped.WithLabelValues(t.Name).Inc() }

func (m *Metrics) stopped(t *Target) { m.holds.WithLabelValues(t.Name).Inc() }

// setHealth notes how a pass has ended: largest is the largest snapshot stored, used
// the part that it takes of what the sink takes.
func (m *Metrics) setHealth(t *Target, h *health, largest int, used float64) {
	m.failures.WithLabelValues(t.Name).Set(float64(h.failures))
	if h.failures > 0 {
		m.failed.WithLabelValues(t.Name).Inc()
	} else {
		m.success.WithLabelValues(t.Name).Set(seconds(h.succeeded))
	}
	m.holding.WithLabelValues(t.Name).Set(flag(h.held))
	m.pinned.WithLabelValues(t.Name).Set(flag(h.pinned))
	m.size.WithLabelValues(t.Name).Set(float64(largest))
	if limits := t.Sink.Limits(); limits.ValueBytes > 0 || limits.FormBytes > 0 {
		m.ratio.WithLabelValues(t.Name).Set(used)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func (m *Metrics) verified(t *Target, lag time.Duration) {
	m.delay.WithLabelValues(t.Name, StageStored).Observe(lag.Seconds())
}

func (m *Metrics) unverified(t *Target) { m.unseen.WithLabelValues(t.Name).Inc() }

// observeSeen takes the times from the arrival of a change, and from its put, until
// every probe showed it.
func (m *Metrics) observeSeen(t *Target, change, put time.Duration) {
	m.delay.WithLabelValues(t.Name, StageSeen).Observe(change.Seconds())
	m.delay.WithLabelValues(t.Name, StagePropagated).Observe(put.Seconds())
}

func (m *Metrics) countConflict(t *Target) { m.rivals.WithLabelValues(t.Name).Inc() }

func (m *Metrics) unrecorded(t *Target) { m.history.WithLabelValues(t.Name).Inc() }
