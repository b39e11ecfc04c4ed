package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

// synced is what sync did, or in a dry run would do, with one key.
type synced struct {
	outcome publish.Outcome
	result  report.Result
}

func runSync(c *cobra.Command, flags syncFlags) error {
	ctx, cancel := context.WithTimeout(c.Context(), flags.timeout+flags.waitSeen)
	defer cancel()
	core, err := newChosen(c, flags.targets, flags.needs)
	if err != nil {
		return err
	}
	decorate, clear := report.Progress(c.ErrOrStderr())
	defer clear()
	core = core.WithDecorated(decorate)
	var done []synced
	run := func(events publish.Listener) (err error) {
		done, err = syncTargets(ctx, c, core, flags, events)
		return err
	}
	if flags.dryRun {
		err = run(nil)
	} else {
		err = core.WithListener(ctx, "sync", run)
	}
	if err != nil {
		return err
	}
	clear()
	var results []report.Result
	for _, one := range done {
		results = append(results, one.result)
	}
	if flags.json {
		if err := report.JSON(c.OutOrStdout(), results); err != nil {
			return err
		}
	} else {
		report.Results(c.OutOrStdout(), results, flags.dryRun)
	}
	verdict := report.Verdict(results, flags.exitCode, core.ConfigFile.Argument())
	if verdict == nil && !flags.dryRun {
		core.Ping(ctx)
	}
	annotations := c.OutOrStdout()
	if flags.json {
		annotations = c.ErrOrStderr() // the runner reads both
	}
	return errors.Join(verdict, report.GitHub(annotations, report.GitHubRows(results), os.Getenv))
}

// syncTargets makes one pass over the targets, or carries out the plan. events is
// nil in a dry run.
func syncTargets(
	ctx context.Context, c *cobra.Command, core *app.App, flags syncFlags, events publish.Listener,
) (done []synced, err error) {
	if flags.plan != "" {
		done, err = applyPlan(ctx, core, flags.plan, events)
	} else if err = core.Obtain(ctx, flags.from, c.InOrStdin()); err == nil {
		done = passTargets(ctx, core, flags, events)
	}
	if err != nil {
		return nil, err
	}
	if flags.out != "" {
		if err := savePlan(flags.out, done); err != nil {
			return nil, err
		}
	}
	if flags.waitSeen > 0 {
		waitSeen(ctx, core.Targets, done, flags.waitSeen)
	}
	return done, nil
}

// passTargets brings all targets up to date, side by side, and returns their keys
// in the order of the configuration.
func passTargets(ctx context.Context, core *app.App, flags syncFlags, events publish.Listener) []synced {
	options := core.Options(flags.accept, events)
	done := make([][]synced, len(core.Targets))
	var running sync.WaitGroup
	for i, t := range core.Targets {
		if flags.dryRun {
			t = dryRun(t)
		}
		session := publish.NewSession(t, core.Store, options)
		running.Go(func() { done[i] = passTarget(ctx, core, &t, session, flags.dryRun) })
	}
	running.Wait()
	return slices.Concat(done...)
}

func passTarget(
	ctx context.Context, core *app.App, t *publish.Target, session *publish.Session, dryRun bool,
) (done []synced) {
	outcomes, err := session.Once(ctx, true)
	if outcomes == nil {
		outcomes = []publish.Outcome{
			{Target: t.Name, Sink: t.SinkName, Key: t.Outputs[0].Key, Action: publish.ActionFailed, Err: err},
		}
	}
	verified := !dryRun && verify(ctx, session)
	for _, o := range outcomes {
		result := newResult(core, t, o, verified)
		if dryRun {
			addDryRun(&result, core, t)
		}
		done = append(done, synced{outcome: o, result: result})
	}
	return done
}

// verify reports whether the sink shows what was written.
func verify(ctx context.Context, session *publish.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, app.VerifyFor)
	defer cancel()
	return session.Verify(ctx)
}

// dryRun returns a target that writes nothing.
func dryRun(t publish.Target) publish.Target {
	t.Sink = sinks.DryRun(t.Sink)
	if t.History != nil { // which the guard reads
		history := *t.History
		history.Sink = sinks.DryRun(history.Sink)
		t.History = &history
	}
	return t
}
