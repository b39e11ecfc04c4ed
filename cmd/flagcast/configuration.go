package main

import (
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/sinks/all"
)

// load reads the configuration of a command. Only the default file may be
// missing.
func load(c *cobra.Command, flags config.Overrides) (*config.Config, error) {
	file := app.ConfigFileOf(c)
	path := file.Path
	if file.Missing {
		path = ""
	}
	flags.Lookup, flags.SinkConfig, flags.SinkTypes = os.LookupEnv, all.Settings, all.Types()
	cfg, err := config.Load(path, flags)
	return cfg, file.First(err)
}

// needing is for a command that uses some parts of the configuration alone.
func needing(n config.Needs) config.Overrides {
	return config.Overrides{Needs: func(*config.Config) config.Needs { return n }}
}

// apiNeeds are those of a replica that serves the APIs and publishes nothing.
func apiNeeds() config.Needs { return config.Needs{Upstream: true, API: true} }

// newOnce makes the parts of a process for everything in the configuration, for a
// command that runs once.
func newOnce(c *cobra.Command) (*app.App, error) {
	cfg, err := load(c, config.Overrides{})
	if err != nil {
		return nil, err
	}
	return app.New(cfg, app.ConfigFileOf(c), onceLogger(c, cfg), sinkNames(cfg))
}

// onceLogger is the log of a command whose report says what the log would.
func onceLogger(c *cobra.Command, cfg *config.Config) *slog.Logger {
	if cfg.Log.Level == slog.LevelInfo {
		cfg.Log.Level = slog.LevelWarn
	}
	return app.NewLogger(c.ErrOrStderr(), cfg.Log)
}

// sinkNames lists the sinks of a configuration.
func sinkNames(cfg *config.Config) []string { return slices.Sorted(maps.Keys(cfg.Sinks)) }
