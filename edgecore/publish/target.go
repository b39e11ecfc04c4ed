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
	Spec     snapshot.Spec
	Sink     sinks.Sink
	SinkName string // for people
	Key      sinks.Key
	// Schedule is when to reconcile: to read what is stored, compare and
	// repair. nil: only at the start and after failures.
	Schedule cron.Schedule
	// Debounce is how long to wait for more changes after one.
	Debounce time.Duration
	// MinInterval is the shortest time between two writes of the key. The
	// sink's own pace counts where it is longer.
	MinInterval time.Duration
}

// Name returns the name of the target.
func (t *Target) Name() string { return t.Spec.Target }

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
