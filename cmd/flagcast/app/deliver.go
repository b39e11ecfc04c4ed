package app

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
)

// follow runs the feeds of environments until ctx ends. A feed that cannot go on
// ends the others.
func (c *App) follow(ctx context.Context, group *errgroup.Group, environments []edgecore.Environment) {
	for _, env := range environments {
		group.Go(func() error {
			if err := c.Feeds[env].Run(ctx, func(d *edgecore.Definitions) { c.deliver(ctx, d) }); err != nil {
				return fmt.Errorf("follow upstream for environment %q: %w", env, err)
			}
			return nil
		})
	}
}

// Follow fills the store from upstream until ctx ends, for a command that neither
// serves the API nor publishes.
func (c *App) Follow(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	c.follow(running, group, c.Followed())
	return group.Wait()
}

// loggedProblems is how many new faults of single flags are logged at once.
const loggedProblems = 20

// deliver stores definitions and reports new faults of single flags. The end of
// ctx ends the work.
func (c *App) deliver(ctx context.Context, d *edgecore.Definitions) {
	known := map[edgecore.Problem]bool{}
	if before, err := c.Store.Load(d.Environment); err == nil {
		for _, p := range before.Problems {
			known[p] = true
		}
	}
	if c.Store.PutContext(ctx, d) != nil {
		return
	}
	after, err := c.Store.Load(d.Environment)
	if err != nil {
		return
	}
	fresh := slices.DeleteFunc(slices.Clone(after.Problems), func(p edgecore.Problem) bool { return known[p] })
	for _, p := range fresh[:min(len(fresh), loggedProblems)] {
		about := []any{"environment", d.Environment}
		if line := d.Lines[p.Feature]; line > 0 {
			about = append(about, "line", line)
		}
		c.Log.Warn("problem", append([]any{"problem", p.String()}, about...)...)
	}
	if more := len(fresh) - loggedProblems; more > 0 {
		c.Log.Warn("more problems of flags are not logged; repair those that are first", "problems", more,
			"environment", d.Environment)
	}
}

// trigger makes every feed ask upstream soon.
func (c *App) trigger() {
	for _, feed := range c.Feeds {
		if poll, ok := feed.(*upstream.Server); ok {
			poll.Trigger()
		}
	}
}
