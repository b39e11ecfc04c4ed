package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

// sourceFlags say where a command that runs once takes its flags from.
type sourceFlags struct {
	from, environment string
	timeout           time.Duration
}

// add defines the flags. rules: a snapshot with rules will do, too.
func (f *sourceFlags) add(c *cobra.Command, rules bool) {
	from := "definitions from a `file`, from - for standard input, or from sink:NAME/KEY, instead of upstream"
	if rules {
		from = "flags from a `file`, from - for standard input, or from sink:NAME/KEY, instead of upstream"
	}
	c.Flags().StringVar(&f.from, "from", "", from)
	c.Flags().StringVar(&f.environment, "environment", "", "`environment` to take; needed where upstream has several")
	c.Flags().DurationVar(&f.timeout, "timeout", time.Minute, "give up on upstream after this time")
}

// program compiles the definitions, or decodes a snapshot that a sink or a file
// holds. Problems of the flags that are named, or of all, are warnings.
func (f *sourceFlags) program(c *cobra.Command, names []string) (*eval.Program, error) {
	if place, ok := strings.CutPrefix(f.from, "sink:"); ok {
		body, err := f.stored(c, place)
		if err != nil {
			return nil, err
		}
		return f.decode(body)
	}
	if f.from == "" {
		d, err := f.definitions(c)
		if err != nil {
			return nil, err
		}
		program, _ := compile.Program(d) // the log has the problems
		return program, nil
	}
	document, err := app.ReadFrom(f.from, c.InOrStdin())
	if err != nil {
		return nil, err
	}
	if format := gjson.GetBytes(document, "flagcast.format").Str; format != "" &&
		format != string(snapshot.Definitions1) {
		return f.decode(document)
	}
	d, err := app.DecodeDefinitions(f.from, document, edgecore.Environment(f.environment))
	if err != nil {
		return nil, err
	}
	program, problems := compile.Program(d)
	for _, p := range slices.Concat(d.Problems, problems) {
		if len(names) == 0 || slices.Contains(names, p.Feature) {
			warn(c, app.ProblemText(d, p))
		}
	}
	return program, nil
}

func (f *sourceFlags) decode(document []byte) (*eval.Program, error) {
	program, meta, err := snapshot.Decode(document)
	if err != nil {
		hint := ""
		if meta.Format == snapshot.Evaluated1 {
			hint = "take rules/1, definitions/1, or the flags from upstream"
		}
		return nil, exit.With(exit.Failed, fmt.Errorf("read %s: %w", f.from, err), hint)
	}
	return program, nil
}

// stored reads NAME/KEY, a key in a sink of the configuration.
func (f *sourceFlags) stored(c *cobra.Command, place string) ([]byte, error) {
	name, text, _ := strings.Cut(place, "/")
	key, err := sinks.ParseKey(text)
	if err != nil {
		return nil,
			exit.With(exit.Usage, fmt.Errorf("--from %q: %w", f.from, err),
				"write sink:NAME/KEY, with the name of a sink in the configuration")
	}
	cfg, err := load(c, needing(config.Needs{Sinks: []string{name}}))
	if err != nil {
		return nil, err
	}
	configured, ok := cfg.Sinks[name]
	if !ok {
		return nil, exit.With(exit.Usage, fmt.Errorf("--from %q: the configuration has no sink %q", f.from, name), "")
	}
	sink, err := all.NewFactory(nil).New(name, configured.Type, configured.Settings)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("open sink %q: %w", name, err), "")
	}
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	body, err := sink.Get(ctx, key)
	if err != nil {
		return nil, exit.With(exit.Failed, err, "")
	}
	return body, nil
}

// storedDefinitions reads them back from a sink, whole.
func (f *sourceFlags) storedDefinitions(c *cobra.Command, place string) (*edgecore.Definitions, error) {
	body, err := f.stored(c, place)
	if err != nil {
		return nil, err
	}
	meta, err := snapshot.Open(body)
	if err != nil {
		return nil, exit.With(exit.Failed, fmt.Errorf("read %s: %w", f.from, err), "")
	}
	if meta.Format != snapshot.Definitions1 {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("read %s: it holds %s, from which there is no way back to definitions",
				f.from, meta.Format),
				"take a target with "+string(snapshot.Definitions1)+", a file, or upstream")
	}
	return app.DecodeDefinitions(f.from, body, edgecore.Environment(f.environment))
}

// definitions come from --from, or once from the configured upstream.
func (f *sourceFlags) definitions(c *cobra.Command) (*edgecore.Definitions, error) {
	if place, ok := strings.CutPrefix(f.from, "sink:"); ok {
		return f.storedDefinitions(c, place)
	}
	if f.from != "" {
		return app.ReadDefinitions(f.from, edgecore.Environment(f.environment), c.InOrStdin())
	}
	upstream := config.Needs{Upstream: true}
	cfg, err := load(c, needing(upstream))
	if err != nil {
		return nil, err
	}
	cfg.Keep(upstream)
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	cfg.Targets, cfg.Sinks, cfg.State.Dir = nil, nil, "" // nothing is published or kept
	core, err := app.New(cfg, app.ConfigFileOf(c), app.NewLogger(c.ErrOrStderr(), cfg.Log), nil)
	if err != nil {
		return nil, err
	}
	env := edgecore.Environment(f.environment)
	if environments := core.Followed(); env == "" && len(environments) == 1 {
		env = environments[0]
	} else if env == "" {
		return nil,
			exit.With(exit.Usage, fmt.Errorf("upstream has several environments: %s", app.JoinNames(environments)),
				"choose one by --environment")
	}
	if core.Feeds[env] == nil {
		return nil,
			exit.With(exit.Usage, fmt.Errorf("upstream has no environment %q", env),
				"environments: "+app.JoinNames(core.Followed()))
	}
	if err := core.Fetch(ctx, []edgecore.Environment{env}); err != nil {
		return nil, err
	}
	st, err := core.Store.Load(env)
	if err != nil {
		return nil, err
	}
	return st.Definitions, nil
}
