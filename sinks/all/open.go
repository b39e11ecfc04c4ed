package all

import (
	"sync"

	"github.com/flagcast/flagcast/sinks"
)

// Factory makes the sinks of a configuration. Sinks with the same credential share a
// rate limit, and all have metrics.
type Factory struct {
	metrics *sinks.Metrics

	mu    sync.Mutex
	paces map[string]*sinks.Pace
}

// NewFactory makes a factory. m nil: no metrics.
func NewFactory(m *sinks.Metrics) *Factory {
	return &Factory{metrics: m, paces: map[string]*sinks.Pace{}}
}

// New makes a sink with settings from Settings, under its name in the configuration. It
// makes no network calls.
func (o *Factory) New(name, kind string, settings any) (sinks.Sink, error) {
	sink, err := New(kind, settings)
	if err != nil {
		return nil, err
	}
	if limits := sink.Limits(); limits.Calls > 0 {
		credential := kind
		if c, ok := settings.(interface{ Credential() string }); ok {
			credential += " " + c.Credential()
		}
		sink = sinks.Paced(sink, o.pace(credential, limits))
	}
	if o.metrics != nil {
		sink = sinks.Measured(sink, name, o.metrics)
	}
	return sink, nil
}

func (o *Factory) pace(credential string, limits sinks.Limits) *sinks.Pace {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paces[credential] == nil {
		o.paces[credential] = sinks.NewPace(limits.Calls, limits.CallsIn)
	}
	return o.paces[credential]
}
