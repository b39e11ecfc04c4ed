// Package publish keeps what sinks hold equal to the newest flags: one loop
// per target, so that a failing target harms only itself.
package publish

import (
	"context"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// Target is what is published where, and when.
type Target struct {
	Name        string
	Environment edgecore.Environment
	// Outputs are the snapshots of the target: one, or one for each combination
	// of a matrix.
	Outputs  []Output
	Sink     sinks.Sink
	SinkName string // for people
	// Schedule is when to reconcile: to read what is stored, compare and
	// repair. nil: only at the start and after failures.
	Schedule cron.Schedule
	// Debounce is how long to wait for more changes after one.
	Debounce time.Duration
	// MinInterval is the shortest time between two writes of a key. The
	// sink's own pace counts where it is longer.
	MinInterval time.Duration
	// Heartbeat is how long what is stored may be unchanged before it is
	// written again under a new publishedAt; 0: without end.
	Heartbeat time.Duration
	// History keeps what was published; nil: nothing is kept.
	History *History
	// Probes say what the edge shows; none: it is not asked.
	Probes []Probe
}

// Output is one snapshot under one key.
type Output struct {
	Key  sinks.Key
	Spec snapshot.Spec
}

func (t *Target) pace() time.Duration { return max(t.MinInterval, t.Sink.Limits().WritePace) }

// stale is how long a read may show what was there before a put.
func (t *Target) stale() time.Duration {
	if t.Sink.Limits().Propagation == 0 {
		return 0
	}
	return verifyFor
}

// States gives the newest definitions (state.Store).
type States interface {
	Load(env edgecore.Environment) (*state.State, error)
	Wait(ctx context.Context, env edgecore.Environment, after uint64) (*state.State, error)
}

// Probe says what one place at the edge shows. It is called by one goroutine
// at a time.
type Probe interface {
	// Name is for people: where it looks.
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

// verifyFor is how long after a put a read may still show something older,
// for a sink whose reads may be stale at all (KV reads are cached; Cloudflare
// says 60 s and more). Until then an older read is not a reason to write again.
const verifyFor = 2 * time.Minute
