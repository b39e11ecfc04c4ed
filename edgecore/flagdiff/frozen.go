package flagdiff

import (
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// FixedAnswer is a flag of an evaluated snapshot that has one answer for everybody,
// although it depends on the request.
type FixedAnswer struct {
	Flag      string
	As        string   // the answer: "off", "on", "on (red)" or "left out"
	DependsOn []string // context fields, and eval.RandomDraw
}

// String is such as "canary off, depends on userId and a random draw".
func (f FixedAnswer) String() string {
	last := len(f.DependsOn) - 1
	needs := f.DependsOn[last]
	if last > 0 {
		needs = strings.Join(f.DependsOn[:last], ", ") + " and " + needs
	}
	return f.Flag + " " + f.As + ", depends on " + needs
}

// FixedAnswers lists the flags that a target freezes, sorted as those of the program.
// Formats that are evaluated later freeze none.
func FixedAnswers(p *eval.Program, spec *snapshot.Spec, now time.Time) []FixedAnswer {
	frozen := []FixedAnswer{}
	if spec.Format != snapshot.Evaluated1 {
		return frozen
	}
	static := spec.Context(now)
	view := p.NewView(&static)
	for i, needs := range compile.DependsOn(p, &static) {
		f := p.Flags()[i]
		if len(needs) == 0 || !spec.Takes(f.Name, f.Project) {
			continue
		}
		one := FixedAnswer{Flag: f.Name, As: "off", DependsOn: needs}
		r := view.Flag(i)
		switch {
		case spec.Contextual == snapshot.ContextualOmit:
			one.As = "left out"
		case r.Enabled && r.Variant.Enabled:
			one.As = "on (" + word(r.Variant.Name) + ")"
		case r.Enabled:
			one.As = "on"
		}
		frozen = append(frozen, one)
	}
	return frozen
}
