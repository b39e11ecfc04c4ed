package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

func isOneOf[T ~string](text string, known []T) bool { return slices.Contains(known, T(text)) }

func (f *exportFlags) spec() (snapshot.Spec, error) {
	spec := snapshot.Spec{
		Static:     eval.Context{Fields: map[string]string{}},
		Contextual: snapshot.Contextual(f.undecided), IncludeDisabled: f.includeDisabled,
		Projects: f.projects, Flags: f.flags,
	}
	if f.as != asScript && f.as != asRuntime && !isOneOf(f.as, bundles.Forms()) {
		return spec, exit.With(exit.Usage, fmt.Errorf("--as %q is not one of %s", f.as, forms()), "")
	}
	i := slices.IndexFunc(snapshot.Formats(), func(known snapshot.Format) bool {
		name, _, _ := strings.Cut(string(known), "/")
		return f.format == name || f.format == string(known)
	})
	if i < 0 {
		return spec,
			exit.With(exit.Usage, fmt.Errorf("--format %q is not one of rules, evaluated, definitions", f.format), "")
	}
	spec.Format = snapshot.Formats()[i]
	if err := f.script.check(f, spec.Format); err != nil {
		return spec, err
	}
	switch spec.Contextual {
	case snapshot.ContextualOff, snapshot.ContextualOmit, snapshot.ContextualEvaluate:
	default:
		return spec, exit.With(exit.Usage, fmt.Errorf("--undecided %q is not one of off, omit, evaluate", f.undecided),
			"")
	}
	for _, pair := range f.context {
		name, value, ok := strings.Cut(pair, "=")
		if name == "" {
			return spec,
				exit.With(exit.Usage, fmt.Errorf("--context %q has no name", pair),
					"write --context country=cn, or --context userId for a field that no request has")
		}
		if !ok {
			spec.Static.Absent = append(spec.Static.Absent, name)
			continue
		}
		spec.Static.Fields[name] = value
	}
	return spec, checkGlobs(f.flags)
}

func checkGlobs(globs []string) error {
	for _, glob := range globs {
		if _, err := path.Match(glob, ""); err != nil {
			return exit.With(exit.Usage, fmt.Errorf("--flag %q is not a pattern", glob),
				`patterns have *, ? and [a-z]; "\" before one of these means the character`)
		}
	}
	return nil
}
