package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
)

type exportFlags struct {
	source                        sourceFlags
	as, format, output, undecided string
	context, projects, flags      []string
	includeDisabled               bool
	script                        scriptFlags
}

// Forms that are more than a constant.
const (
	asScript  = "script"
	asRuntime = "runtime"
)

func forms() string { return app.JoinNames(bundles.Forms()) + ", " + asScript + ", " + asRuntime }

func newExport() *cobra.Command {
	var flags exportFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Emit the flags as a constant or a whole worker for a build",
		Long: `Export writes a snapshot for bundling into a worker: a JSON document, an ES
module, a module of TypeScript, or a whole script with the flags in it, linked
and minified. The same flags give the same bytes. The runtime alone is for
projects that bundle by themselves.

Rules leave open what depends on the request, and the worker decides it.
Evaluated answers are the same for every request. Definitions are for Unleash's
own SDKs.

A script has a budget: its size, CPU time of a request, CPU time of its start.
It is run in V8 against contexts made from its own rules, and half of a time may
be measured, since a PoP is slower than your machine.

Exit codes: 0 written, 1 failed, 2 usage or configuration, 4 over budget, and
nothing is written.`,
		Example: `  flagcast export --from flags.json --as esm -o flags.js
  flagcast export --from flags.json --format evaluated --context country=cn
  flagcast export --as script --platform edgeroutine -o worker.js
  flagcast export --as script --platform cloudflare --entry src/worker.ts \
    -o worker.js
  flagcast export --as runtime -o vendor/flagcast`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runExport(c, flags)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.as, "as", "json", "`form` of the output: json, esm, ts, script or runtime")
	f.StringVar(&flags.format, "format", "rules", "`format` of the snapshot: rules, evaluated or definitions")
	f.StringVarP(&flags.output, "output", "o", "",
		"write to this `file` instead of standard output; a folder for the runtime")
	f.StringArrayVar(&flags.context, "context", nil,
		"`name=value` of the static context; may be repeated; name alone says that it is absent in every request")
	f.StringVar(&flags.undecided, "undecided", "off",
		"evaluated: `answer` for flags that depend on more than the static context: off, omit or evaluate")
	f.StringSliceVar(&flags.projects, "project", nil, "only flags of these `projects`")
	f.StringSliceVar(&flags.flags, "flag", nil, "only flags whose name matches one of these `globs`")
	f.BoolVar(&flags.includeDisabled, "include-disabled", false, "evaluated: list flags that are off, too")
	flags.script.add(c)
	flags.source.add(c, false)
	return c
}

func runExport(c *cobra.Command, flags exportFlags) error {
	spec, err := flags.spec()
	if err != nil {
		return err
	}
	if flags.as == asRuntime {
		return exportRuntime(flags.output)
	}
	d, err := flags.source.definitions(c)
	if err != nil {
		return err
	}
	spec.Environment = d.Environment
	program, problems := compile.Program(d)
	if flags.source.from != "" { // definitions from upstream have theirs in the log
		for _, p := range slices.Concat(d.Problems, problems) {
			warn(c, app.ProblemText(d, p))
		}
	}
	taken := func(f edgecore.Feature) bool { return spec.Takes(f.Name, f.Project) }
	if len(d.Features) > 0 && !slices.ContainsFunc(d.Features, taken) {
		warn(c,
			fmt.Sprintf("--project and --flag leave none of %s: the export is empty",
				printable.Count(len(d.Features), "flag")))
	}
	snap, err := snapshot.Encode(d, program, spec, time.Now())
	if err != nil {
		return exit.With(exit.Usage, err, "")
	}
	for _, p := range snap.Problems {
		warn(c, p.String())
	}
	if len(snap.Contextual) > 0 && spec.Format == snapshot.Evaluated1 {
		warn(c, fmt.Sprintf("the static context does not decide %s, which the export %s (--undecided %s): %s",
			printable.Count(len(snap.Contextual), "flag"), outcomes[spec.Contextual], spec.Contextual,
			strings.Join(snap.Contextual, ", ")))
	}
	if flags.as == asScript {
		return exportScript(c, flags, &snap)
	}
	types := bundles.FlagTypes(d, taken)
	out, err := bundles.Emit(&snap, bundles.Form(flags.as), types)
	if err != nil {
		return exit.With(exit.Usage, err, "")
	}
	if beside, ok := declarations(flags.output); ok && flags.as == string(bundles.ESM) {
		if err := writeOutput(beside, bundles.Declarations(&snap, types)); err != nil {
			return err
		}
	}
	return writeResult(c, flags.output, out)
}

// declarations names the file beside a module in which TypeScript looks for its
// types.
func declarations(module string) (string, bool) {
	for _, ext := range []string{".js", ".mjs"} {
		if name, ok := strings.CutSuffix(module, ext); ok {
			return name + ".d" + strings.Replace(ext, "js", "ts", 1), true
		}
	}
	return "", false
}

// exportRuntime writes the runtime as an npm package into a folder, which is
// made where it does not exist.
func exportRuntime(dir string) error {
	if dir == "" {
		return exit.With(exit.Usage, errors.New("--as runtime needs --output, a folder"),
			"flagcast export --as runtime -o vendor/flagcast")
	}
	files, err := bundles.Runtime()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return exit.With(exit.Failed, fmt.Errorf("write the runtime: %w", err), "")
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := writeOutput(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// outcomes says what becomes of flags that the static context does not decide.
var outcomes = map[snapshot.Contextual]string{
	snapshot.ContextualOff:      "answers as if no request had more context",
	snapshot.ContextualOmit:     "leaves out",
	snapshot.ContextualEvaluate: "fixes by one random draw for everybody",
}
