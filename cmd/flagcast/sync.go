package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
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
			return runSync(c, cfg, flags)
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
	Target  string    `json:"target"`
	Sink    string    `json:"sink"`
	Key     sinks.Key `json:"key"`
	Action  string    `json:"action"` // of publish.Outcome, or "failed"
	DryRun  bool      `json:"dryRun"` // then Action, Seq and Bytes are what a write would be
	Digest  string    `json:"digest,omitempty"`
	Seq     uint64    `json:"seq,omitempty"`   // of the write, 0 for none
	Bytes   int       `json:"bytes,omitempty"` // written
	Changes []change  `json:"changes"`
	Error   string    `json:"error,omitempty"`
}

// change is what a sync means for one flag.
type change struct {
	Sign string `json:"sign"` // "+", "-" or "~"
	Flag string `json:"flag"`
	Text string `json:"text,omitempty"` // such as "off -> on"
}

func newResult(out publish.Outcome, err error, dryRun bool) result {
	r := result{
		Target: out.Target, Sink: out.Sink, Key: out.Key, Action: out.Action, DryRun: dryRun,
		Digest: out.Digest, Seq: out.Seq, Bytes: out.Bytes, Changes: []change{},
	}
	for _, c := range out.Changes {
		r.Changes = append(r.Changes, change{Sign: c.Sign, Flag: c.Flag, Text: c.Text})
	}
	if err != nil {
		r.Action, r.Error = "failed", err.Error()
	}
	return r
}

func runSync(c *cobra.Command, cfg *config.Config, flags syncFlags) error {
	if flags.exitCode && !flags.dryRun {
		return failed(exitUsage, errors.New("--exit-code tells of changes that are pending, and without --dry-run none are"), "add --dry-run")
	}
	ctx, cancel := context.WithTimeout(c.Context(), flags.timeout)
	defer cancel()
	if cfg.Log.Level == slog.LevelInfo {
		// The report says it, and knows of a dry run.
		cfg.Log.Level = slog.LevelWarn
	}
	core, err := newCore(cfg, newLogger(c.ErrOrStderr(), cfg.Log))
	if err != nil {
		return err
	}
	if err := core.selectTargets(flags.targets); err != nil {
		return err
	}
	if flags.from != "" {
		err = core.loadFrom(flags.from, c.InOrStdin())
	} else {
		core.only(core.published()...)
		err = core.fetch(ctx)
	}
	if err != nil {
		return err
	}
	results := core.syncAll(ctx, flags.dryRun)
	if err := printResults(c.OutOrStdout(), results, flags); err != nil {
		return err
	}
	return verdict(results, flags)
}

// selectTargets leaves those that are named; no names mean all.
func (c *core) selectTargets(names []string) error {
	if len(c.targets) == 0 {
		return failed(exitUsage, errors.New("the configuration has no targets: there is nothing to publish"), `add them under "targets:"`)
	}
	known := make([]string, len(c.targets))
	for i := range c.targets {
		known[i] = c.targets[i].Name()
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return failed(exitUsage, fmt.Errorf("target %q is not in the configuration", name), "targets: "+strings.Join(known, ", "))
		}
	}
	if len(names) > 0 {
		c.targets = slices.DeleteFunc(c.targets, func(t publish.Target) bool { return !slices.Contains(names, t.Name()) })
	}
	return nil
}

// published lists the environments of the targets.
func (c *core) published() []edgecore.Environment {
	var list []edgecore.Environment
	for _, t := range c.targets {
		list = append(list, t.Spec.Environment)
	}
	return list
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
			results[i] = newResult(out, err, dryRun)
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
		word, size := r.Action, ""
		switch {
		case r.Error != "":
			word = "FAILED"
		case r.DryRun && word != "unchanged":
			word = "would be " + word
		}
		if r.Bytes > 0 {
			size = fmt.Sprintf(", %d bytes", r.Bytes)
		}
		fmt.Fprintf(w, "%s: %s (%s in %s%s)\n", r.Target, word, r.Key, r.Sink, size)
		if r.Error != "" {
			fmt.Fprintf(w, "  %s\n", r.Error)
		}
		for _, c := range r.Changes {
			fmt.Fprintf(w, "  %s\n", strings.TrimRight(c.Sign+" "+c.Flag+" "+c.Text, " "))
		}
	}
	return nil
}

// verdict is the exit code of all results.
func verdict(results []result, flags syncFlags) error {
	failures, pending := 0, false
	for _, r := range results {
		pending = pending || r.Action != "unchanged"
		if r.Error != "" {
			failures++
		}
	}
	switch {
	case failures == 0 && flags.exitCode && pending:
		return failed(exitPending, errors.New("changes are pending"), "")
	case failures == 0:
		return nil
	case failures < len(results):
		return failed(exitSome, fmt.Errorf("%d of %s failed", failures, count(len(results), "target")), "")
	default:
		return failed(exitFailed, fmt.Errorf("%s failed", count(failures, "target")), "")
	}
}
