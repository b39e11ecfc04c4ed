package report

import (
	"io"
	"unicode/utf8"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// Finding is what check has found about one thing.
type Finding struct {
	What   string `json:"what"`   // such as `sink "cf": write`
	Result string `json:"result"` // "ok", "warning" or "failed"
	Text   string `json:"text,omitempty"`
	Hint   string `json:"hint,omitempty"` // what to do; the text ends with it
}

// Findings writes a line for each finding, and a closing one. What does not
// fit into the line is below it, what to do first.
func Findings(w io.Writer, findings []Finding) {
	paint := PainterOf(w)
	number := map[string]int{}
	for _, f := range findings {
		number[f.Result]++
		word := paint.Paint(printable.Plain, "ok     ")
		switch f.Result {
		case "warning":
			word = paint.Paint(printable.Yellow, "WARNING")
		case "failed":
			word = paint.Paint(printable.Red, "FAILED ")
		}
		if f.Text != "" && f.Hint == "" && utf8.RuneCountInString(f.What+": "+f.Text)+9 <= Width {
			printable.Fprintf(w, "%s  %s: %s\n", word, f.What, f.Text)
			continue
		}
		printable.Fprintf(w, "%s  %s\n", word, f.What)
		for _, line := range []string{f.Hint, sinks.WithoutHint(f.Text, f.Hint)} {
			if line != "" {
				printable.Fprintf(w, "         %s\n", line)
			}
		}
	}
	printable.Fprintf(w, "%s: %d ok, %s, %d failed\n",
		printable.Count(len(findings), "check"), number["ok"], printable.Count(number["warning"], "warning"),
		number["failed"])
}

// Found makes the finding of one thing: failed where err is not nil.
func Found(what string, err error, text string) Finding {
	if err != nil {
		return Finding{What: what, Result: "failed", Text: err.Error(), Hint: exit.HintOf(err)}
	}
	return Finding{What: what, Result: "ok", Text: text}
}
