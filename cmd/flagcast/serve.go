package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/transport"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

func newServe() *cobra.Command {
	var flags config.Overrides
	var apiOnly bool
	c := &cobra.Command{
		Use:     "serve",
		Aliases: []string{"edge"},
		Short:   "Follow Unleash, serve its APIs, publish snapshots",
		Long: `Serve follows upstream, keeps the flags of each environment in memory, answers
Unleash's client and frontend APIs from there, and publishes every target: when
flags change, when a date constraint flips, and on the target's schedule.

It goes on with the last good flags when upstream does not answer, and, with a
state folder, starts with them.`,
		Example: "  flagcast serve --config examples/quickstart/flagcast.yaml\n" +
			"  UPSTREAM_URL=https://unleash.example TOKENS='*:production.secret' flagcast serve",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c, flags)
			if err != nil {
				return err
			}
			log := newLogger(c.ErrOrStderr(), cfg.Log)
			return serve(c.Context(), cfg, log, !apiOnly)
		},
	}
	c.Flags().StringVarP(&flags.UpstreamURL, "upstream-url", "u", "", "`URL` of the Unleash server, without /api (UPSTREAM_URL)")
	c.Flags().StringSliceVarP(&flags.Tokens, "tokens", "t", nil, "backend `tokens`, separated by commas (TOKENS)")
	c.Flags().StringVarP(&flags.Port, "port", "p", "", "`port` of the API (PORT)")
	c.Flags().StringVarP(&flags.Interface, "interface", "i", "", "`address` of the API (INTERFACE)")
	c.Flags().BoolVar(&apiOnly, "no-publish", false, "serve the APIs alone: one replica publishes, the others do not")
	return c
}

// load reads the configuration that a command's flags name. A file that
// nobody has asked for by name may be missing.
func load(c *cobra.Command, flags config.Overrides) (*config.Config, error) {
	path, _ := c.Flags().GetString("config")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !c.Flags().Changed("config") {
		path = ""
	}
	flags.Lookup, flags.SinkConfig, flags.SinkTypes = os.LookupEnv, all.Settings, all.Types()
	return config.Load(path, flags)
}

const (
	headerTimeout   = 15 * time.Second
	requestTimeout  = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second
	maxHeaderBytes  = 64 << 10
)

// serve runs everything until ctx ends or a part cannot go on.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, publishing bool) error {
	core, err := newCore(cfg, log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.API.Listen)
	if err != nil {
		return failed(exitFailed, fmt.Errorf("listen on %q: %w", cfg.API.Listen, err), "another process may have the port; set api.listen or PORT")
	}
	defer listener.Close()
	core.store.Restore(core.environments())

	if !publishing {
		return core.run(ctx, listener, nil)
	}
	return core.telling(ctx, "serve", func() error { return core.run(ctx, listener, core.publishers()) })
}

// run follows upstream, serves and publishes.
func (c *core) run(ctx context.Context, listener net.Listener, publishers []*publish.Publisher) error {
	c.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler, err := c.handler(publishers)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout,
		WriteTimeout: requestTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	c.greet(listener.Addr())

	// Two groups: what produces ends first, then the store writes, and usage
	// sends, what they have received last.
	group, running := errgroup.WithContext(ctx)
	c.follow(running, group)
	for _, p := range publishers {
		group.Go(func() error { return p.Run(running) })
	}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the API: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-running.Done()
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return server.Shutdown(draining)
	})
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var keepers errgroup.Group
	keepers.Go(func() error { return c.store.Run(keeping) })
	keepers.Go(func() error { return c.usage.Run(keeping) })
	err = group.Wait()
	stop()
	return errors.Join(err, keepers.Wait())
}

func (c *core) handler(publishers []*publish.Publisher) (http.Handler, error) {
	options := access.Options{
		Backend:  slices.Concat(c.config.Upstream.Tokens, c.config.API.BackendTokens),
		Frontend: c.config.API.FrontendTokens, Anonymous: c.config.API.Anonymous,
	}
	if c.config.Upstream.URL != "" {
		base, err := transport.WithCA(nil, c.config.Upstream.CAFile)
		if err != nil {
			return nil, failed(exitUsage, err, "")
		}
		options.Validator = access.NewUpstream(c.config.Upstream.URL, c.config.Upstream.Headers, base)
	}
	return api.New(api.Options{
		States: c.store, Access: access.New(options), Environments: c.environments(), Log: c.log, Registry: c.registry, BasePath: c.config.API.BasePath, Heard: c.heard,
		Targets: func() any { return newTargets(publishers) }, Usage: c.usage, WebhookSecret: c.config.API.WebhookSecret, Nudge: c.nudge,
	}), nil
}

func (c *core) heard(env edgecore.Environment) (at time.Time, failures int) {
	s := c.feeds[env].Status()
	return s.LastOK, s.Failures
}

// greet says where everything is, and how to try it.
func (c *core) greet(addr net.Addr) {
	base := "http://" + reachable(addr) + c.config.API.BasePath
	c.log.Info("flagcast " + buildVersion())
	client := ""
	if len(c.config.Upstream.Tokens)+len(c.config.API.BackendTokens) > 0 {
		client = " and /api/client/features"
	}
	c.log.Info("API        " + base + "/api/frontend" + client)
	c.log.Info("metrics    " + base + "/internal-backstage/prometheus")
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
