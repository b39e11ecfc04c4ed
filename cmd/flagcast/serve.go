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
)

func newServe() *cobra.Command {
	flags := map[string]*string{"upstream-url": new(string), "port": new(string), "interface": new(string)}
	var tokens []string
	var how serveFlags
	var demo bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Follow Unleash, serve its APIs, publish snapshots",
		Long: `Serve follows upstream, keeps the flags of each environment in memory, answers
Unleash's client and frontend APIs from there, and publishes every target: when
flags change, when a date constraint flips, and on the target's schedule.

It goes on with the last good flags when upstream does not answer, and, with a
state folder, starts with them. "edge" is the same with all flags of Unleash
Edge.`,
		Example: "  flagcast serve --demo\n" +
			"  UPSTREAM_URL=https://unleash.example TOKENS='*:production.secret' \\\n" +
			"    flagcast serve",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if demo {
				if err := useDemo(c); err != nil {
					return err
				}
			}
			given := map[string]string{"tokens": strings.Join(tokens, ",")}
			for name, value := range flags {
				given[name] = *value
			}
			return runServe(c, config.Overrides{Flags: given}, how)
		},
	}
	c.Flags().StringVarP(flags["upstream-url"], "upstream-url", "u", "",
		"`URL` of the Unleash server, without /api (UPSTREAM_URL)")
	c.Flags().StringSliceVarP(&tokens, "tokens", "t", nil, "backend `tokens`, separated by commas (TOKENS)")
	c.Flags().StringVarP(flags["port"], "port", "p", "", "`port` of the API (PORT)")
	c.Flags().StringVarP(flags["interface"], "interface", "i", "", "`address` of the API (INTERFACE)")
	c.Flags().BoolVar(&demo, "demo", false,
		"an example: flags and a configuration in a folder flagcast-demo that is made for them")
	how.add(c)
	return c
}

// serveFlags are those that serve and edge have in common.
type serveFlags struct{ apiOnly, watchConfig bool }

func (f *serveFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.apiOnly, "no-publish", false, "serve the APIs alone: one replica publishes, the others do not")
	c.Flags().BoolVar(&f.watchConfig, "watch-config", false,
		"reload the configuration file when it has changed, as at SIGHUP")
}

// runServe is serve with the flags that were given.
func runServe(c *cobra.Command, flags config.Overrides, how serveFlags) error {
	publishing := !how.apiOnly
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
	w := &watcher{
		hangups: hangups, requests: make(chan string, 1), log: log, publishing: publishing, config: how.watchConfig,
	}
	w.setFiles(cfg.Files())
	defer w.start()()
	var reloads *app.Reloads
	if publishing {
		reloads = &app.Reloads{Requests: w.requests, Load: func() (*config.Config, error) {
			next, err := load(c, flags)
			if err == nil {
				w.setFiles(next.Files())
			}
			return next, err
		}}
	}
	return serve(c.Context(), cfg, app.ConfigFileOf(c), log, reloads)
}

// serve runs everything until ctx ends or a part cannot go on. It publishes where reloads
// are not nil.
func serve(
	ctx context.Context, cfg *config.Config, file app.ConfigFile, log *slog.Logger, reloads *app.Reloads,
) error {
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

	return core.Run(ctx, listener, reloads)
}
