package publish

import (
	"context"
	"time"
)

// Probe tells what one place at the edge shows. It is called by one goroutine
// at a time.
type Probe interface {
	// Name tells people where it looks.
	Name() string
	// Seen returns the seq of the snapshot that readers get, of a key that is
	// wanted with a seq; 0: none.
	Seen(ctx context.Context, want uint64) (seq uint64, err error)
}

const (
	seenTimeout = 10 * time.Second // for one look
	seenPause   = 30 * time.Second // longest, between two looks
	// SeenFor is how long the edge is watched for a put: as long as the worst
	// propagation that a service promises (Alibaba EdgeKV, 300 s), twice.
	SeenFor = 10 * time.Minute
)

// pendingPut is a put to be watched for.
type pendingPut struct {
	seq   uint64
	since time.Time // the change's arrival
	put   time.Time
}

// watchProbes looks for the newest put until every seer shows it. A newer put takes the
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
func (p *Publisher) waitForProbes(ctx context.Context, want pendingPut, puts <-chan pendingPut) (newer pendingPut, ok bool) {
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

// probeAll asks every seer once, and posts what they say.
func (p *Session) probeAll(ctx context.Context, want uint64) []ProbeStatus {
	seen := ProbeAll(ctx, p.target.Probes, want)
	p.view.mu.Lock()
	p.view.status.Seen = seen
	p.view.mu.Unlock()
	return seen
}

// ProbeAll asks every seer once.
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

// firstError is what the first seer that failed says; "" without one.
func firstError(seen []ProbeStatus) string {
	for _, s := range seen {
		if s.Error != "" {
			return s.Error
		}
	}
	return ""
}

// AllAtLeast tells whether every seer shows a seq, or a newer one.
func AllAtLeast(seen []ProbeStatus, want uint64) bool {
	for _, s := range seen {
		if s.Error != "" || s.Seq < want {
			return false
		}
	}
	return true
}
