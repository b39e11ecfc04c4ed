package usage

import "github.com/prometheus/client_golang/prometheus"

// kind is what is counted.
type kind string

const (
	evaluations   kind = "evaluations"   // of flags
	variants      kind = "variants"      // choices of a variant, which are part of evaluations
	registrations kind = "registrations" // of instances
	impact        kind = "impact"        // impact metrics
)

// reason is why something is dropped.
type reason string

const (
	capacity    reason = "capacity"    // memory is full
	invalid     reason = "invalid"     // Unleash could not store it
	nowhere     reason = "nowhere"     // no upstream, or none for the environment
	refused     reason = "refused"     // upstream does not accept it
	shutdown    reason = "shutdown"    // the process ended first
	unsupported reason = "unsupported" // flagcast does not forward it
)

// reasons are the kinds that are dropped for each reason.
var reasons = map[reason][]kind{
	capacity:    {evaluations, variants, registrations},
	invalid:     {evaluations, variants, registrations},
	nowhere:     {evaluations, registrations},
	refused:     {evaluations, registrations},
	shutdown:    {evaluations, registrations},
	unsupported: {impact},
}

type counter struct{ *prometheus.CounterVec }

func (c counter) add(k kind, n uint64) { c.WithLabelValues(string(k)).Add(float64(n)) }

// metrics has labels with constant values and with configured environments: no label
// holds a value from an SDK.
type metrics struct {
	received, sent counter
	dropped        *prometheus.CounterVec

	collector                 *Collector
	waiting, memory, failures *prometheus.Desc
}

func newMetrics(r prometheus.Registerer, c *Collector) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "flagcast_usage_" + name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("flagcast_usage_"+name, help, append([]string{"environment"}, labels...), nil)
	}
	m := &metrics{
		received:  counter{vec("received_total", "What SDKs have reported.", "kind")},
		sent:      counter{vec("sent_total", "What upstream has accepted of it.", "kind")},
		dropped:   vec("dropped_total", "What SDKs have reported and upstream will not get.", "kind", "reason"),
		collector: c,
		waiting:   desc("waiting", "What waits to be sent upstream.", "kind"),
		memory:    desc("memory_bytes", "Memory that reports take, about."),
		failures:  desc("consecutive_failures", "Reports to upstream that have failed since the last that did not."),
	}
	for _, k := range []kind{evaluations, registrations} {
		m.received.add(k, 0)
		m.sent.add(k, 0)
	}
	for why, kinds := range reasons {
		for _, k := range kinds {
			m.dropped.WithLabelValues(string(k), string(why))
		}
	}
	r.MustRegister(m)
	return m
}

func (m *metrics) drop(why reason, k kind, n uint64) {
	if n > 0 {
		m.dropped.WithLabelValues(string(k), string(why)).Add(float64(n))
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.waiting
	ch <- m.memory
	ch <- m.failures
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, e := range m.collector.envs {
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v,
				append([]string{string(e.name)}, labels...)...)
		}
		e.mu.Lock()
		partitions := []*partition{&e.backend, &e.frontend}
		var waiting uint64
		due, bytes := 0, 0
		for _, s := range partitions {
			waiting += s.rows.evaluations()
			due += len(s.instances.due)
			bytes += s.rows.used + s.instances.used
		}
		failures := e.failures
		e.mu.Unlock()
		gauge(m.waiting, float64(waiting), string(evaluations))
		gauge(m.waiting, float64(due), string(registrations))
		gauge(m.memory, float64(bytes))
		gauge(m.failures, float64(failures))
	}
}
