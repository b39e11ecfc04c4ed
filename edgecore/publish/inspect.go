package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

// Inspect reads what is stored, for Status.
func (p *Session) Inspect(ctx context.Context) {
	keys := make([]sinks.Key, len(p.keys))
	for i, c := range p.keys {
		keys[i] = c.Key
	}
	callCtx, cancel := bound(ctx, len(keys))
	defer cancel()
	bodies, errs := sinks.GetAll(callCtx, p.target.Sink, keys)
	h := &p.health
	for i, c := range p.keys {
		if _, err := c.observe(bodies[i], errs[i], time.Now(), p.target.stale()); err != nil {
			h.err = fmt.Errorf("read %q in %s: %w", c.Key, p.target.SinkName, err)
			h.failures = 1
		}
		h.pinned = h.pinned || c.read.pinned != ""
	}
	if h.err == nil {
		h.succeeded = time.Now()
	}
	if len(p.target.Probes) > 0 {
		p.probeAll(ctx, 0)
	}
	p.updateView()
}
