package publish

import (
	"context"
	"time"
)

// Seer tells what one place at the edge shows. It is called by one goroutine
// at a time.
type Seer interface {
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

// sighting is a put to be watched for.
type sighting struct {
	seq   uint64
	since time.Time // the change's arrival
	put   time.Time
}

// watchEdge looks for the newest put until every seer shows it. A newer put takes the
// place of the one before.
func (p *Publisher) watchEdge(ctx context.Context, puts <-chan sighting) {
	var want sighting
	for {
		select {
		case <-ctx.Done():
			return
		case want = <-puts:
		}
		for next := true; next; {
			want, next = p.watchFor(ctx, want, puts)
		}
	}
}

// watchFor returns the put that has taken the place of the wanted one, if any.
func (p *Publisher) watchFor(ctx context.Context, want sighting, puts <-chan sighting) (newer sighting, ok bool) {
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
		seen := p.look(ctx, want.seq)
		if All(seen, want.seq) {
			now := time.Now()
			p.metrics.sighted(&p.target, now.Sub(want.since), now.Sub(want.put))
			lag := now.Sub(want.since).Milliseconds()
			p.board.mu.Lock()
			p.board.status.SeenLagMS = &lag
			p.board.mu.Unlock()
			p.log.Info("seen at the edge", "seq", want.seq, "lag_ms", lag)
			return want, false
		}
		if time.Since(want.put) > SeenFor {
			p.log.Warn("the edge does not show what was published", "seq", want.seq,
				"after", time.Since(want.put).Round(time.Second).String(), "err", firstError(seen))
			return want, false
		}
		pause.Reset(min(firstBackoff<<min(looks, 5), seenPause))
	}
}

// look asks every seer once, and posts what they say.
func (p *Publisher) look(ctx context.Context, want uint64) []SeenStatus {
	seen := Look(ctx, p.target.Seers, want)
	p.board.mu.Lock()
	p.board.status.Seen = seen
	p.board.mu.Unlock()
	return seen
}

// Look asks every seer once.
func Look(ctx context.Context, seers []Seer, want uint64) []SeenStatus {
	seen := make([]SeenStatus, len(seers))
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	parallel(len(seers), len(seers), func(i int) {
		seq, err := seers[i].Seen(ctx, want)
		seen[i] = SeenStatus{Probe: seers[i].Name(), Seq: seq, At: time.Now().UTC()}
		if err != nil {
			seen[i].Error = err.Error()
		}
	})
	return seen
}

// firstError is what the first seer that failed says; "" without one.
func firstError(seen []SeenStatus) string {
	for _, s := range seen {
		if s.Error != "" {
			return s.Error
		}
	}
	return ""
}

// All tells whether every seer shows a seq, or a newer one.
func All(seen []SeenStatus, want uint64) bool {
	for _, s := range seen {
		if s.Error != "" || s.Seq < want {
			return false
		}
	}
	return true
}
