package sinks

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts and times the calls of sinks. The label sink has as many
// values as the configuration has sinks.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics makes the collectors and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flagcast_sink_calls_total",
			Help: "Calls of sinks, by result: ok, absent, failed, ambiguous or permanent.",
		}, []string{"sink", "call", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "flagcast_sink_call_duration_seconds",
			Help:    "Duration of calls of sinks, including retries and the wait for the rate limit.",
			Buckets: []float64{.001, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, []string{"sink", "call"}),
	}
	r.MustRegister(m.calls, m.duration)
	return m
}

// Measured returns a sink whose calls are counted under a name. A call for
// many objects is timed as one, and each object counts.
func Measured(s Sink, name string, m *Metrics) Sink { return &measured{s, name, m} }

type measured struct {
	Sink
	name    string
	metrics *Metrics
}

func (s *measured) Unwrap() Sink { return s.Sink }

func (s *measured) observe(call string, began time.Time, errs ...error) {
	s.metrics.duration.WithLabelValues(s.name, call).Observe(time.Since(began).Seconds())
	for _, err := range errs {
		s.metrics.calls.WithLabelValues(s.name, call, outcome(err)).Inc()
	}
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNotFound):
		return "absent"
	case errors.Is(err, ErrAmbiguous):
		return "ambiguous"
	case errors.Is(err, ErrPermanent):
		return "permanent"
	default:
		return "failed"
	}
}

func (s *measured) Put(ctx context.Context, o Object) error {
	began := time.Now()
	err := s.Sink.Put(ctx, o)
	s.observe("put", began, err)
	return err
}

func (s *measured) Get(ctx context.Context, key Key) ([]byte, error) {
	began := time.Now()
	body, err := s.Sink.Get(ctx, key)
	s.observe("get", began, err)
	return body, err
}

func (s *measured) Delete(ctx context.Context, key Key) error {
	began := time.Now()
	err := s.Sink.Delete(ctx, key)
	s.observe("delete", began, err)
	return err
}

func (s *measured) PutBatch(ctx context.Context, objects []Object) []error {
	began := time.Now()
	errs := PutAll(ctx, s.Sink, objects)
	s.observe("put", began, errs...)
	return errs
}

func (s *measured) GetBatch(ctx context.Context, keys []Key) ([][]byte, []error) {
	began := time.Now()
	bodies, errs := GetAll(ctx, s.Sink, keys)
	s.observe("get", began, errs...)
	return bodies, errs
}
