package report

import (
	"io"

	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/internal/printable"
)

// Explanation prints whether a flag is on, and with why the steps that have decided
// it.
func Explanation(w io.Writer, e describe.Explanation, why bool) {
	state := "off"
	if e.Result.Enabled {
		state = "on"
		if e.Result.Variant.Enabled {
			state += " (" + e.Result.Variant.Name + ")"
		}
	}
	printable.Fprintf(w, "%s: %s\n", e.Flag, state)
	if !why {
		return
	}
	printable.Fprintf(w, "  %s\n", e.Why)
	printSteps(w, e.Steps, "  ")
	if e.Variant != "" {
		printable.Fprintf(w, "  variant: %s\n", e.Variant)
	}
}

func printSteps(w io.Writer, steps []describe.Step, indent string) {
	for _, s := range steps {
		mark := "no "
		if s.Holds {
			mark = "yes"
		}
		line := indent + mark + " " + s.What
		if s.Why != "" {
			line += ": " + s.Why
		}
		printable.Fprintf(w, "%s\n", line)
		printSteps(w, s.Steps, indent+"    ")
	}
}
