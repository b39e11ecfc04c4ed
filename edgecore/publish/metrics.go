package publish

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	size     *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
	unseen   *prometheus.CounterVec
}

// NewMetrics makes the collectors and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "flagcast_publish_" + name, Help: help}, append([]string{"target"}, labels...))
		r.MustRegister(v)
		return v
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "flagcast_publish_" + name, Help: help}, []string{"target"})
		r.MustRegister(v)
		return v
	}
	return &Metrics{
		writes:   counter("writes_total", "Snapshots written, by reason: new content or repair.", "reason"),
		bytes:    counter("written_bytes_total", "Bytes of the snapshots written."),
		skipped:  counter("unchanged_total", "Passes that found the stored snapshot up to date and wrote nothing."),
		failed:   counter("failures_total", "Passes that failed."),
		failures: gauge("consecutive_failures", "Passes that have failed since the last that did not; alert on it."),
		at:       gauge("last_write_timestamp_seconds", "When this process last wrote the snapshot, in unix time; 0 for never."),
		size:     gauge("snapshot_bytes", "Size of the last snapshot written."),
		lag:      gauge("verified_lag_seconds", "From the last put until a read showed it."),
		unseen:   counter("unverified_total", "Puts that were accepted and that no read has shown in time."),
	}
}

// start makes every series exist, so that alerts see zeros.
func (m *Metrics) start(t *Target) {
	m.writes.WithLabelValues(t.Name(), "content")
	m.writes.WithLabelValues(t.Name(), "repair")
	for _, c := range []*prometheus.CounterVec{m.bytes, m.skipped, m.failed, m.unseen} {
		c.WithLabelValues(t.Name())
	}
	for _, g := range []*prometheus.GaugeVec{m.failures, m.at, m.size} {
		g.WithLabelValues(t.Name())
	}
}

func (m *Metrics) published(t *Target, out Outcome, at time.Time) {
	reason := "content"
	if out.Action == "repaired" {
		reason = "repair"
	}
	m.writes.WithLabelValues(t.Name(), reason).Inc()
	m.bytes.WithLabelValues(t.Name()).Add(float64(out.Bytes))
	m.size.WithLabelValues(t.Name()).Set(float64(out.Bytes))
	m.at.WithLabelValues(t.Name()).Set(float64(at.UnixMilli()) / 1000)
}

func (m *Metrics) unchanged(t *Target) { m.skipped.WithLabelValues(t.Name()).Inc() }

// failing notes the number of consecutive failures; more than zero is one more.
func (m *Metrics) failing(t *Target, failures int) {
	m.failures.WithLabelValues(t.Name()).Set(float64(failures))
	if failures > 0 {
		m.failed.WithLabelValues(t.Name()).Inc()
	}
}

func (m *Metrics) verified(t *Target, lag time.Duration) {
	m.lag.WithLabelValues(t.Name()).Set(lag.Seconds())
}

func (m *Metrics) unverified(t *Target) { m.unseen.WithLabelValues(t.Name()).Inc() }
