package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/upstream"
)

// Reloads say when Run takes another configuration, and which. Load reads it; Requests
// have why it is read, for the log.
type Reloads struct {
	Load     func() (*config.Config, error)
	Requests <-chan string
}

// generation is what publishes with one configuration.
type generation struct {
	core       *App
	publishers []*publish.Publisher
}

// publishing runs one generation after the other.
type publishing struct {
	reloads Reloads
	access  *access.Access
	loaded  config.Fixed // the parts that need a restart, as they were loaded
	current atomic.Pointer[generation]

	successful prometheus.Gauge // whether the last reload was
}

// NewReloadGauge makes the metric of reloads, registers it, and sets it to 1.
func NewReloadGauge(r prometheus.Registerer) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "flagcast_config_last_reload_successful",
		Help: "1 when the last attempt to read the configuration was successful, at the start or later, 0 when not.",
	})
	g.Set(1)
	r.MustRegister(g)
	return g
}

func newPublishing(core *App, reloads Reloads, known *access.Access) *publishing {
	p := &publishing{reloads: reloads, access: known, loaded: core.loaded, successful: NewReloadGauge(core.registry)}
	p.current.Store(&generation{core: core})
	return p
}

// run publishes until ctx ends.
func (p *publishing) run(ctx context.Context) error {
	for {
		next, err := p.generation(ctx)
		if next == nil || err != nil {
			return err
		}
		before := p.current.Load().core
		for _, name := range config.CompareTargets(before.Config, next.Config).Removed {
			before.publishMetrics.Forget(name) // its publisher has ended
		}
		p.current.Store(&generation{core: next})
	}
}

// generation publishes with the current configuration, and returns the next one; nil when
// ctx has ended. What the publishers of one are doing ends before those of the next begin.
func (p *publishing) generation(ctx context.Context) (next *App, err error) {
	core := p.current.Load().core
	err = core.WithListener(ctx, "serve", func(events publish.Listener) error {
		publishers := core.Publishers(events)
		p.current.Store(&generation{core, publishers})
		group, running := errgroup.WithContext(ctx)
		running, stop := context.WithCancel(running)
		defer stop()
		for _, one := range publishers {
			group.Go(func() error { return one.Run(running) })
		}
		next = p.await(running, core)
		stop()
		return group.Wait()
	})
	return next, err
}

// await waits for a configuration that can be used, or the end of ctx.
func (p *publishing) await(ctx context.Context, core *App) *App {
	for {
		select {
		case <-ctx.Done():
			return nil
		case why := <-p.reloads.Requests:
			next, err := p.reload(ctx, core, why)
			if err != nil {
				p.successful.Set(0)
				lines := strings.Split(err.Error(), "\n")
				core.Log.Error("the configuration was not taken; the one before stays", "err", lines[0], "reason", why,
					"lines", lines[1:])
				continue
			}
			p.successful.Set(1)
			return next
		}
	}
}

// reload reads the configuration and makes its sinks and targets.
func (p *publishing) reload(ctx context.Context, core *App, why string) (*App, error) {
	read, err := p.reloads.Load()
	if err != nil {
		return nil, err
	}
	if parts := p.loaded.Differences(read.Fixed()); len(parts) > 0 {
		core.Log.Warn("settings that need a restart have changed; those before stay",
			"settings", strings.Join(parts, ", "))
	}
	cfg := read.WithFixed(core.Config, p.loaded)
	for _, t := range cfg.Targets {
		if core.Feeds[t.Environment] == nil {
			return nil,
				fmt.Errorf("target %q publishes environment %q, which upstream does not have in this process: restart",
					t.Name, t.Environment)
		}
	}
	if err := resolveTokens(ctx, cfg, validator(&cfg.Upstream, core.upstream), core.Log); err != nil {
		return nil, err
	}
	next, err := core.with(cfg)
	if err != nil {
		return nil, err
	}
	p.setTokens(next)
	changes := config.CompareTargets(core.Config, cfg)
	for _, name := range changes.Removed {
		core.Log.Warn("target removed: what it has published stays where it is", "target", name)
	}
	core.Log.Info("configuration reloaded", "reason", why, "added", strings.Join(changes.Added, ", "),
		"changed", strings.Join(changes.Changed, ", "), "removed", strings.Join(changes.Removed, ", "))
	WarnOfSecrets(cfg, core.Log)
	return next, nil
}

// setTokens lets everything that asks upstream use the tokens of a configuration.
func (p *publishing) setTokens(core *App) {
	for env, tokens := range core.Config.Upstream.TokensByEnvironment() {
		if poll, ok := core.Feeds[env].(*upstream.Server); ok {
			poll.SetTokens(tokens)
		}
	}
	core.usage.SetTokens(core.Config.Upstream.Tokens)
	p.access.SetBackend(slices.Concat(core.Config.Upstream.Tokens, core.Config.API.BackendTokens))
}

// with returns the parts of the process with the sinks, targets and notifications of
// another configuration.
func (c *App) with(cfg *config.Config) (*App, error) {
	open, err := openSinks(cfg.Sinks, sortedNames(cfg.Sinks), c.sinkMetrics)
	if err != nil {
		return nil, err
	}
	next := *c
	next.Config, next.Sinks, next.Targets = cfg, open, newTargets(cfg.Targets, open)
	return &next, nil
}
