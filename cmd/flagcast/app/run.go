package app

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/listen"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/upstream"
)

// Run follows upstream and serves. It publishes, and takes other configurations, where
// reloads are not nil.
func (c *App) Run(ctx context.Context, listener *listen.Listeners, reloads *Reloads) error {
	c.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	known := c.tokens()
	defer known.Close()
	var p *publishing
	targets := func() *report.Targets { return c.Report(nil, c.Config.API.PrivateBackstage()) }
	if reloads != nil {
		p = newPublishing(c, *reloads, known)
		targets = func() *report.Targets {
			current := p.current.Load()
			return current.core.Report(current.publishers, c.Config.API.PrivateBackstage())
		}
	}
	handler, err := c.handler(targets, known)
	if err != nil {
		return err
	}
	defer handler.Close()
	c.greet(listener)

	// Two groups: what produces ends first, then the store writes, and usage
	// sends, what they have received last.
	group, running := errgroup.WithContext(ctx)
	for _, env := range c.Followed() {
		group.Go(func() error { return c.announce(running, env) })
	}
	c.follow(running, group, c.Followed())
	if p != nil {
		group.Go(func() error { return p.run(running) })
	}
	listener.Serve(running, group, handler, &c.Config.API, c.Log)
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var keepers errgroup.Group
	keepers.Go(func() error { return c.Store.Run(keeping) })
	keepers.Go(func() error { return c.usage.Run(keeping) })
	err = group.Wait()
	stop()
	return errors.Join(err, keepers.Wait())
}

// staleAfter is how long a target may go without being brought up to date before
// it is stale.
const staleAfter = 15 * time.Minute

// Publishers makes one for each target. listener receives their events.
func (c *App) Publishers(listener publish.Listener) []*publish.Publisher {
	options := publish.Options{
		Log: c.Log, Metrics: c.publishMetrics, Listener: listener,
		ConfigArgument: c.ConfigFile.Argument(),
		StaleAfter:     max(staleAfter, 3*c.Config.Upstream.Interval), UpstreamStaleAfter: c.Config.Upstream.Stale(),
		LastConfirmed: func(env edgecore.Environment) time.Time { return c.Feeds[env].Status().LastOK },
	}
	var list []*publish.Publisher
	for _, t := range c.Targets {
		list = append(list, publish.New(t, c.Store, options))
	}
	return list
}

// scopes are the environments that are served, with the projects that the
// tokens of upstream see; nil: all, or those of a token of several, which only
// the server has.
func (c *App) scopes() map[edgecore.Environment][]string {
	followed := map[edgecore.Environment][]string{}
	for _, env := range c.Followed() {
		followed[env] = nil
	}
	for env, tokens := range c.Config.Upstream.TokensByEnvironment() {
		projects := []string{}
		for _, token := range tokens {
			if token.Project == "*" || token.Project == "[]" {
				projects = nil
				break
			}
			projects = append(projects, token.Project)
		}
		followed[env] = projects
	}
	return followed
}

func (c *App) upstreamOf(env edgecore.Environment) api.Upstream {
	s := c.Feeds[env].Status()
	return api.Upstream{
		LastConfirmed: s.LastOK, Failures: s.Failures, Streaming: s.Mode == upstream.ModeStream,
		Connections: s.Connects, Drifts: s.Drifts,
	}
}
