package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
)

// scriptFlags are those of export that are for whole scripts.
type scriptFlags struct {
	platform, entry, budget            string
	requests                           []string
	sourceMap, force, json, requireCPU bool
	ofrep                              bool
}

func (f *scriptFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.platform, "platform", "", "script: `platform` that runs it: edgeroutine, esa or cloudflare")
	c.Flags().StringVar(&f.entry, "entry", "",
		"script: your worker, a `file` of JavaScript or TypeScript that imports flagcast and flagcast/bundle, "+
			"instead of the stock one")
	c.Flags().BoolVar(&f.ofrep, "ofrep", false,
		"script: the stock worker answers OFREP, the protocol of OpenFeature's providers, too")
	c.Flags().BoolVar(&f.sourceMap, "sourcemap", false, "script: write a source map beside the output")
	c.Flags().StringVar(&f.budget, "budget", "",
		"script: `limits` instead of the platform's, such as size=1MB,cpu=50ms,startup=off; off for none")
	c.Flags().StringArrayVar(&f.requests, "request", nil,
		"script: a `path` that your worker is measured at; may be repeated; / and /api/frontend by default")
	c.Flags().BoolVar(&f.requireCPU, "require-cpu", false, "script: fail when CPU time cannot be measured")
	c.Flags().BoolVar(&f.force, "force", false, "script: write it though it is over budget")
	c.Flags().BoolVar(&f.json, "json", false, "script: report as JSON on standard output")
}

// names gives the flags that are set.
func (f *scriptFlags) names() (set []string) {
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"--platform", f.platform != ""},
		{"--entry", f.entry != ""},
		{"--ofrep", f.ofrep},
		{"--sourcemap", f.sourceMap},
		{"--budget", f.budget != ""},
		{"--request", len(f.requests) > 0},
		{"--require-cpu", f.requireCPU},
		{"--force", f.force},
		{"--json", f.json},
	} {
		if flag.set {
			set = append(set, flag.name)
		}
	}
	return set
}

// check refuses what is not a script before anything is read.
func (f *scriptFlags) check(flags *exportFlags, format snapshot.Format) error {
	if flags.as != asScript {
		if set := f.names(); len(set) > 0 {
			return exit.With(exit.Usage, fmt.Errorf("%s is for --as script", set[0]), "")
		}
		return nil
	}
	switch known := app.JoinNames(bundles.Platforms()); {
	case f.platform == "":
		return exit.With(exit.Usage, errors.New("--as script needs --platform"), "platforms: "+known)
	case !isOneOf(f.platform, bundles.Platforms()):
		return exit.With(exit.Usage, fmt.Errorf("--platform %q is not one of %s", f.platform, known), "")
	case format == snapshot.Definitions1:
		return exit.With(exit.Usage,
			errors.New("--as script takes rules or evaluated: the worker does not read definitions"), "")
	case f.sourceMap && flags.output == "":
		return exit.With(exit.Usage, errors.New("--sourcemap needs --output: the map is written beside it"), "")
	case f.json && flags.output == "":
		return exit.With(exit.Usage, errors.New("--json needs --output: the report is on standard output"), "")
	case f.ofrep && f.entry != "":
		return exit.With(exit.Usage, errors.New("--ofrep is for the stock worker"),
			"your worker imports createFlags from 'flagcast/ofrep' instead of 'flagcast'")
	case len(f.requests) > 0 && f.entry == "":
		return exit.With(exit.Usage, errors.New("--request is for --entry: the stock worker has paths of its own"), "")
	}
	for _, path := range f.requests {
		if !strings.HasPrefix(path, "/") {
			return exit.With(exit.Usage, fmt.Errorf("--request %q does not begin with /", path), "")
		}
	}
	_, err := f.limits()
	return err
}

// limits are those of the platform, with what --budget changes.
func (f *scriptFlags) limits() (bundles.Budget, error) {
	b := bundles.Platform(f.platform).Budget()
	if f.budget == "" {
		return b, nil
	}
	b, err := b.Override(f.budget)
	if err != nil {
		return b, exit.With(exit.Usage, fmt.Errorf("--budget: %w", err), "write --budget size=1MB,cpu=50ms,startup=off")
	}
	return b, nil
}

// exportScript links a script, compares it with its budget, and writes it.
func exportScript(c *cobra.Command, flags exportFlags, snap *snapshot.Snapshot) error {
	f := &flags.script
	budget, err := f.limits()
	if err != nil {
		return err
	}
	linked, err := link(c, flags, snap)
	if err != nil {
		return err
	}
	measured := bundles.NewReport(snap, bundles.Platform(f.platform), linked, budget)
	if err := f.measure(c, measured, linked, snap); err != nil {
		return err
	}
	if err := f.print(c, measured, cmp.Or(flags.output, "the script")); err != nil {
		return err
	}
	switch {
	case measured.Measured == nil && f.requireCPU:
		return exit.With(exit.Failed,
			errors.New("CPU was not measured, and --require-cpu is set: "+measured.NotMeasured), "")
	case len(measured.Over) > 0 && !f.force:
		return exit.With(exit.Budget,
			fmt.Errorf("%s is over budget, and not written: %s", cmp.Or(flags.output, "the script"), measured.Over[0]),
			"--flag and --project leave flags out, --context decides what it can; --budget raises a limit, --force "+
				"writes it all the same")
	}
	if linked.Map != nil {
		if err := writeOutput(flags.output+".map", linked.Map); err != nil {
			return err
		}
	}
	return writeResult(c, flags.output, linked.Code)
}

func link(c *cobra.Command, flags exportFlags, snap *snapshot.Snapshot) (*bundles.Linked, error) {
	linked, err := bundles.Link(snap, bundles.Script{
		Platform: bundles.Platform(flags.script.platform), Entry: flags.script.entry,
		Output: flags.output, SourceMap: flags.script.sourceMap, OFREP: flags.script.ofrep,
	})
	if faults := (*bundles.LinkError)(nil); errors.As(err, &faults) {
		fmt.Fprint(c.ErrOrStderr(), faults.Report())
		what := "the stock worker"
		if flags.script.entry != "" {
			what = filepath.ToSlash(flags.script.entry)
		}
		return nil,
			exit.With(exit.Failed, fmt.Errorf("link %s: %s", what, printable.Count(len(faults.Faults), "fault")), "")
	}
	return linked, err
}

// workerdVariable names the workerd that scripts are measured in.
const workerdVariable = "FLAGCAST_WORKERD"

// measure adds the times to a report, or says why there are none.
func (f *scriptFlags) measure(
	c *cobra.Command, measured *bundles.Report, linked *bundles.Linked, snap *snapshot.Snapshot,
) error {
	if measured.Budget.CPU == 0 && measured.Budget.Startup == 0 && !f.requireCPU {
		measured.NotMeasured = "both of its budgets are off"
		return nil
	}
	engine, err := measure.Find(os.Getenv(workerdVariable), ".")
	if err != nil {
		return exit.With(exit.Usage, err, workerdVariable+" names the program workerd")
	}
	if engine == nil {
		measured.NotMeasured = "there is neither workerd nor node: npm install workerd, or name it with " +
			workerdVariable
		return nil
	}
	load := bundles.NewLoad(snap, f.entry != "", f.requests)
	result, err := engine.Measure(c.Context(), measure.Job{
		Script: linked.Code, Stored: snap.Seal(0, time.Time{}), Kinds: load.Kinds,
	})
	if err != nil {
		measured.AddFailure(err)
		return c.Context().Err()
	}
	measured.AddMeasured(result, load)
	return nil
}

func (f *scriptFlags) print(c *cobra.Command, measured *bundles.Report, name string) error {
	if !f.json {
		fmt.Fprint(c.ErrOrStderr(), measured.Text(name))
		return nil
	}
	return report.JSON(c.OutOrStdout(), measured)
}
