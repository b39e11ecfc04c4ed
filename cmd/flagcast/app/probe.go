package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

// probe asks the status endpoint of a worker (docs/workers.md) what it serves.
type probe struct {
	address string
	client  *http.Client
}

const probeBytes = 64 << 10

// NewProbe makes a probe of the status address of a worker.
func NewProbe(address string) publish.Probe {
	return &probe{
		address: address, client: httpclient.NewClient(httpclient.Options{Attempts: 1, Timeout: 5 * time.Second}),
	}
}

// Name is the address without what may be secret in it.
func (p *probe) Name() string {
	u, err := url.Parse(p.address)
	if err != nil {
		return "probe"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// Seen asks once.
func (p *probe) Seen(ctx context.Context, _ uint64) (uint64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.address, nil)
	if err != nil {
		return 0, fmt.Errorf("probe %s: %w", p.Name(), err)
	}
	request.Header.Set("Cache-Control", "no-cache")
	response, err := p.client.Do(request)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without the address
		}
		return 0, fmt.Errorf("probe %s: %w", p.Name(), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("probe %s: %s; is it the status path of a worker?", p.Name(), response.Status)
	}
	var status struct {
		Seq *uint64 `json:"seq"`
	}
	body, err := untrusted.ReadBody(response, probeBytes)
	if err != nil {
		return 0, fmt.Errorf("probe %s: read the answer: %w", p.Name(), err)
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return 0, fmt.Errorf("probe %s: the answer is not a worker status: %w", p.Name(), err)
	}
	if status.Seq == nil {
		return 0, fmt.Errorf("probe %s: the worker has no snapshot yet", p.Name())
	}
	return *status.Seq, nil
}

// propagation asks the service itself whether a key has reached every place.
type propagation struct {
	sinks.PropagationReporter
	key sinks.Key
}

func (s *propagation) Name() string { return "every place, key " + string(s.key) }

// Seen returns the wanted seq once the service says that the last write is
// everywhere.
func (s *propagation) Seen(ctx context.Context, want uint64) (uint64, error) {
	done, err := s.Propagated(ctx, s.key)
	if err != nil || !done {
		return 0, err
	}
	return want, nil
}
