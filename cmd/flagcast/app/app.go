// Package app makes the parts of a process from the configuration, once: feeds that
// follow upstream, the store that they fill, sinks, targets that publish from the
// store, and what receives their events. It runs them (Run), or fetches once for a
// command that ends (Fetch).
package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/upstream"
	sdkusage "github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

// App is the parts of a process. It does not change once it is made: WithSinks
// returns another one.
type App struct {
	Config     *config.Config
	ConfigFile ConfigFile
	Log        *slog.Logger
	Store      *state.Store
	Feeds      map[edgecore.Environment]upstream.Feed // what fills the store
	Sinks      map[string]sinks.Sink                  // those that are open, by their names in the configuration
	Targets    []publish.Target                       // what publishes from the store

	opener *all.Opener
	// usage takes what SDKs report.
	usage *sdkusage.Collector
	// registry holds the metrics of everything.
	registry *prometheus.Registry
	// upstream makes one attempt of a request to upstream: one pool of
	// connections, and one client certificate that is read again.
	upstream *http.Transport
}

// New builds the parts. It starts nothing, and asks upstream only which
// environment a token is for whose text has two readings.
func New(c *config.Config, file ConfigFile, log *slog.Logger) (*App, error) {
	core, err := NewUnconnected(c, file, log)
	if err != nil {
		return nil, err
	}
	return core.WithSinks(slices.Collect(maps.Keys(c.Sinks)))
}

// NewUnconnected is New without sinks: targets have names and no more use.
func NewUnconnected(c *config.Config, file ConfigFile, log *slog.Logger) (*App, error) {
	core := &App{
		Config:     c,
		ConfigFile: file,
		Log:        log,
		// Answers of several tokens are merged, with some bytes around them.
		Store: state.New(state.Options{Dir: c.State.Dir, MaxBytes: maxBytes(&c.Upstream)*int64(max(len(c.Upstream.Tokens), 1)) + 64<<10, Log: log}),

		registry: prometheus.NewRegistry(),
	}
	core.opener = all.NewOpener(sinks.NewMetrics(core.registry))
	var err error
	if core.upstream, err = core.newUpstream(); err != nil {
		return nil, err
	}
	var validator access.Validator
	if c.Upstream.File == "" {
		validator = access.NewUpstream(c.Upstream.URL, c.Upstream.Headers, core.upstream)
	}
	if err := resolveTokens(context.Background(), c, validator, log); err != nil {
		return nil, err
	}
	if core.Feeds, err = core.newFeeds(); err != nil {
		return nil, err
	}
	if core.usage, err = core.newUsage(); err != nil {
		return nil, err
	}
	core.Targets = core.newTargets()
	return core, nil
}

// WithSinks returns the core with sinks open, by their names. Targets of other
// sinks cannot be used.
func (c *App) WithSinks(names []string) (*App, error) {
	connected := *c
	var err error
	if connected.Sinks, err = c.openSinks(names); err != nil {
		return nil, err
	}
	connected.Targets = connected.newTargets()
	return &connected, nil
}

func (c *App) newTargets() []publish.Target {
	var list []publish.Target
	for i := range c.Config.Targets {
		list = append(list, c.newTarget(&c.Config.Targets[i]))
	}
	return list
}

// Followed lists what upstream serves, sorted.
func (c *App) Followed() []edgecore.Environment {
	var list []edgecore.Environment
	for env := range c.Feeds {
		list = append(list, env)
	}
	slices.Sort(list)
	return list
}

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
		c.Log.Warn(p.String(), about...)
	}
	if more := len(fresh) - loggedProblems; more > 0 {
		c.Log.Warn(fmt.Sprintf("%d more problems of flags are not logged; repair those that are first", more), "environment", d.Environment)
	}
}

// maxBytes bounds an answer with definitions.
func maxBytes(u *config.Upstream) int64 {
	if u.MaxBytes > 0 {
		return int64(u.MaxBytes)
	}
	return AnswerBytes(memoryLimit(), len(u.Tokens))
}

func (c *App) newFeeds() (map[edgecore.Environment]upstream.Feed, error) {
	feeds := map[edgecore.Environment]upstream.Feed{}
	u := &c.Config.Upstream
	if u.File != "" {
		for _, env := range c.Config.FileEnvironments() {
			feeds[env] = upstream.NewFile(u.File, env, maxBytes(u), c.Log)
		}
		return feeds, nil
	}
	base, frontend := withToken(c.upstream, u), isFrontend(access.NewUpstream(u.URL, u.Headers, c.upstream))
	for env, tokens := range u.TokensByEnvironment() {
		poll, err := upstream.NewPoll(upstream.Options{
			URL: u.URL, Tokens: tokens, Environment: env, Interval: u.Interval,
			Timeout: u.Timeout, Headers: u.Headers, Base: base, IsFrontend: frontend,
			MaxBytes: maxBytes(u), TokenHeader: u.TokenHeader, Version: BuildVersion(), Log: c.Log.With("environment", env),
		})
		if err != nil {
			return nil, exit.With(exit.Usage, err, "")
		}
		feeds[env] = poll
	}
	return feeds, nil
}

// isFrontend asks whether a token is known to be one of the frontend API.
func isFrontend(known access.Validator) func(context.Context, secret.Secret) bool {
	return func(ctx context.Context, token secret.Secret) bool {
		answers, err := known.Validate(ctx, []secret.Secret{token})
		return err == nil && answers[0] != nil && answers[0].Kind == access.Frontend
	}
}

// newUpstream makes the transport to upstream. Requests with a token go through
// withToken, too.
func (c *App) newUpstream() (*http.Transport, error) {
	u := &c.Config.Upstream
	settings := httpclient.TLS{CAFile: u.CAFile, SkipVerify: u.SkipVerify}
	if u.ClientCertFile != "" {
		var err error
		settings.Client, err = httpclient.NewCertificate(u.ClientCertFile, u.ClientKeyFile, func(err error) {
			c.Log.Error("the client certificate for upstream cannot be read again: the one before stays", "err", err)
		})
		if err != nil {
			return nil, exit.With(exit.Usage, err, "")
		}
	}
	base, err := httpclient.WithTLS(nil, settings)
	if err != nil {
		return nil, exit.With(exit.Usage, err, "")
	}
	return base, nil
}

// withToken sends the token of a request in the header that upstream wants.
func withToken(base http.RoundTripper, u *config.Upstream) http.RoundTripper {
	var authorization secret.Secret
	for name, value := range u.Headers {
		if strings.EqualFold(name, "Authorization") {
			authorization = value
		}
	}
	return httpclient.WithTokenHeader(base, u.TokenHeader, authorization)
}

// newUsage makes what forwards reports of SDKs. A file takes none.
func (c *App) newUsage() (*sdkusage.Collector, error) {
	u := &c.Config.Upstream
	collector, err := sdkusage.New(sdkusage.Options{
		URL: u.URL, Tokens: u.Tokens, Interval: u.UsageInterval, Timeout: u.Timeout,
		Headers: u.Headers, Version: BuildVersion(), Base: withToken(c.upstream, u), Log: c.Log, Registry: c.registry,
	})
	if err != nil {
		return nil, exit.With(exit.Usage, err, "")
	}
	return collector, nil
}

// nudge makes every feed ask upstream soon.
func (c *App) nudge() {
	for _, feed := range c.Feeds {
		if poll, ok := feed.(*upstream.Poll); ok {
			poll.Trigger()
		}
	}
}

// openSinks returns the sinks that are open, and those with further names. It
// makes no call of their services.
func (c *App) openSinks(names []string) (map[string]sinks.Sink, error) {
	open := maps.Clone(c.Sinks)
	if open == nil {
		open = map[string]sinks.Sink{}
	}
	for _, name := range names {
		s := c.Config.Sinks[name]
		if s == nil || open[name] != nil {
			continue // unknown, which the use of its name reports, or open
		}
		sink, err := c.opener.Open(name, s.Type, s.Settings)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("open sink %q: %w", name, err), "")
		}
		open[name] = sink
	}
	return open, nil
}

func (c *App) newTarget(t *config.Target) publish.Target {
	target := publish.Target{
		Name: t.Name, Environment: t.Environment, Sink: c.Sinks[t.Sink], SinkName: t.Sink,
		Schedule: t.Schedule, Debounce: t.Debounce, MinInterval: t.MinInterval, Heartbeat: t.Heartbeat,
	}
	if t.History != nil {
		target.History = &publish.History{Sink: c.Sinks[t.History.Sink], SinkName: t.History.Sink, Keep: t.History.Keep}
	}
	if s, ok := sinks.As[sinks.PropagationReporter](target.Sink); ok && target.Sink != nil && target.Sink.Limits().ReportsPropagation {
		target.Probes = append(target.Probes, &propagation{s, t.Combinations()[0].Key})
	}
	for _, one := range t.Combinations() {
		fields := maps.Clone(t.Static)
		maps.Copy(fields, one.Values)
		for _, probe := range one.Probe {
			target.Probes = append(target.Probes, NewProbe(probe))
		}
		target.Outputs = append(target.Outputs, publish.Output{Key: one.Key, Spec: snapshot.Spec{
			Format: t.Snapshot, Environment: t.Environment, Target: t.Name,
			Static:     eval.Context{Fields: fields, Absent: t.Absent},
			Contextual: t.Contextual, IncludeDisabled: t.IncludeDisabled,
			Projects: t.Projects, Flags: t.Flags, Heartbeat: t.Heartbeat,
			Rules: rules.Options{Identifiers: t.Identifiers, Fields: t.IdentifierFields, Salt: t.IdentifierSalt},
		}})
	}
	return target
}

// staleAfter is how long a target may go without being brought up to date before
// it is stale.
const staleAfter = 15 * time.Minute

// Publishers makes one for each target. listener receives their events.
func (c *App) Publishers(listener publish.Listener) []*publish.Publisher {
	options := publish.Options{
		Log: c.Log, Metrics: publish.NewMetrics(c.registry), Listener: listener, ConfigArgument: c.ConfigFile.Argument(),
		StaleAfter: max(staleAfter, 3*c.Config.Upstream.Interval), UpstreamStaleAfter: c.Config.Upstream.Stale(),
		LastConfirmed: func(env edgecore.Environment) time.Time { at, _ := c.heard(env); return at },
	}
	var list []*publish.Publisher
	for _, t := range c.Targets {
		list = append(list, publish.New(t, c.Store, options))
	}
	return list
}

// JoinNames lists environments for people.
func JoinNames[T ~string](all []T) string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = string(one)
	}
	return strings.Join(list, ", ")
}
