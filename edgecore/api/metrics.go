package api

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
)

// Build is the version of this program, for metrics.
type Build struct {
	Version  string // such as "v1.2.3"
	Revision string // of the source, a commit; "" where it is not known
}

func newBuildInfo(b Build) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "flagcast_build_info", Help: "1, with the version of flagcast, the commit and the version of Go.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

func newReadiness(a *api) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flagcast_ready", Help: "1 while /ready answers 200; alert on 0.",
	}, func() float64 {
		if a.notReady() == "" {
			return 1
		}
		return 0
	})
}

// newDurations makes a histogram with buckets from the cached response to a poll, tens
// of microseconds, to a body that a slow client sends.
func newDurations() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "flagcast_http_request_duration_seconds", Help: "Duration of requests by route and status.",
		Buckets: []float64{.00002, .00005, .0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 10},
	}, []string{"route", "code"})
}

// Upstream is how upstream of an environment is.
type Upstream struct {
	LastConfirmed time.Time // when it last confirmed or changed the flags; zero for never
	Failures      int       // consecutive
	Streaming     bool      // the streams of all tokens are open
	Connections   uint64    // streams that have begun
	Drifts        uint64    // changes that a stream has lost, and a poll has found
}

// stateCollector reports what the store holds, when it is scraped.
type stateCollector struct {
	states       States
	environments []edgecore.Environment
	upstream     func(edgecore.Environment) Upstream

	flags, problems, revision, changedAt, restored         *prometheus.Desc
	lastSuccess, failures, streaming, connections, drifted *prometheus.Desc
}

func newStateCollector(o *Options) *stateCollector {
	upstream := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("flagcast_upstream_"+name, help, []string{"environment"}, nil)
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("flagcast_definitions_"+name, help, []string{"environment"}, nil)
	}
	return &stateCollector{
		states: o.States, environments: o.Environments, upstream: o.Upstream,
		lastSuccess: upstream("last_success_timestamp_seconds",
			"When upstream last confirmed or changed the definitions, in unix time; 0 for never."),
		failures: upstream("consecutive_failures",
			"Tries to reach upstream that have failed since the last that did not; alert on it."),
		streaming: upstream("streaming",
			"1 while the streams of upstream are open for all tokens of the environment, 0 while it is polled."),
		connections: upstream("stream_connections_total",
			"Streams of upstream that have begun with flags, or what had changed."),
		drifted: upstream("stream_drift_total",
			"Polls that have found a change that the events of upstream have lost."),
		flags:     desc("flags", "Flags of the environment."),
		problems:  desc("problems", "Faults of single flags, strategies and segments."),
		revision:  desc("revision", "Upstream's number of the newest definitions."),
		changedAt: desc("last_change_timestamp_seconds", "When the definitions last changed, in unix time."),
		restored: desc("restored",
			"1 while the definitions are those of an earlier run and upstream has not answered yet."),
	}
}

func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.flags, c.problems, c.revision, c.changedAt, c.restored, c.lastSuccess, c.failures, c.streaming,
		c.connections, c.drifted,
	} {
		ch <- d
	}
}

func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	for _, env := range c.environments {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, string(env))
		}
		if c.upstream != nil {
			c.collectUpstream(c.upstream(env), string(env), ch)
		}
		st, err := c.states.Load(env)
		if err != nil {
			continue
		}
		restored := 0.0
		if st.Restored {
			restored = 1
		}
		gauge(c.flags, float64(len(st.Definitions.Features)))
		gauge(c.problems, float64(len(st.Problems)))
		gauge(c.revision, float64(st.Definitions.Revision))
		gauge(c.changedAt, float64(st.Since.UnixMilli())/1000)
		gauge(c.restored, restored)
	}
}

func (c *stateCollector) collectUpstream(u Upstream, env string, ch chan<- prometheus.Metric) {
	streaming := 0.0
	if u.Streaming {
		streaming = 1
	}
	for d, value := range map[*prometheus.Desc]float64{
		c.lastSuccess: float64(max(u.LastConfirmed.UnixMilli(), 0)) / 1000, c.failures: float64(u.Failures),
		c.streaming: streaming,
	} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, env)
	}
	ch <- prometheus.MustNewConstMetric(c.connections, prometheus.CounterValue, float64(u.Connections), env)
	ch <- prometheus.MustNewConstMetric(c.drifted, prometheus.CounterValue, float64(u.Drifts), env)
}
