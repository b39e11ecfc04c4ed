package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/dev"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/examples/quickstart"
	"github.com/flagcast/flagcast/sinks"
)

type devFlags struct {
	from, environment, target       string
	platform, entry, listen, engine string
	bindings, vars                  []string
	demo                            bool
}

func newDev() *cobra.Command {
	var flags devFlags
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a worker on this machine, with your flags",
		Long: `Dev runs a worker on this machine: it follows a file of flags, or the upstream
of the configuration, writes each change into a local store, and runs a worker
that reads the store: the stock one, or yours. The worker runs in workerd where
that is installed, else in Node.js. EdgeKV is a shim over the store.

A change of the flags or of your worker's files takes effect with the next
request. Sinks of the configuration are not used: nothing is published.`,
		Example: "  flagcast dev --demo\n" +
			"  flagcast dev --from flags.json --platform edgeroutine\n" +
			"  flagcast dev --from flags.json --entry src/worker.ts --kv FLAGS",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDev(c, flags) },
	}
	f := c.Flags()
	f.StringVar(&flags.from, "from", "", "flags from a `file`, instead of the configuration's upstream")
	f.BoolVar(&flags.demo, "demo", false, "flags of an example, in a folder flagcast-demo that is made for them")
	f.StringVar(&flags.environment, "environment", "", "`environment` of the flags; needed where upstream has several")
	f.StringVar(&flags.target, "target", "", "`name` of a target of the configuration: the store has its snapshot")
	f.StringVar(&flags.platform, "platform", string(bundles.Cloudflare),
		"`platform` of the worker: edgeroutine, esa or cloudflare")
	f.StringVar(&flags.entry, "entry", "",
		"your worker, a `file` of JavaScript or TypeScript, instead of the stock one")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8787", "`address` of the worker")
	f.StringVar(&flags.engine, "engine", dev.AnyEngine,
		"`program` that runs the worker: workerd, node, or auto for the first that is found")
	f.StringSliceVar(&flags.bindings, "kv", []string{"FLAGS"}, "cloudflare: `names` of bindings of the store")
	f.StringArrayVar(&flags.vars, "var", nil, "cloudflare: `NAME=value` of a variable of env; may be repeated")
	return c
}

// check refuses what does not go together, before anything is read.
func (f *devFlags) check() error {
	switch {
	case !isOneOf(f.platform, bundles.Platforms()):
		return exit.With(exit.Usage,
			fmt.Errorf("--platform %q is not one of %s", f.platform, app.JoinNames(bundles.Platforms())), "")
	case !slices.Contains([]string{dev.AnyEngine, dev.WorkerdEngine, dev.NodeEngine}, f.engine):
		return exit.With(exit.Usage, fmt.Errorf("--engine %q is not one of auto, workerd, node", f.engine), "")
	case f.demo && (f.from != "" || f.target != "" || f.environment != ""):
		return exit.With(exit.Usage, errors.New("--demo has flags of its own"),
			"leave out --from, --target and --environment")
	case f.from != "" && f.target != "":
		return exit.With(exit.Usage, errors.New("--target is of the configuration, and --from reads none"),
			"leave out one of them")
	}
	return nil
}

func runDev(c *cobra.Command, flags devFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	vars, err := parseVars(flags.vars)
	if err != nil {
		return err
	}
	engine, err := dev.Find(flags.engine, os.Getenv("FLAGCAST_WORKERD"))
	if err != nil {
		return exit.With(exit.Failed, err, "")
	}
	cfg, file, err := flags.config(c)
	if err != nil {
		return err
	}
	log := app.NewLogger(c.ErrOrStderr(), cfg.Log)
	core, err := app.New(cfg, file, log, nil)
	if err != nil {
		return err
	}
	spec, key, err := flags.snapshot(core)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return exit.With(exit.Failed, fmt.Errorf("listen on %q: %w", flags.listen, err),
			"another process may have the port; set --listen")
	}
	log.Info("flagcast dev", "version", app.BuildVersion())
	group, running := errgroup.WithContext(c.Context())
	group.Go(func() error { return core.Follow(running) })
	group.Go(func() error {
		return dev.Run(running, dev.Options{
			Listener: listener, Engine: engine, Platform: bundles.Platform(flags.platform), Entry: flags.entry,
			Bindings: flags.bindings, Vars: vars, Store: core.Store, Spec: spec, Key: key, Log: log,
		})
	})
	return group.Wait()
}

// config returns the configuration that the flags of the command ask for.
func (f *devFlags) config(c *cobra.Command) (*config.Config, app.ConfigFile, error) {
	if f.demo {
		folder, err := quickstart.Write(demoFolder)
		if err != nil {
			return nil, app.ConfigFile{}, exit.With(exit.Failed, err, "")
		}
		return config.OfFile(folder.Flags, quickstart.Environment), app.ConfigFile{}, nil
	}
	if f.from != "" {
		env := f.environment
		if env == "" {
			env = "default"
		}
		return config.OfFile(f.from, edgecore.Environment(env)), app.ConfigFile{}, nil
	}
	cfg, err := load(c, needing(config.Needs{Upstream: true}))
	file := app.ConfigFileOf(c)
	if err != nil && file.Missing {
		err = exit.With(exit.Usage, errors.New("there are no flags: --from is not given, and there is no "+file.Path),
			"flagcast dev --demo has flags of its own; UPSTREAM_URL and TOKENS name an Unleash server")
	}
	return cfg, file, err
}

// snapshot says what the store has: what a target of the configuration publishes, else
// all flags as rules, which the stock workers read.
func (f *devFlags) snapshot(core *app.App) (snapshot.Spec, sinks.Key, error) {
	for _, t := range core.Targets {
		if t.Name == f.target {
			first := t.Outputs[0]
			if first.Spec.Format == snapshot.Definitions1 {
				return snapshot.Spec{}, "", exit.With(exit.Usage,
					fmt.Errorf("target %q is of %s, which the runtime of workers does not read", t.Name,
						first.Spec.Format),
					"choose one of rules/1 or evaluated/1")
			}
			return first.Spec, first.Key, nil
		}
	}
	if f.target != "" {
		return snapshot.Spec{}, "", exit.With(exit.Usage, fmt.Errorf("the configuration has no target %q", f.target),
			"")
	}
	followed := core.Followed()
	if f.environment != "" {
		followed = slices.DeleteFunc(followed, func(env edgecore.Environment) bool {
			return string(env) != f.environment
		})
	}
	if len(followed) != 1 {
		return snapshot.Spec{}, "", exit.With(exit.Usage,
			fmt.Errorf("want one environment, upstream has %s", app.JoinNames(core.Followed())),
			"choose by --environment, or by --target")
	}
	return snapshot.Spec{Format: snapshot.Rules1, Environment: followed[0], Target: "dev"}, "unleash-rules", nil
}

// parseVars reads NAME=value.
func parseVars(list []string) (map[string]string, error) {
	vars := map[string]string{}
	for _, one := range list {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return nil, exit.With(exit.Usage, fmt.Errorf("invalid --var %q: want NAME=value", one), "")
		}
		vars[name] = value
	}
	return vars, nil
}
