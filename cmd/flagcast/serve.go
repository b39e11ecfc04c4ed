package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

func newServe() *cobra.Command {
	flags := map[string]*string{"upstream-url": new(string), "port": new(string), "interface": new(string)}
	var tokens []string
	var apiOnly bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Follow Unleash, serve its APIs, publish snapshots",
		Long: `Serve follows upstream, keeps the flags of each environment in memory, answers
Unleash's client and frontend APIs from there, and publishes every target: when
flags change, when a date constraint flips, and on the target's schedule.

It goes on with the last good flags when upstream does not answer, and, with a
state folder, starts with them. "edge" is the same with all flags of Unleash
Edge.`,
		Example: "  flagcast serve --config examples/quickstart/flagcast.yaml\n" +
			"  UPSTREAM_URL=https://unleash.example TOKENS='*:production.secret' \\\n" +
			"    flagcast serve",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			given := map[string]string{"tokens": strings.Join(tokens, ",")}
			for name, value := range flags {
				given[name] = *value
			}
			return runServe(c, config.Overrides{Flags: given}, !apiOnly)
		},
	}
	c.Flags().StringVarP(flags["upstream-url"], "upstream-url", "u", "", "`URL` of the Unleash server, without /api (UPSTREAM_URL)")
	c.Flags().StringSliceVarP(&tokens, "tokens", "t", nil, "backend `tokens`, separated by commas (TOKENS)")
	c.Flags().StringVarP(flags["port"], "port", "p", "", "`port` of the API (PORT)")
	c.Flags().StringVarP(flags["interface"], "interface", "i", "", "`address` of the API (INTERFACE)")
	c.Flags().BoolVar(&apiOnly, "no-publish", false, "serve the APIs alone: one replica publishes, the others do not")
	return c
}

// runServe is serve with the flags that were given.
func runServe(c *cobra.Command, flags config.Overrides, publishing bool) error {
	hangups, stop := outlive()
	defer stop()
	if !publishing {
		flags.Needs = func(*config.Config) config.Needs { return apiNeeds() }
	}
	cfg, err := load(c, flags)
	if err != nil {
		return err
	}
	if !publishing {
		cfg.Keep(apiNeeds())
		cfg.Targets, cfg.Sinks = nil, nil
	}
	log := newLogger(c.ErrOrStderr(), cfg.Log)
	defer logHangups(hangups, log)()
	limitMemory(os.DirFS("/"), os.Getenv, log)
	for _, sentence := range cfg.Unused() {
		log.Warn(sentence)
	}
	for _, sentence := range cfg.ShortSecrets() {
		log.Warn(sentence)
	}
	if cfg.API.WeakWebhookSecret() {
		log.Warn(weakWebhookSecret)
	}
	if cfg.Upstream.SkipVerify {
		log.Warn("upstream.skip_verify is set: anybody on the way to upstream can read its tokens and change flags; set upstream.ca_file instead")
	}
	return serve(c.Context(), cfg, configFileOf(c), log, publishing)
}

// weakWebhookSecret is what serve and check say of one.
const weakWebhookSecret = "api.webhook_secret is shorter than 16 characters and can be guessed: " +
	"set a random one, such as that of `openssl rand -hex 32`, here and in Unleash"

// load reads the configuration of a command. Only the default file may be
// missing.
func load(c *cobra.Command, flags config.Overrides) (*config.Config, error) {
	file := configFileOf(c)
	path := file.path
	if file.missing {
		path = ""
	}
	flags.Lookup, flags.SinkConfig, flags.SinkTypes = os.LookupEnv, all.Settings, all.Types()
	cfg, err := config.Load(path, flags)
	return cfg, file.first(err)
}

// serve runs everything until ctx ends or a part cannot go on.
func serve(ctx context.Context, cfg *config.Config, file configFile, log *slog.Logger, publishing bool) error {
	core, err := newCore(cfg, file, log)
	if err != nil {
		return err
	}
	listener, err := listen(&cfg.API, log)
	if err != nil {
		return err
	}
	defer listener.close()
	core.store.Restore(ctx, core.environments())

	if !publishing {
		return core.run(ctx, listener, nil)
	}
	return core.withListener(ctx, "serve", func(events publish.Listener) error {
		return core.run(ctx, listener, core.publishers(events))
	})
}

// run follows upstream, serves and publishes.
func (c *core) run(ctx context.Context, listener *listeners, publishers []*publish.Publisher) error {
	c.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler, err := c.handler(publishers)
	if err != nil {
		return err
	}
	c.greet(listener)

	// Two groups: what produces ends first, then the store writes, and usage
	// sends, what they have received last.
	group, running := errgroup.WithContext(ctx)
	for _, env := range c.environments() {
		group.Go(func() error { return c.announce(running, env) })
	}
	c.follow(running, group, c.environments())
	for _, p := range publishers {
		group.Go(func() error { return p.Run(running) })
	}
	listener.serve(running, group, handler, &c.config.API, c.log)
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var keepers errgroup.Group
	keepers.Go(func() error { return c.store.Run(keeping) })
	keepers.Go(func() error { return c.usage.Run(keeping) })
	err = group.Wait()
	stop()
	return errors.Join(err, keepers.Wait())
}

func (c *core) handler(publishers []*publish.Publisher) (*api.Handler, error) {
	cfg := &c.config.API
	options := access.Options{
		Backend:  slices.Concat(c.config.Upstream.Tokens, cfg.BackendTokens),
		Frontend: cfg.FrontendTokens, Anonymous: cfg.Anonymous,
		Followed: c.followed(), ValidFor: cfg.RevalidateTokens, Dir: c.config.State.Dir, Log: c.log,
	}
	if c.config.Upstream.URL != "" {
		options.Validator = access.NewUpstream(c.config.Upstream.URL, c.config.Upstream.Headers, c.upstream)
	}
	known := access.New(options)
	known.Restore()
	header := cfg.TokenHeader
	if strings.EqualFold(header, "Authorization") {
		header = ""
	}
	return api.New(api.Options{
		States: c.store, Access: known, Environments: c.environments(), Log: c.log, Registry: c.registry, BasePath: cfg.BasePath, Heard: c.heard,
		Build:   api.Build{Version: buildVersion(), Revision: buildRevision()},
		Targets: func() any { return c.report(publishers, cfg.PrivateBackstage()) }, Usage: c.usage, WebhookSecret: cfg.WebhookSecret, Nudge: c.nudge,
		TokenHeader: header, NoAll: !cfg.All,
		CORS: api.CORS{
			Origins: cfg.CORS.Origins, AllowedHeaders: cfg.CORS.AllowedHeaders, ExposedHeaders: cfg.CORS.ExposedHeaders,
			Methods: cfg.CORS.Methods, MaxAge: cfg.CORS.MaxAge,
		},
		Shared: api.Shared{
			MaxAge: cfg.Shared.MaxAge, StaleWhileRevalidate: cfg.Shared.StaleWhileRevalidate, StaleIfError: cfg.Shared.StaleIfError,
		},
		Peers: api.Peers{
			Allow: config.Prefixes(cfg.Allow), Deny: config.Prefixes(cfg.Deny), Proxies: config.Prefixes(cfg.TrustedProxies),
		},
		Backstage: api.Backstage{
			Apart: cfg.Backstage.Listen != "", NoMetrics: !cfg.Backstage.Metrics,
			Features: cfg.Backstage.Features, Tokens: cfg.Backstage.Tokens,
		},
	}), nil
}

// followed are the environments that are served, with the projects that the
// tokens of upstream see; nil: all, or those of a token of several, which only
// the server knows.
func (c *core) followed() map[edgecore.Environment][]string {
	followed := map[edgecore.Environment][]string{}
	for _, env := range c.environments() {
		followed[env] = nil
	}
	for env, tokens := range c.config.Upstream.TokensByEnvironment() {
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

func (c *core) heard(env edgecore.Environment) (at time.Time, failures int) {
	s := c.feeds[env].Status()
	return s.LastOK, s.Failures
}

// greet says where everything is, and how to try it.
func (c *core) greet(l *listeners) {
	scheme, addr := l.main()
	base := scheme + "://" + reachable(addr) + c.config.API.BasePath
	c.log.Info("flagcast " + buildVersion())
	client := ""
	if len(c.config.Upstream.Tokens)+len(c.config.API.BackendTokens) > 0 {
		client = " and /api/client/features"
	}
	c.log.Info("API        " + base + "/api/frontend" + client)
	if scheme == "http" && l.encrypted != nil {
		c.log.Info("TLS        https://" + reachable(l.encrypted.Addr()) + c.config.API.BasePath + "/api/frontend" + client)
	}
	inside := base
	if l.backstage != nil {
		inside = "http://" + reachable(l.backstage.Addr()) + c.config.API.BasePath
	}
	if c.config.API.Backstage.Metrics {
		c.log.Info("metrics    " + inside + "/internal-backstage/prometheus")
	}
	if !c.config.API.WebhookSecret.IsZero() {
		c.log.Info("webhook    " + base + "/hooks/unleash")
	}
	for _, t := range c.targets {
		first := t.Cells[0]
		where := fmt.Sprintf("key %s in sink %s", first.Key, t.SinkName)
		if l, ok := sinks.As[sinks.Locator](t.Sink); ok {
			where = l.Locate(first.Key)
		}
		if more := len(t.Cells) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
		c.log.Info(fmt.Sprintf("snapshot   %s (target %s, %s of %s)", where, t.Name, first.Spec.Format, t.Environment))
	}
	switch {
	case c.config.API.Anonymous != "":
		c.log.Info("try        curl '" + base + "/api/frontend?userId=7&properties[country]=cn' -g")
	default:
		c.log.Info("try        curl -H \"Authorization: $FRONTEND_TOKEN\" '" + base + "/api/frontend?userId=7'")
	}
}

// reachable turns a listener's address into one that a client can use.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
