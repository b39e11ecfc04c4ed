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
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
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
			core, err := newChosen(c, names, noNeeds)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			targets, err := askTargets(core, ctx, address, fromSinks)
			if err != nil {
				return err
			}
			targets.ConfigArgument = core.ConfigFile.Argument()
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
	c.Flags().StringVar(&address, "url", "", "`address` of the running core; by default that of the configuration on this machine")
	c.Flags().BoolVar(&fromSinks, "stored", false, "read the sinks, even if a core is running")
	c.Flags().BoolVar(&asJSON, "json", false, "report as JSON")
	c.Flags().BoolVar(&wide, "wide", false, "show seq, digest and the part of the sink's limit, too")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 unless every target and its upstream is ok, or pinned")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this time")
	return c
}

// askTargets asks a running core, else the sinks.
func askTargets(c *app.App, ctx context.Context, address string, fromSinks bool) (*report.Targets, error) {
	if !fromSinks {
		targets, err := askCore(c, ctx, address)
		switch {
		case err == nil:
			return targets, nil
		case address != "":
			return nil, exit.With(exit.Failed, err, "is it the address of a flagcast serve, with api.base_path?")
		}
		c.Log.Debug("no core answers: reading the sinks", "err", err)
	}
	c, err := withStored(c)
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

// askCore gets the report of a running core, of the targets that are chosen.
func askCore(c *app.App, ctx context.Context, address string) (*report.Targets, error) {
	if address == "" {
		address = backstageAddress(&c.Config.API)
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
	for _, s := range all.Upstreams {
		if slices.Contains(c.Environments(), s.Environment) {
			targets.Upstreams = append(targets.Upstreams, s)
		}
	}
	for _, t := range c.Targets {
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
