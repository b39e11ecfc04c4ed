package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/internal/printable"
)

// edgeFinding is what becomes of a setting of Unleash Edge.
type edgeFinding struct {
	Line    int    `json:"line"`
	Name    string `json:"name"`
	Fate    string `json:"fate"` // "taken over", "no difference", "not used", "refused" or "unknown"
	Instead string `json:"instead,omitempty"`
}

// checkEdge reports what becomes of the settings of Unleash Edge in a manifest or a file
// of variables, line by line. One that is refused or unknown is a failure.
func checkEdge(c *cobra.Command, path string, asJSON bool) error {
	text, err := app.ReadFrom(path, c.InOrStdin())
	if err != nil {
		return exit.With(exit.Failed, fmt.Errorf("read %s: %w", path, err),
			"--from-edge names a manifest, or a file with lines of NAME=value, or is - for standard input")
	}
	findings := []edgeFinding{}
	failed := 0
	for _, use := range config.ReadEdgeManifest(string(text)) {
		f := edgeFinding{
			Line: use.Line, Name: use.Name, Fate: "unknown", Instead: "neither Unleash Edge nor flagcast has it",
		}
		if use.Setting != nil {
			f.Fate, f.Instead = use.Setting.Fate(), use.Setting.Instead()
		}
		if f.Fate == "refused" || f.Fate == "unknown" {
			failed++
		}
		findings = append(findings, f)
	}
	if len(findings) == 0 {
		return exit.With(exit.Failed, fmt.Errorf("%s has no setting of Unleash Edge", path),
			"want a manifest of Kubernetes or Compose, values of its Helm chart, or lines of NAME=value")
	}
	if asJSON {
		err = report.JSON(c.OutOrStdout(), findings)
	} else {
		printEdge(c.OutOrStdout(), findings)
	}
	if err == nil && failed > 0 {
		err = exit.With(exit.Failed, fmt.Errorf("%s cannot be taken over", printable.Count(failed, "setting")), "")
	}
	return err
}

func printEdge(w io.Writer, findings []edgeFinding) {
	number := map[string]int{}
	paint := report.PainterOf(w)
	for _, f := range findings {
		number[f.Fate]++
		color := printable.Plain
		switch f.Fate {
		case "not used":
			color = printable.Yellow
		case "refused", "unknown":
			color = printable.Red
		}
		printable.Fprintf(w, "line %d: %s: %s\n", f.Line, f.Name, paint.Paint(color, f.Fate))
		if f.Instead != "" {
			printable.Fprintf(w, "    %s\n", f.Instead)
		}
	}
	printable.Fprintf(w, "%s: %d taken over, %d without a difference, %d not used, %d refused or unknown\n",
		printable.Count(len(findings), "setting"), number["taken over"], number["no difference"], number["not used"],
		number["refused"]+number["unknown"])
}
