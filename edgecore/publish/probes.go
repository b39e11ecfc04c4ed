package publish

import (
	"context"
	"time"
)

// probeAll asks every probe once, and updates the view.
func (p *Session) probeAll(ctx context.Context, want uint64) []ProbeStatus {
	seen := ProbeAll(ctx, p.target.Probes, want)
	p.view.mu.Lock()
	p.view.status.Seen = seen
	p.view.mu.Unlock()
	return seen
}

// ProbeAll asks every probe once.
func ProbeAll(ctx context.Context, seers []Probe, want uint64) []ProbeStatus {
	seen := make([]ProbeStatus, len(seers))
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	parallel(len(seers), len(seers), func(i int) {
		seq, err := seers[i].Seen(ctx, want)
		seen[i] = ProbeStatus{Probe: seers[i].Name(), Seq: seq, At: time.Now().UTC()}
		if err != nil {
			seen[i].Error = err.Error()
		}
	})
	return seen
}

// firstError is what the first probe that failed says; "" without one.
func firstError(seen []ProbeStatus) string {
	for _, s := range seen {
		if s.Error != "" {
			return s.Error
		}
	}
	return ""
}

// AllAtLeast reports whether every probe shows a seq, or a newer one.
func AllAtLeast(seen []ProbeStatus, want uint64) bool {
	for _, s := range seen {
		if s.Error != "" || s.Seq < want {
			return false
		}
	}
	return true
}
