package app

import (
	"context"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/state"
)

// announce logs what flags an environment has until ctx ends: when upstream has
// answered for the first time, after every change, and when a DATE constraint
// flips.
func (c *App) announce(ctx context.Context, env edgecore.Environment) error {
	current, err := c.Store.Wait(ctx, env, 0)
	flipped := false
	var flip time.Time // the next one, zero for none
	for err == nil {
		c.logFlags(current, flipped)
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if flip = nextFlip(current, flip); !flip.IsZero() {
			waiting, cancel = context.WithDeadline(ctx, flip)
		}
		var next *state.State
		next, err = c.Store.Wait(waiting, env, current.Version)
		cancel()
		switch {
		case err == nil:
			current, flipped, flip = next, false, time.Time{}
		case ctx.Err() == nil:
			flipped, err = true, nil
		}
	}
	return nil
}

// flipPause is the shortest time between two lines about flips.
const flipPause = time.Second

// nextFlip returns when a DATE constraint flips next after the flip before, the
// zero time for never.
func nextFlip(st *state.State, before time.Time) time.Time {
	now := time.Now()
	if now.Before(before) { // the clock was set back
		now = before
	}
	flip, ok := st.Program.NextFlip(now)
	if soonest := before.Add(flipPause); ok && flip.Before(soonest) {
		return soonest
	}
	return flip
}

// logFlags logs what flags an environment has. Those of the state folder are
// logged where they are restored.
func (c *App) logFlags(st *state.State, flipped bool) {
	if st.Restored {
		return
	}
	d := st.Definitions
	about := []any{"environment", d.Environment, "flags", len(d.Features)}
	if d.Revision > 0 {
		about = append(about, "revision", d.Revision)
	}
	about = append(about, "source", c.source())
	if flipped {
		c.Log.Info("a date constraint has flipped", about...)
		return
	}
	c.Log.Info("flags received", about...)
}
