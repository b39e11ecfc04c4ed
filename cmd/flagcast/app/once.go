package app

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
)

// Obtain fills the store with what the targets publish: from a file, else from
// upstream.
func (c *App) Obtain(ctx context.Context, from string, stdin io.Reader) error {
	if from != "" {
		return c.loadFrom(from, stdin)
	}
	followed := slices.DeleteFunc(c.Environments(), func(env edgecore.Environment) bool { return c.Feeds[env] == nil })
	return c.Fetch(ctx, followed)
}

// Environments lists the environments of the targets.
func (c *App) Environments() []edgecore.Environment {
	var list []edgecore.Environment
	for _, t := range c.Targets {
		if !slices.Contains(list, t.Environment) {
			list = append(list, t.Environment)
		}
	}
	return list
}

// Options of publishers that run once.
func (c *App) Options(accept []string, listener publish.Listener) publish.Options {
	return publish.Options{
		Log: c.Log, Metrics: publish.NewMetrics(prometheus.NewRegistry()), Listener: listener, Accept: accept,
		ConfigArgument: c.ConfigFile.Argument(),
	}
}

// VerifyFor is how long sync waits for a write to show; stores that show it
// later have accepted it.
const VerifyFor = 5 * time.Second
