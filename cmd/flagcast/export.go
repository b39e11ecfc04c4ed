package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

type exportFlags struct {
	as, snapshot, from, output, environment, contextual string
	context, projects, flags                            []string
	includeDisabled                                     bool
	timeout                                             time.Duration
}

func newExport() *cobra.Command {
	var flags exportFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Emit the flags as a constant for a build",
		Long: `Export writes a snapshot for bundling into a worker: a JSON document or an ES
module. The same flags give the same bytes.`,
		Example: `  flagcast export --from flags.json --as esm --snapshot evaluated --context country=cn -o flags.js`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runExport(c, flags)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.as, "as", "json", "`form`: json or esm")
	f.StringVar(&flags.snapshot, "snapshot", "", "`format`: evaluated or definitions")
	f.StringVar(&flags.from, "from", "", "definitions from a `file`, or - for standard input, instead of upstream")
	f.StringVarP(&flags.output, "output", "o", "", "write to this `file` instead of standard output")
	f.StringVar(&flags.environment, "environment", "", "`environment` to export; needed where upstream has several")
	f.StringArrayVar(&flags.context, "context", nil, "`name=value` of the static context; may be repeated; name alone says that it is absent in every request")
	f.StringVar(&flags.contextual, "contextual", "off", "flags that depend on more than the static context: off, omit or evaluate")
	f.StringSliceVar(&flags.projects, "project", nil, "only flags of these `projects`")
	f.StringSliceVar(&flags.flags, "flag", nil, "only flags whose name matches one of these `globs`")
	f.BoolVar(&flags.includeDisabled, "include-disabled", false, "list flags that are off, too")
	f.DurationVar(&flags.timeout, "timeout", time.Minute, "give up on upstream after this time")
	return c
}

func runExport(c *cobra.Command, flags exportFlags) error {
	spec, err := flags.spec()
	if err != nil {
		return err
	}
	d, err := flags.definitions(c)
	if err != nil {
		return err
	}
	program, problems := eval.Compile(d)
	for _, p := range append(d.Problems, problems...) {
		fmt.Fprintf(c.ErrOrStderr(), "flagcast: warning: %s\n", p)
	}
	spec.Environment = d.Environment
	snap, err := snapshot.Encode(d, program, spec, time.Now())
	if err != nil {
		return failed(exitUsage, err, "")
	}
	if len(snap.Contextual) > 0 && spec.Format == snapshot.Evaluated1 {
		fmt.Fprintf(c.ErrOrStderr(), "flagcast: warning: %s depend on more than the static context and are frozen (--contextual %s): %s\n",
			count(len(snap.Contextual), "flag"), spec.Contextual, strings.Join(snap.Contextual, ", "))
	}
	out, err := bundles.Emit(&snap, bundles.Form(flags.as))
	if err != nil {
		return failed(exitUsage, err, "")
	}
	if flags.output == "" {
		_, err = c.OutOrStdout().Write(out)
		return err
	}
	return renameio.WriteFile(flags.output, out, 0o644)
}

func (f *exportFlags) spec() (snapshot.Spec, error) {
	spec := snapshot.Spec{
		Static:     eval.Context{Fields: map[string]string{}},
		Contextual: snapshot.Contextual(f.contextual), IncludeDisabled: f.includeDisabled,
		Projects: f.projects, Flags: f.flags,
	}
	switch f.snapshot {
	case "evaluated", "evaluated/1":
		spec.Format = snapshot.Evaluated1
	case "definitions", "definitions/1":
		spec.Format = snapshot.Definitions1
	case "":
		return spec, failed(exitUsage, fmt.Errorf("--snapshot is missing"), "use --snapshot evaluated or --snapshot definitions; rules are not in this version")
	default:
		return spec, failed(exitUsage, fmt.Errorf("--snapshot %q is not one of evaluated, definitions", f.snapshot), "")
	}
	switch spec.Contextual {
	case snapshot.ContextualOff, snapshot.ContextualOmit, snapshot.ContextualEvaluate:
	default:
		return spec, failed(exitUsage, fmt.Errorf("--contextual %q is not one of off, omit, evaluate", f.contextual), "")
	}
	for _, pair := range f.context {
		name, value, ok := strings.Cut(pair, "=")
		if name == "" {
			return spec, failed(exitUsage, fmt.Errorf("--context %q is no name=value", pair), "")
		}
		if !ok {
			spec.Static.Absent = append(spec.Static.Absent, name)
			continue
		}
		spec.Static.Fields[name] = value
	}
	return spec, nil
}

// definitions come from --from, or once from the configured upstream.
func (f *exportFlags) definitions(c *cobra.Command) (*edgecore.Definitions, error) {
	if f.from != "" {
		return readDefinitions(f.from, edgecore.Environment(f.environment), c.InOrStdin())
	}
	cfg, err := load(c, config.Overrides{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	cfg.Targets = nil // an export opens no sinks and keeps no state
	cfg.Sinks = nil
	cfg.State.Dir = ""
	core, err := newCore(cfg, newLogger(c.ErrOrStderr(), cfg.Log))
	if err != nil {
		return nil, err
	}
	env := edgecore.Environment(f.environment)
	if environments := core.environments(); env == "" && len(environments) == 1 {
		env = environments[0]
	} else if env == "" {
		return nil, failed(exitUsage, fmt.Errorf("upstream has several environments: %v", environments), "choose one by --environment")
	}
	if core.feeds[env] == nil {
		return nil, failed(exitUsage, fmt.Errorf("upstream has no environment %q", env), "")
	}
	if err := core.fetch(ctx); err != nil {
		return nil, err
	}
	st, err := core.store.Load(env)
	if err != nil {
		return nil, err
	}
	return st.Definitions, nil
}

// readDefinitions reads a GET /api/client/features body from a file, or from
// standard input for "-".
func readDefinitions(path string, env edgecore.Environment, stdin io.Reader) (*edgecore.Definitions, error) {
	var document []byte
	var err error
	if path == "-" {
		document, err = io.ReadAll(stdin)
	} else {
		document, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, failed(exitFailed, fmt.Errorf("read definitions: %w", err), "")
	}
	d, err := edgecore.Parse(bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")), env)
	if err != nil {
		return nil, failed(exitFailed, fmt.Errorf("read definitions from %q: %w", path, err), "")
	}
	return d, nil
}

// loadFrom puts the definitions of one file into the store, for the only
// environment that the targets publish.
func (c *core) loadFrom(path string) error {
	var env edgecore.Environment
	for _, t := range c.targets {
		if env != "" && t.Spec.Environment != env {
			return failed(exitUsage, fmt.Errorf("--from has one environment, the targets publish %q and %q", env, t.Spec.Environment), "choose by --target")
		}
		env = t.Spec.Environment
	}
	d, err := readDefinitions(path, env, os.Stdin)
	if err != nil {
		return err
	}
	c.deliver(d)
	return nil
}
