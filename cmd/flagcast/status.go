package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/publish"
)

func newStatus() *cobra.Command {
	var names []string
	var address string
	var asJSON, fromSinks, exitCode, wide bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the state of every target",
		Long: `Status asks a running core how its targets are doing, and where none answers
reads what the sinks have stored. Stored is what a sink's API shows; seen is
what the workers show that "worker_status:" names.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := selectTargets(c, names, noNeeds)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			targets, err := askTargets(ctx, s, address, fromSinks)
			if err != nil {
				return err
			}
			targets.ConfigArgument = s.file.Argument()
			if asJSON {
				err = report.JSON(c.OutOrStdout(), targets)
			} else {
				err = targets.Print(c.OutOrStdout(), time.Now(), wide)
			}
			if err != nil || !exitCode {
				return err
			}
			return targets.Verdict()
		},
	}
	c.Flags().StringSliceVar(&names, "target", nil, "only these `targets`")
	c.Flags().StringVar(&address, "url", "",
		"`address` of the running core; by default that of the configuration on this machine")
	c.Flags().BoolVar(&fromSinks, "stored", false, "read the sinks, even if a core is running")
	c.Flags().BoolVar(&asJSON, "json", false, "report as JSON")
	c.Flags().BoolVar(&wide, "wide", false, "show seq, digest and the part of the sink's limit, too")
	c.Flags().BoolVar(&exitCode, "exit-code", false,
		"exit with 3 unless every target and its upstream is ok, or pinned")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this time")
	return c
}

// noNeeds are those of a command that asks a running core.
func noNeeds([]config.Target) config.Needs { return config.Needs{} }

// askTargets asks a running core, else the sinks.
func askTargets(ctx context.Context, s *selection, address string, fromSinks bool) (*report.Targets, error) {
	if !fromSinks {
		targets, err := askCore(ctx, s.config, address)
		switch {
		case err == nil:
			return targets, nil
		case address != "":
			return nil, exit.With(exit.Failed, err, "is it the address of a flagcast serve, with api.base_path?")
		}
		s.log.Debug("no core answers: reading the sinks", "err", err)
	}
	return inspectTargets(ctx, s)
}

// inspectTargets reads what the sinks have stored.
func inspectTargets(ctx context.Context, s *selection) (*report.Targets, error) {
	needs := config.Needs{Sinks: sinksOf(s.config.Targets, false)}
	if err := s.config.Require(needs); err != nil {
		return nil, err
	}
	c, err := app.New(s.config, s.file, s.log, needs.Sinks)
	if err != nil {
		return nil, err
	}
	targets := &report.Targets{From: "sinks", Targets: []publish.Status{}}
	options := c.Options(nil, nil)
	for _, t := range c.Targets {
		p := publish.NewSession(t, c.Store, options)
		p.Inspect(ctx)
		targets.Targets = append(targets.Targets, p.Status())
	}
	return targets, nil
}
