package all

import (
	"sync"

	"github.com/flagcast/flagcast/sinks"
)

// Opener opens the sinks of a configuration. Those that use one credential
// share its pace, and all are counted.
type Opener struct {
	metrics *sinks.Metrics

	mu    sync.Mutex
	paces map[string]*sinks.Pace
}

// NewOpener makes an opener. m nil: nothing is counted.
func NewOpener(m *sinks.Metrics) *Opener {
	return &Opener{metrics: m, paces: map[string]*sinks.Pace{}}
}

// Open makes a sink of settings that Settings gave, under the name that it has
// in the configuration. It makes no call.
func (o *Opener) Open(name, kind string, settings any) (sinks.Sink, error) {
	sink, err := Open(kind, settings)
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

func (o *Opener) pace(credential string, limits sinks.Limits) *sinks.Pace {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paces[credential] == nil {
		o.paces[credential] = sinks.NewPace(limits.Calls, limits.CallsIn)
	}
	return o.paces[credential]
}
