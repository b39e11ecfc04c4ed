package main

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/listen"
	"github.com/flagcast/flagcast/edgecore/publish"
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
	c.Flags().StringVarP(flags["upstream-url"], "upstream-url", "u", "",
		"`URL` of the Unleash server, without /api (UPSTREAM_URL)")
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
	log := app.NewLogger(c.ErrOrStderr(), cfg.Log)
	defer logHangups(hangups, log)()
	app.LimitMemory(os.DirFS("/"), os.Getenv, log)
	for _, sentence := range cfg.Unused() {
		log.Warn("settings of Unleash Edge", "text", sentence)
	}
	app.WarnOfSecrets(cfg, log)
	app.WarnOfWebhookSecret(&cfg.API, log)
	if cfg.Upstream.SkipVerify {
		log.Warn("upstream.skip_verify is set: anybody on the way to upstream can read its tokens and change flags; " +
			"set upstream.ca_file instead")
	}
	return serve(c.Context(), cfg, app.ConfigFileOf(c), log, publishing)
}

// serve runs everything until ctx ends or a part cannot go on.
func serve(ctx context.Context, cfg *config.Config, file app.ConfigFile, log *slog.Logger, publishing bool) error {
	core, err := app.New(cfg, file, log, sinkNames(cfg))
	if err != nil {
		return err
	}
	listener, err := listen.Open(&cfg.API, log)
	if err != nil {
		return err
	}
	defer listener.Close()
	core.Store.Restore(ctx, core.Followed())

	if !publishing {
		return core.Run(ctx, listener, nil)
	}
	return core.WithListener(ctx, "serve", func(events publish.Listener) error {
		return core.Run(ctx, listener, core.Publishers(events))
	})
}
