package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
)

// stateCollector reports what the store holds, when somebody asks.
type stateCollector struct {
	states       States
	environments []edgecore.Environment

	flags, problems, revision, age, restored *prometheus.Desc
}

func newStateCollector(s States, environments []edgecore.Environment) *stateCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("flagcast_definitions_"+name, help, []string{"env"}, nil)
	}
	return &stateCollector{
		states: s, environments: environments,
		flags:    desc("flags", "Flags of the environment."),
		problems: desc("problems", "Faults of single flags, strategies and segments."),
		revision: desc("revision", "Upstream's number of the newest definitions."),
		age:      desc("age_seconds", "Time since the definitions last changed."),
		restored: desc("restored", "1 while the definitions are those of an earlier run and upstream has not been heard."),
	}
}

func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.flags, c.problems, c.revision, c.age, c.restored} {
		ch <- d
	}
}

func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	for _, env := range c.environments {
		st, err := c.states.Load(env)
		if err != nil {
			continue
		}
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, string(env))
		}
		restored := 0.0
		if st.Restored {
			restored = 1
		}
		gauge(c.flags, float64(len(st.Definitions.Features)))
		gauge(c.problems, float64(len(st.Problems)))
		gauge(c.revision, float64(st.Definitions.Revision))
		gauge(c.age, time.Since(st.Since).Seconds())
		gauge(c.restored, restored)
	}
}
