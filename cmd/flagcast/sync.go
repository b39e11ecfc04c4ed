package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

type syncFlags struct {
	targets  []string
	from     string
	dryRun   bool
	exitCode bool
	json     bool
	timeout  time.Duration
}

func newSync() *cobra.Command {
	var flags syncFlags
	c := &cobra.Command{
		Use:   "sync",
		Short: "Bring every target up to date once",
		Long: `Sync fetches the definitions, reads what each target has stored, and writes
what differs. It is one pass of what serve does, for a CronJob, CI or a timer
function.

Exit codes: 0 all targets are up to date, 1 failed, 2 usage or configuration,
3 some targets failed, 10 changes pending (--dry-run --exit-code).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c, config.Overrides{})
			if err != nil {
				return err
			}
			return runSync(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), cfg, flags)
		},
	}
	c.Flags().StringSliceVar(&flags.targets, "target", nil, "only these `targets`")
	c.Flags().StringVar(&flags.from, "from", "", "definitions from a `file`, or - for standard input, instead of upstream")
	c.Flags().BoolVar(&flags.dryRun, "dry-run", false, "write nothing, tell what would change")
	c.Flags().BoolVar(&flags.exitCode, "exit-code", false, "with --dry-run: exit with 10 when something would change")
	c.Flags().BoolVar(&flags.json, "json", false, "report as JSON")
	c.Flags().DurationVar(&flags.timeout, "timeout", 2*time.Minute, "give up after this time")
	return c
}

// result is the outcome of one target, as --json prints it.
type result struct {
	publish.Outcome
	Error string `json:",omitempty"`
	err   error
}

func runSync(ctx context.Context, stdout, stderr io.Writer, cfg *config.Config, flags syncFlags) error {
	ctx, cancel := context.WithTimeout(ctx, flags.timeout)
	defer cancel()
	log := newLogger(stderr, cfg.Log)
	core, err := newCore(cfg, log)
	if err != nil {
		return err
	}
	if err := core.selectTargets(flags.targets); err != nil {
		return err
	}
	if flags.from != "" {
		err = core.loadFrom(flags.from)
	} else {
		err = core.fetch(ctx)
	}
	if err != nil {
		return err
	}
	results := core.syncAll(ctx, flags.dryRun)
	if err := printResults(stdout, results, flags); err != nil {
		return err
	}
	return verdict(results, flags)
}

func (c *core) selectTargets(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var chosen []publish.Target
	for _, name := range names {
		i := slices.IndexFunc(c.targets, func(t publish.Target) bool { return t.Name() == name })
		if i < 0 {
			return failed(exitUsage, fmt.Errorf("target %q is not in the configuration", name), "")
		}
		chosen = append(chosen, c.targets[i])
	}
	c.targets = chosen
	return nil
}

// fetch waits until upstream has delivered every environment once.
func (c *core) fetch(ctx context.Context) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	group, following := errgroup.WithContext(following)
	c.follow(following, group)
	for _, env := range c.environments() {
		if _, err := c.store.Wait(following, env, 0); err != nil {
			stop()
			if failure := group.Wait(); failure != nil {
				return failed(exitFailed, failure, "")
			}
			err = fmt.Errorf("no definitions of environment %q: %w", env, ctx.Err())
			if last := c.feeds[env].Status().Err; last != nil {
				err = fmt.Errorf("no definitions of environment %q: %w", env, last)
			}
			return failed(exitFailed, err, "--timeout gives upstream more time; --from FILE takes definitions from a file")
		}
	}
	stop()
	return group.Wait()
}

func (c *core) syncAll(ctx context.Context, dryRun bool) []result {
	metrics := publish.NewMetrics(prometheus.NewRegistry())
	results := make([]result, len(c.targets))
	var running sync.WaitGroup
	for i, t := range c.targets {
		if dryRun {
			t.Sink = sinks.DryRun(t.Sink)
		}
		running.Go(func() {
			out, err := publish.New(t, c.store, c.log, metrics).Once(ctx, true)
			results[i] = result{Outcome: out, err: err}
			if err != nil {
				results[i].Error = err.Error()
			}
		})
	}
	running.Wait()
	return results
}

func printResults(w io.Writer, results []result, flags syncFlags) error {
	if flags.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(results)
	}
	for _, r := range results {
		word := r.Action
		switch {
		case r.err != nil:
			word = "FAILED"
		case flags.dryRun && word != "unchanged":
			word = "would be " + word
		}
		fmt.Fprintf(w, "%s: %s (%s in %s, %d bytes)\n", r.Target, word, r.Key, r.Sink, r.Bytes)
		if r.err != nil {
			fmt.Fprintf(w, "  %v\n", r.err)
		}
		for _, change := range r.Changes {
			fmt.Fprintf(w, "  %s\n", change)
		}
	}
	return nil
}

func verdict(results []result, flags syncFlags) error {
	var errs []error
	pending := false
	for _, r := range results {
		pending = pending || r.Action != "unchanged"
		if r.err != nil {
			errs = append(errs, r.err)
		}
	}
	switch {
	case len(errs) == 0 && flags.dryRun && flags.exitCode && pending:
		return failed(exitPending, errors.New("changes are pending"), "")
	case len(errs) == 0:
		return nil
	case len(errs) < len(results):
		return failed(exitSome, fmt.Errorf("%d of %s failed", len(errs), count(len(results), "target")), "")
	default:
		return failed(exitFailed, fmt.Errorf("%s failed", count(len(errs), "target")), "")
	}
}
