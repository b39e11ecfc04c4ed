package publish

import (
	"context"
	"time"
)

// watchProbes looks for the newest put until every probe shows it. A newer put takes the
// place of the one before.
func (p *Publisher) watchProbes(ctx context.Context, puts <-chan pendingPut) {
	var want pendingPut
	for {
		select {
		case <-ctx.Done():
			return
		case want = <-puts:
		}
		for next := true; next; {
			want, next = p.waitForProbes(ctx, want, puts)
		}
	}
}

// waitForProbes returns the put that has taken the place of the wanted one, if any.
func (p *Publisher) waitForProbes(
	ctx context.Context, want pendingPut, puts <-chan pendingPut,
) (newer pendingPut, ok bool) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for looks := 0; ; looks++ {
		select {
		case <-ctx.Done():
			return want, false
		case newer := <-puts:
			return newer, true
		case <-pause.C:
		}
		seen := p.session.probeAll(ctx, want.seq)
		if AllAtLeast(seen, want.seq) {
			now := time.Now()
			p.session.metrics.observeSeen(&p.session.target, now.Sub(want.since), now.Sub(want.put))
			lag := now.Sub(want.since).Milliseconds()
			p.session.view.mu.Lock()
			p.session.view.status.SeenLagMS = &lag
			p.session.view.mu.Unlock()
			p.session.log.Info("seen at the edge", "seq", want.seq, "lag_ms", lag)
			return want, false
		}
		if time.Since(want.put) > SeenFor {
			p.session.log.Warn("the edge does not show what was published", "seq", want.seq,
				"after", time.Since(want.put).Round(time.Second).String(), "err", firstError(seen))
			return want, false
		}
		pause.Reset(min(firstBackoff<<min(looks, 5), seenPause))
	}
}
