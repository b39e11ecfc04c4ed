package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

// needsOf returns what a command needs for the targets that are chosen.
type needsOf func(chosen []config.Target) config.Needs

// selection is what a command that runs once has read, for the targets that it is
// for.
type selection struct {
	config *config.Config // with these targets alone
	file   app.ConfigFile
	log    *slog.Logger
	sinks  []string // that the command needs
}

// selectTargets reads the configuration for the targets that are named, with the
// parts that the command needs; no names mean all targets, of which there must be
// one.
func selectTargets(c *cobra.Command, names []string, needs needsOf) (*selection, error) {
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
	app.WarnOfSecrets(cfg, log)
	return &selection{config: cfg, file: file, log: log, sinks: needed.Sinks}, nil
}

// newChosen makes the parts of a process for the targets that are named; see
// selectTargets.
func newChosen(c *cobra.Command, names []string, needs needsOf) (*app.App, error) {
	s, err := selectTargets(c, names, needs)
	if err != nil {
		return nil, err
	}
	return app.New(s.config, s.file, s.log, s.sinks)
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
			return exit.With(exit.Usage, fmt.Errorf("target %q is not in the configuration", name),
				"targets: "+strings.Join(known, ", "))
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
