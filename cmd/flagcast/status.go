package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
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

// askCore gets the report of a running core, of the targets of a configuration.
func askCore(ctx context.Context, cfg *config.Config, address string) (*report.Targets, error) {
	if address == "" {
		address = backstageAddress(&cfg.API)
	}
	address = strings.TrimRight(address, "/") + "/internal-backstage/targets"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	response, err := httpclient.NewClient(httpclient.Options{Attempts: 1, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var all report.Targets
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: %s", address, response.Status)
	}
	const most = 16 << 20
	body, err := untrusted.ReadBody(response, most)
	if err != nil {
		return nil, fmt.Errorf("ask %s: read the answer: %w", address, err)
	}
	if err := json.Unmarshal(body, &all); err != nil || all.From == "" {
		return nil, fmt.Errorf("ask %s: the answer is not that of a core", address)
	}
	targets := &report.Targets{From: all.From, Targets: []publish.Status{}, Redacted: all.Redacted}
	publishes := func(env edgecore.Environment) bool {
		return slices.ContainsFunc(cfg.Targets, func(t config.Target) bool { return t.Environment == env })
	}
	for _, s := range all.Upstreams {
		if publishes(s.Environment) {
			targets.Upstreams = append(targets.Upstreams, s)
		}
	}
	for _, t := range cfg.Targets {
		for _, s := range all.Targets {
			if s.Target == t.Name {
				targets.Targets = append(targets.Targets, s)
			}
		}
	}
	if len(targets.Targets) == 0 {
		return nil, fmt.Errorf("ask %s: the core publishes none of these targets", address)
	}
	return targets, nil
}
