package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

type evalFlags struct {
	source  sourceFlags
	context []string
	at      string
	seed    string
	explain bool
	batch   bool
	json    bool
}

func newEval() *cobra.Command {
	var flags evalFlags
	c := &cobra.Command{
		Use:   "eval [NAME…]",
		Short: "Evaluate flags for a context",
		Long: `Eval decides flags as the core and the worker do, for one context: those that
are named, or all. With --explain it shows why: which strategy and which
constraint have decided.

A random draw selects no user unless --seed is given: the same seed draws the
same.

With --batch it reads JSON lines from standard input and writes one line for
each: {"state": …} loads definitions, the answer of GET /api/client/features or
{"events": […]} of the delta protocol; {"context": {…}, "toggle": "name"}
evaluates a flag.`,
		Example: `  flagcast eval new-checkout --context userId=42 --explain --from flags.json
  flagcast eval --context userId=42 --from sink:cn/unleash-rules
  flagcast eval --batch < cases.jsonl`,
		RunE: func(c *cobra.Command, names []string) error {
			if flags.batch {
				return runBatch(c, names, flags)
			}
			return runEval(c, names, flags)
		},
	}
	flags.source.add(c, true)
	f := c.Flags()
	f.StringArrayVar(&flags.context, "context", nil, "`name=value` of the context; may be repeated")
	f.StringVar(&flags.at, "time", "", "`time` of the evaluation, such as 2026-01-31T12:00:00Z; now without it")
	f.StringVar(&flags.seed, "seed", "", "`text` that decides random draws")
	f.BoolVar(&flags.explain, "explain", false, "show why")
	f.BoolVar(&flags.batch, "batch", false, "read JSON lines from standard input")
	f.BoolVar(&flags.json, "json", false, "write JSON")
	return c
}

// evaluated is one flag as --json prints it, and an answer of --batch.
type evaluated struct {
	Flag    string           `json:"flag,omitempty"`
	Enabled bool             `json:"enabled"`
	Variant snapshot.Variant `json:"variant"`
	Why     string           `json:"why,omitempty"`
	Steps   []describe.Step  `json:"steps,omitempty"`
	Chosen  string           `json:"chosen,omitempty"` // how the variant was
}

func newEvaluated(r eval.Result) evaluated {
	return evaluated{Enabled: r.Enabled, Variant: snapshot.NewVariant(r)}
}

func runEval(c *cobra.Command, names []string, flags evalFlags) error {
	context, err := flags.evalContext()
	if err != nil {
		return err
	}
	program, err := flags.source.program(c, names)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		for _, f := range program.Flags() {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		}
	}
	out := c.OutOrStdout()
	results := make([]evaluated, 0, len(names))
	for _, name := range names {
		if _, ok := program.Lookup(name); !ok {
			return exit.With(exit.Failed, fmt.Errorf("there is no flag %q", name),
				"flagcast eval"+app.ConfigFileOf(c).Argument()+" without a name lists all flags")
		}
		e := describe.Explain(program, name, context)
		if !flags.json {
			report.Explanation(out, e, flags.explain)
			continue
		}
		r := newEvaluated(e.Result)
		r.Flag = name
		if flags.explain {
			r.Why, r.Steps, r.Chosen = e.Why, e.Steps, e.Variant
		}
		results = append(results, r)
	}
	if !flags.json {
		return nil
	}
	return report.JSON(out, results)
}

// evalContext makes the context of the flags: of one name twice the last counts.
func (f *evalFlags) evalContext() (*eval.Context, error) {
	c := &eval.Context{Fields: map[string]string{}, Time: time.Now(), Seed: f.seed}
	for _, pair := range f.context {
		name, value, ok := strings.Cut(pair, "=")
		if name == "" || !ok {
			return nil,
				exit.With(exit.Usage, fmt.Errorf("--context %q is not name=value", pair),
					"write --context userId=42; a field that is not given is missing")
		}
		c.Fields[name] = value
	}
	if !c.SetCurrentTime() {
		return nil, exit.With(exit.Usage, fmt.Errorf("invalid currentTime %q", c.Fields["currentTime"]),
			"write it as 2026-01-31T12:00:00Z")
	}
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return nil,
				exit.With(exit.Usage, fmt.Errorf("--time %q is not a time", f.at), "write it as 2026-01-31T12:00:00Z")
		}
		c.Time = at
	}
	return c, nil
}
