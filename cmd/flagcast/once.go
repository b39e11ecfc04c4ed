package main

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
)

// obtain fills the store with what the targets publish: from a file, else from
// upstream.
func (c *core) obtain(ctx context.Context, from string, stdin io.Reader) error {
	if from != "" {
		return c.loadFrom(from, stdin)
	}
	followed := slices.DeleteFunc(c.published(), func(env edgecore.Environment) bool { return c.feeds[env] == nil })
	return c.fetch(ctx, followed)
}

// published lists the environments of the targets.
func (c *core) published() []edgecore.Environment {
	var list []edgecore.Environment
	for _, t := range c.targets {
		if !slices.Contains(list, t.Environment) {
			list = append(list, t.Environment)
		}
	}
	return list
}

// options of publishers that run once.
func (c *core) once(accept []string, listener publish.Listener) publish.Options {
	return publish.Options{
		Log: c.log, Metrics: publish.NewMetrics(prometheus.NewRegistry()), Listener: listener, Accept: accept, ConfigArgument: c.file.argument(),
	}
}

// verifyFor is how long sync waits for a write to show; stores that show it
// later have accepted it.
const verifyFor = 5 * time.Second
