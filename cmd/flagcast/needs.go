package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

// needing is for a command that uses some parts of the configuration alone.
func needing(n config.Needs) config.Overrides {
	return config.Overrides{Needs: func(*config.Config) config.Needs { return n }}
}

// apiNeeds are those of a replica that serves the APIs and publishes nothing.
func apiNeeds() config.Needs { return config.Needs{Upstream: true, API: true} }

// needsOf returns what a command needs for the targets that are chosen.
type needsOf func(chosen []config.Target) config.Needs

// newChosen makes the core of a command that runs once, with the targets that
// are named and the parts that the command needs; no names mean all targets, of
// which there must be one.
func newChosen(c *cobra.Command, names []string, needs needsOf) (*app.App, error) {
	uses := func(cfg *config.Config) config.Needs { return needs(chosen(cfg, names)) }
	cfg, err := load(c, config.Overrides{Needs: uses})
	if err != nil {
		return nil, err
	}
	file := app.ConfigFileOf(c)
	if err := checkNames(cfg, names, file); err != nil {
		return nil, err
	}
	cfg.Targets = chosen(cfg, names)
	needed := needs(cfg.Targets)
	cfg.Keep(needed)
	log := onceLogger(c, cfg)
	for _, sentence := range cfg.ShortSecrets() {
		log.Warn(sentence)
	}
	core, err := app.NewUnconnected(cfg, file, log)
	if err != nil {
		return nil, err
	}
	return core.WithSinks(needed.Sinks)
}

// chosen returns the targets that are named; no names mean all.
func chosen(cfg *config.Config, names []string) []config.Target {
	if len(names) == 0 {
		return cfg.Targets
	}
	var list []config.Target
	for _, t := range cfg.Targets {
		if slices.Contains(names, t.Name) {
			list = append(list, t)
		}
	}
	return list
}

func checkNames(cfg *config.Config, names []string, file app.ConfigFile) error {
	if len(cfg.Targets) == 0 {
		return file.Without(errors.New("the configuration has no targets: there is nothing to publish"), "targets")
	}
	known := make([]string, len(cfg.Targets))
	for i := range cfg.Targets {
		known[i] = cfg.Targets[i].Name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return exit.With(exit.Usage, fmt.Errorf("target %q is not in the configuration", name), "targets: "+strings.Join(known, ", "))
		}
	}
	return nil
}

// sinksOf lists the sinks of targets once each; with histories those of their
// histories, too.
func sinksOf(targets []config.Target, histories bool) []string {
	var list []string
	for _, t := range targets {
		list = append(list, t.Sink)
		if histories && t.History != nil {
			list = append(list, t.History.Sink)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// needs of sync: upstream where the flags come from there, and webhooks where
// something may be written.
func (f *syncFlags) needs(targets []config.Target) config.Needs {
	return config.Needs{Upstream: f.from == "" && f.plan == "", Notify: !f.dryRun, Sinks: sinksOf(targets, true)}
}

// needs of pin and unpin. Webhooks take none of their events.
func (f *pinFlags) needs(targets []config.Target) config.Needs {
	n := config.Needs{Sinks: sinksOf(targets, true)}
	if place, ok := strings.CutPrefix(f.from, "sink:"); ok {
		name, _, _ := strings.Cut(place, "/")
		n.Sinks = append(n.Sinks, name)
	}
	return n
}

// historyNeeds are those of targets that keep a history.
func historyNeeds(targets []config.Target) config.Needs {
	keeping := slices.DeleteFunc(slices.Clone(targets), func(t config.Target) bool { return t.History == nil })
	return config.Needs{Sinks: sinksOf(keeping, true)}
}

// noNeeds are those of a command that asks a running core.
func noNeeds([]config.Target) config.Needs { return config.Needs{} }

// withStored returns the core with the sinks of all targets open, for a command
// that reads what they have stored.
func withStored(c *app.App) (*app.App, error) {
	needs := config.Needs{Sinks: sinksOf(c.Config.Targets, false)}
	if err := c.Config.Require(needs); err != nil {
		return nil, err
	}
	return c.WithSinks(needs.Sinks)
}
