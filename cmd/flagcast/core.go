package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/transport"
	"github.com/flagcast/flagcast/edgecore/upstream"
	sdkusage "github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

// core is what every command that follows upstream is made of: feeds that
// fill a store, and targets that publish from it.
type core struct {
	config  *config.Config
	log     *slog.Logger
	store   *state.Store
	feeds   map[edgecore.Environment]upstream.Feed
	sinks   map[string]sinks.Sink // by their names in the configuration
	targets []publish.Target
	// listener takes the events of publishers; nil: nobody does.
	listener publish.Listener
	// usage takes what SDKs report.
	usage *sdkusage.Collector
	// registry holds the metrics of everything.
	registry *prometheus.Registry
}

// newCore builds the parts. It starts nothing and reaches nobody.
func newCore(c *config.Config, log *slog.Logger) (*core, error) {
	core := &core{
		config: c,
		log:    log,
		store:  state.New(state.Options{Dir: c.State.Dir, Log: log}),

		registry: prometheus.NewRegistry(),
	}
	var err error
	if core.feeds, err = newFeeds(c, log); err != nil {
		return nil, err
	}
	if core.usage, err = newUsage(c, log, core.registry); err != nil {
		return nil, err
	}
	if err := core.openSinks(); err != nil {
		return nil, err
	}
	for i := range c.Targets {
		core.targets = append(core.targets, core.newTarget(&c.Targets[i]))
	}
	return core, nil
}

// environments lists what upstream serves, sorted.
func (c *core) environments() []edgecore.Environment {
	var list []edgecore.Environment
	for env := range c.feeds {
		list = append(list, env)
	}
	slices.Sort(list)
	return list
}

// follow runs the feeds until ctx ends. A feed that cannot go on ends the
// others.
func (c *core) follow(ctx context.Context, group *errgroup.Group) {
	for _, env := range c.environments() {
		group.Go(func() error {
			if err := c.feeds[env].Run(ctx, c.deliver); err != nil {
				return fmt.Errorf("follow upstream for environment %q: %w", env, err)
			}
			return nil
		})
	}
}

// deliver stores definitions and reports new faults of single flags.
func (c *core) deliver(d *edgecore.Definitions) {
	known := map[edgecore.Problem]bool{}
	if before, err := c.store.Load(d.Environment); err == nil {
		for _, p := range before.Problems {
			known[p] = true
		}
	}
	c.store.Put(d)
	after, err := c.store.Load(d.Environment)
	if err != nil {
		return
	}
	for _, p := range after.Problems {
		if !known[p] {
			c.log.Warn(p.String(), "env", d.Environment)
		}
	}
}

func newFeeds(c *config.Config, log *slog.Logger) (map[edgecore.Environment]upstream.Feed, error) {
	feeds := map[edgecore.Environment]upstream.Feed{}
	if c.Upstream.File != "" {
		env := c.Upstream.Environment
		feeds[env] = upstream.NewFile(c.Upstream.File, env, log)
		return feeds, nil
	}
	for env, tokens := range c.Upstream.TokensByEnvironment() {
		poll, err := upstream.NewPoll(upstream.Options{
			URL: c.Upstream.URL, Tokens: tokens, Environment: env, Interval: c.Upstream.Interval,
			Timeout: c.Upstream.Timeout, Headers: c.Upstream.Headers, CAFile: c.Upstream.CAFile,
			Version: buildVersion(), Log: log.With("env", env),
		})
		if err != nil {
			return nil, failed(exitUsage, err, "")
		}
		feeds[env] = poll
	}
	return feeds, nil
}

// newUsage makes what forwards reports of SDKs. A file takes none.
func newUsage(c *config.Config, log *slog.Logger, registry *prometheus.Registry) (*sdkusage.Collector, error) {
	base, err := transport.WithCA(nil, c.Upstream.CAFile)
	if err != nil {
		return nil, failed(exitUsage, err, "")
	}
	collector, err := sdkusage.New(sdkusage.Options{
		URL: c.Upstream.URL, Tokens: c.Upstream.Tokens, Interval: c.Upstream.UsageInterval, Timeout: c.Upstream.Timeout,
		Headers: c.Upstream.Headers, Version: buildVersion(), Base: base, Log: log, Registry: registry,
	})
	if err != nil {
		return nil, failed(exitUsage, err, "")
	}
	return collector, nil
}

// nudge makes every feed ask upstream soon.
func (c *core) nudge() {
	for _, feed := range c.feeds {
		if poll, ok := feed.(*upstream.Poll); ok {
			poll.Nudge()
		}
	}
}

// openSinks makes the sinks of the configuration. It reaches none.
func (c *core) openSinks() error {
	opener := all.NewOpener(sinks.NewMetrics(c.registry))
	c.sinks = map[string]sinks.Sink{}
	for name, s := range c.config.Sinks {
		sink, err := opener.Open(name, s.Type, s.Settings)
		if err != nil {
			return failed(exitUsage, fmt.Errorf("open sink %q: %w", name, err), "")
		}
		c.sinks[name] = sink
	}
	return nil
}

func (c *core) newTarget(t *config.Target) publish.Target {
	target := publish.Target{
		Name: t.Name, Environment: t.Environment, Sink: c.sinks[t.Sink], SinkName: t.Sink,
		Schedule: t.Schedule, Debounce: t.Debounce, MinInterval: t.MinInterval, Heartbeat: t.Heartbeat,
	}
	if t.History != nil {
		target.History = &publish.History{Sink: c.sinks[t.History.Sink], SinkName: t.History.Sink, Keep: t.History.Keep}
	}
	if s, ok := sinks.As[sinks.Spreader](target.Sink); ok && spreads(s) {
		target.Seers = append(target.Seers, &spread{s, t.Combinations()[0].Key})
	}
	for _, one := range t.Combinations() {
		fields := maps.Clone(t.Static)
		maps.Copy(fields, one.Values)
		for _, probe := range one.Probe {
			target.Seers = append(target.Seers, newProbe(probe))
		}
		target.Cells = append(target.Cells, publish.Cell{Key: one.Key, Spec: snapshot.Spec{
			Format: t.Snapshot, Environment: t.Environment, Target: t.Name,
			Static:     eval.Context{Fields: fields, Absent: t.Absent},
			Contextual: t.Contextual, IncludeDisabled: t.IncludeDisabled,
			Projects: t.Projects, Flags: t.Flags, Heartbeat: t.Heartbeat,
			Rules: eval.RulesOptions{Identifiers: t.Identifiers, Fields: t.IdentifierFields, Salt: t.IdentifierSalt},
		}})
	}
	return target
}

// staleAfter is how long a target may go without being brought up to date, or
// its flags without being confirmed by upstream, before somebody is told.
const staleAfter = 15 * time.Minute

// publishers makes one for each target.
func (c *core) publishers() []*publish.Publisher {
	options := publish.Options{
		Log: c.log, Metrics: publish.NewMetrics(c.registry), Listener: c.listener, StaleAfter: max(staleAfter, 3*c.config.Upstream.Interval),
		Heard: func(env edgecore.Environment) time.Time { at, _ := c.heard(env); return at },
	}
	var list []*publish.Publisher
	for _, t := range c.targets {
		list = append(list, publish.New(t, c.store, options))
	}
	return list
}

// names lists environments for people.
func names[T ~string](all []T) string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = string(one)
	}
	return strings.Join(list, ", ")
}
