package main

import (
	"context"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
)

// waitSeen waits until every probe of what was written shows it, or the time is
// over, and adds to each result whether it was seen.
func waitSeen(ctx context.Context, targets []publish.Target, done []synced, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for i := range done {
		result := &done[i].result
		for _, t := range targets {
			if t.Name != result.Target || len(t.Probes) == 0 || result.Error != "" {
				continue
			}
			seen := waitProbes(ctx, t.Probes, result.Seq)
			result.Seen = &seen
		}
	}
}

// waitProbes asks until every probe shows a seq, and reports whether it did before
// ctx ended.
func waitProbes(ctx context.Context, probes []publish.Probe, seq uint64) bool {
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		if publish.AllAtLeast(publish.ProbeAll(ctx, probes, seq), seq) {
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
