package main

import (
	"context"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
)

// waitSeen waits until every probe of what was written shows it, or the time
// is over.
func (r *syncRun) waitSeen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.flags.waitSeen)
	defer cancel()
	for i := range r.results {
		result := &r.results[i]
		for _, t := range r.core.Targets {
			if t.Name != result.Target || len(t.Probes) == 0 || result.Error != "" {
				continue
			}
			seen := await(ctx, t.Probes, result.Seq)
			result.Seen = &seen
		}
	}
}

// await asks until every probe shows a seq or ctx ends.
func await(ctx context.Context, seers []publish.Probe, seq uint64) bool {
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		if publish.AllAtLeast(publish.ProbeAll(ctx, seers, seq), seq) {
			return true
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}
