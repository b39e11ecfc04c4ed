package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

type syncFlags struct {
	targets  []string
	from     string
	dryRun   bool
	out      string
	plan     string
	accept   []string
	exitCode bool
	json     bool
	timeout  time.Duration
	waitSeen time.Duration
}

func newSync() *cobra.Command {
	var flags syncFlags
	c := &cobra.Command{
		Use:   "sync",
		Short: "Bring every target up to date once",
		Long: `Sync fetches the definitions, reads what each target has stored, and writes
what differs. It is one pass of what serve does, for a CronJob, CI or a timer
function. With --dry-run it says what it would do.

Exit codes: 0 all targets are up to date, 1 failed, 2 usage or configuration,
3 some targets failed, 5 held by the guard, 10 changes pending
(--dry-run --exit-code).`,
		Example: "  flagcast sync --dry-run --out plan.json\n" +
			"  flagcast sync --plan plan.json\n" +
			"  flagcast sync --target web --accept 4f0c29a7e1b3",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return runSync(c, flags)
		},
	}
	c.Flags().StringSliceVar(&flags.targets, "target", nil, "only these `targets`")
	c.Flags().StringVar(&flags.from, "from", "", "definitions from a `file`, or - for standard input, instead of upstream")
	c.Flags().BoolVar(&flags.dryRun, "dry-run", false, "write nothing, show what would change")
	c.Flags().StringVar(&flags.out, "out", "", "with --dry-run: write the plan to a `file`, for --plan")
	c.Flags().StringVar(&flags.plan, "plan", "", "write exactly what the plan in a `file` says, or refuse")
	c.Flags().StringSliceVar(&flags.accept, "accept", nil, "`digest` of content that the guard holds back and that is meant; its first 8 characters will do")
	c.Flags().BoolVar(&flags.exitCode, "exit-code", false, "with --dry-run: exit with 10 when something would change")
	c.Flags().BoolVar(&flags.json, "json", false, "report as JSON")
	c.Flags().DurationVar(&flags.timeout, "timeout", 2*time.Minute, "give up after this time")
	c.Flags().DurationVar(&flags.waitSeen, "wait-seen", 0, "wait up to this time until every probe shows what was written")
	return c
}

func (f *syncFlags) check() error {
	switch {
	case f.exitCode && !f.dryRun:
		return exit.With(exit.Usage, errors.New("--exit-code requires --dry-run"), "add --dry-run")
	case f.out != "" && !f.dryRun:
		return exit.With(exit.Usage, errors.New("--out writes a plan, and without --dry-run there is none"), "add --dry-run")
	case f.plan != "" && (f.dryRun || f.from != "" || len(f.accept) > 0):
		return exit.With(exit.Usage, errors.New("--plan says all that is to be written"), "leave out --dry-run, --from and --accept")
	}
	for _, digest := range f.accept {
		if len(digest) < 8 {
			return exit.With(exit.Usage, fmt.Errorf("--accept %q is too short", digest), "give at least the first 8 characters of the digest")
		}
	}
	return nil
}

func runSync(c *cobra.Command, flags syncFlags) error {
	ctx, cancel := context.WithTimeout(c.Context(), flags.timeout+flags.waitSeen)
	defer cancel()
	core, err := newChosen(c, flags.targets, flags.needs)
	if err != nil {
		return err
	}
	run := &syncRun{core: core, flags: flags}
	ctx, clear := report.WithProgress(ctx, c.ErrOrStderr())
	defer clear()
	if flags.dryRun {
		err = run.do(ctx, c.InOrStdin())
	} else {
		err = core.WithListener(ctx, "sync", func(events publish.Listener) error {
			run.listener = events
			return run.do(ctx, c.InOrStdin())
		})
	}
	if err != nil {
		return err
	}
	clear()
	if flags.json {
		if err := report.JSON(c.OutOrStdout(), run.results); err != nil {
			return err
		}
	} else {
		report.Results(c.OutOrStdout(), run.results, flags.dryRun)
	}
	result := report.Verdict(run.results, flags.exitCode, core.ConfigFile.Argument())
	if result == nil && !flags.dryRun {
		core.Ping(ctx)
	}
	annotations := c.OutOrStdout()
	if flags.json {
		annotations = c.ErrOrStderr() // the runner reads both
	}
	return errors.Join(result, report.GitHub(annotations, report.GitHubRows(run.results), os.Getenv))
}

// do makes the pass, or carries out the plan.
func (r *syncRun) do(ctx context.Context, stdin io.Reader) error {
	if r.flags.plan != "" {
		if err := r.apply(ctx); err != nil {
			return err
		}
	} else {
		if err := r.core.Obtain(ctx, r.flags.from, stdin); err != nil {
			return err
		}
		r.pass(ctx)
	}
	if r.flags.out != "" {
		if err := r.savePlan(r.flags.out); err != nil {
			return err
		}
	}
	if r.flags.waitSeen > 0 {
		r.waitSeen(ctx)
	}
	return nil
}

// newOnce makes the core of a command that runs once: its report says what the
// log would.
func newOnce(c *cobra.Command) (*app.App, error) {
	cfg, err := load(c, config.Overrides{})
	if err != nil {
		return nil, err
	}
	return app.New(cfg, app.ConfigFileOf(c), onceLogger(c, cfg))
}

// onceLogger is the log of a command whose report says what the log would.
func onceLogger(c *cobra.Command, cfg *config.Config) *slog.Logger {
	if cfg.Log.Level == slog.LevelInfo {
		cfg.Log.Level = slog.LevelWarn
	}
	return app.NewLogger(c.ErrOrStderr(), cfg.Log)
}

// syncRun is one run of the command.
type syncRun struct {
	core       *app.App
	flags      syncFlags
	listener   publish.Listener // nil in a dry run
	publishers []*publish.Session
	outcomes   []publish.Outcome
	results    []report.Result
}

// pass brings all targets up to date, each by itself.
func (r *syncRun) pass(ctx context.Context) {
	options := r.core.Options(r.flags.accept, r.listener)
	all := make([][]publish.Outcome, len(r.core.Targets))
	results := make([][]report.Result, len(r.core.Targets))
	r.publishers = make([]*publish.Session, len(r.core.Targets))
	var running sync.WaitGroup
	for i, t := range r.core.Targets {
		if r.flags.dryRun {
			t.Sink = sinks.DryRun(t.Sink)
			if t.History != nil { // which the guard reads
				history := *t.History
				history.Sink = sinks.DryRun(history.Sink)
				t.History = &history
			}
		}
		p := publish.NewSession(t, r.core.Store, options)
		r.publishers[i] = p
		running.Go(func() {
			outcomes, err := p.Once(ctx, true)
			if outcomes == nil {
				outcomes = []publish.Outcome{{Target: t.Name, Sink: t.SinkName, Key: t.Outputs[0].Key, Action: publish.ActionFailed, Err: err}}
			}
			verified := false
			if !r.flags.dryRun {
				verifying, cancel := context.WithTimeout(ctx, app.VerifyFor)
				verified = p.Verify(verifying)
				cancel()
			}
			all[i] = outcomes
			for _, o := range outcomes {
				results[i] = append(results[i], r.result(&t, o, verified))
			}
		})
	}
	running.Wait()
	r.outcomes, r.results = slices.Concat(all...), slices.Concat(results...)
}
