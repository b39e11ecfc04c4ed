package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// Result is the outcome of one key of one target, as --json prints it.
type Result struct {
	Target   string         `json:"target"`
	Sink     string         `json:"sink"`
	Key      sinks.Key      `json:"key"`
	Action   publish.Action `json:"action"`
	DryRun   bool           `json:"dryRun"` // then Action, Seq and Bytes are what a write would be
	Digest   string         `json:"digest,omitempty"`
	Seq      uint64         `json:"seq,omitempty"`    // of what is stored, 0 for nothing
	Before   int            `json:"before,omitempty"` // bytes that were stored before
	Bytes    int            `json:"bytes,omitempty"`  // written
	Limit    int            `json:"limit,omitempty"`  // bytes that the sink takes, 0 for any
	Verified bool           `json:"verified"`         // a read has shown what was written
	Seen     *bool          `json:"seen,omitempty"`   // with --wait-seen: every probe shows it
	Changes  []Change       `json:"changes"`
	// dry run: flags that have one answer for everybody although they depend on the request
	Frozen  []string `json:"frozen,omitempty"`
	InClear []string `json:"inClear,omitempty"` // dry run: flags that hold ids, and how many
	Text    string   `json:"text,omitempty"`    // why it is held or pinned
	Error   string   `json:"error,omitempty"`
	Hint    string   `json:"hint,omitempty"` // what to do about the error, which ends with it

	ConfigArgument string `json:"-"` // of printed commands
}

// Change is what a sync means for one flag.
type Change struct {
	Sign string `json:"sign"` // "+", "-", "~" or "!!"
	Flag string `json:"flag"`
	Text string `json:"text,omitempty"` // such as "off -> on"
}

// Results writes the results of a sync for people. Keys of a matrix with the
// same result share a paragraph. A dry run ends with a summary.
func Results(w io.Writer, results []Result, dryRun bool) {
	for i := 0; i < len(results); {
		alike := 1
		for i+alike < len(results) && results[i].like(&results[i+alike]) {
			alike++
		}
		results[i].print(w, results[i+1:i+alike])
		i += alike
	}
	if dryRun {
		printSummary(w, results)
	}
}

// like reports whether a report of one says all about the other but its key.
func (r *Result) like(o *Result) bool {
	return r.Target == o.Target && r.Action == o.Action && r.Text == o.Text && r.Action != publish.ActionHeld &&
		r.Action != publish.ActionFailed &&
		slices.Equal(r.Changes, o.Changes) && slices.Equal(r.Frozen, o.Frozen) && slices.Equal(r.InClear, o.InClear)
}

const keysNamed = 3

// print writes a result, which those of others are like, for people.
func (r *Result) print(w io.Writer, others []Result) {
	paint := PainterOf(w)
	word := paint.Paint(printable.Plain, r.Action.String())
	switch {
	case r.Error != "":
		word = paint.Paint(printable.Red, "FAILED")
	case r.DryRun && r.Writes():
		word = paint.Paint(printable.Plain, "would be "+r.Action.String())
	case r.Action == publish.ActionHeld:
		word = paint.Paint(printable.Red, "HELD")
	}
	keys, bytes := []string{string(r.Key)}, r.Bytes
	for _, o := range others {
		keys, bytes = append(keys, string(o.Key)), bytes+o.Bytes
	}
	if n := len(keys); n > keysNamed {
		keys = append(keys[:keysNamed], fmt.Sprintf("… and %d more", n-keysNamed))
	}
	size := ""
	switch {
	case r.Bytes > 0 && r.DryRun && len(others) == 0:
		size = fmt.Sprintf(", %s", r.sizes())
	case r.Bytes > 0:
		size = fmt.Sprintf(", %d bytes", bytes)
	}
	printable.Fprintf(w, "%s: %s (%s in %s%s)\n", r.Target, word, strings.Join(keys, ", "), r.Sink, size)
	for _, line := range []string{r.Hint, sinks.WithoutHint(r.Error, r.Hint), r.Text} {
		if line != "" {
			printable.Fprintf(w, "  %s\n", line)
		}
	}
	for _, line := range r.changeLines() {
		sign, rest, _ := strings.Cut(line, " ")
		color := printable.Plain
		if sign == flagdiff.NeedsReview {
			color = printable.Red
		}
		printable.Fprintf(w, "  %s %s\n", paint.Paint(color, sign), rest)
	}
	if r.DryRun {
		list(w, "the same for everyone:", r.Frozen)
		list(w, "leaves in clear:", r.InClear)
	}
	if r.Writes() && !r.DryRun && !r.Verified {
		fmt.Fprintln(w, "  accepted; the sink does not show it yet")
	}
	if r.Seen != nil {
		printable.Fprintf(w, "  %s\n", map[bool]string{
			true: "seen by every probe", false: "NOT SEEN by every probe in time",
		}[*r.Seen])
	}
	if r.Action == publish.ActionHeld {
		printable.Fprintf(w, "  if it is meant: flagcast sync --target %s --accept %.12s%s\n", r.Target, r.Digest,
			r.ConfigArgument)
	}
}

// changesShown is how many lines about changes a report has for one key. --json
// has all changes.
const changesShown = 20

func (r *Result) changeLines() []string {
	changes := make([]flagdiff.Change, len(r.Changes))
	for i, c := range r.Changes {
		changes[i] = flagdiff.Change{Sign: c.Sign, Flag: c.Flag, Text: c.Text}
	}
	return flagdiff.Lines(changes, changesShown)
}

// listed is how many flags of a kind a report names.
const listed = 10

func list(w io.Writer, title string, items []string) {
	for i, item := range items {
		if i == listed {
			printable.Fprintf(w, "  %s … and %d more\n", title, len(items)-i)
			return
		}
		printable.Fprintf(w, "  %s %s\n", title, item)
	}
}

// sizes is what a write changes: "5320 -> 5480 bytes", near the limit of the
// sink "5320 -> 5480 of 6000 bytes".
func (r *Result) sizes() string {
	text := fmt.Sprint(r.Bytes)
	if r.Before > 0 {
		text = fmt.Sprintf("%d -> %d", r.Before, r.Bytes)
	}
	if r.Limit > 0 && float64(r.Bytes) >= nearLimit*float64(r.Limit) {
		text += fmt.Sprintf(" of %d", r.Limit)
	}
	return text + " bytes"
}

// printSummary writes the last line of a plan.
func printSummary(w io.Writer, results []Result) {
	writes, bytes, twice := 0, 0, 0
	flags := map[string]bool{}
	for _, result := range results {
		if !result.Writes() && result.Action != publish.ActionHeld {
			continue
		}
		if result.Writes() {
			writes, bytes = writes+1, bytes+result.Bytes
		}
		for _, c := range result.Changes {
			if key := c.Flag; !flags[key] {
				flags[key] = true
				if c.Sign == flagdiff.NeedsReview {
					twice++
				}
			}
		}
	}
	look := printable.Painted{}
	if twice > 0 {
		look = PainterOf(w).Paint(printable.Red, fmt.Sprintf(", %d to look at twice (!!)", twice))
	}
	printable.Fprintf(w, "Plan: %s, %s, %s%s. Nothing was written.\n", printable.Count(writes, "write"),
		printable.Count(bytes, "byte"), printable.Count(len(flags), "changed flag"), look)
}

// GitHubRows returns what GitHub Actions shows of results.
func GitHubRows(results []Result) []GitHubRow {
	var rows []GitHubRow
	for _, one := range results {
		err := one.Error
		if one.Action == publish.ActionHeld {
			err = "held: " + one.Text
		}
		rows = append(rows, GitHubRow{
			Target: one.Target, Action: one.Action.String(), Err: err, changes: len(one.Changes), Key: one.Key,
			bytes: one.Bytes,
		})
	}
	return rows
}

// Writes reports whether the sink gets something.
func (r *Result) Writes() bool {
	return r.Action.Writes()
}

// Verdict returns the error with the exit code of all results, nil for 0. With
// reportPending changes that would be written are one, too. Commands in hints end
// with ConfigArgument.
func Verdict(results []Result, reportPending bool, configArgument string) error {
	failures, held, pending := 0, 0, false
	for _, result := range results {
		pending = pending || result.Writes()
		if result.Error != "" {
			failures++
		}
		if result.Action == publish.ActionHeld {
			held++
		}
	}
	switch {
	case failures > 0 && failures < len(results):
		return exit.With(exit.Some, fmt.Errorf("%d of %s failed", failures, printable.Count(len(results), "target")),
			"")
	case failures > 0:
		return exit.With(exit.Failed, fmt.Errorf("%s failed", printable.Count(failures, "target")), "")
	case slices.ContainsFunc(results, func(r Result) bool { return r.Seen != nil && !*r.Seen }):
		return exit.With(exit.Failed, errors.New("not everything was seen in time"),
			"the sink has it; flagcast status"+configArgument+" shows what each probe says")
	case held > 0:
		return exit.With(exit.Held, fmt.Errorf("%s held by the guard", printable.Count(held, "snapshot")),
			"if it is meant, --accept its digest")
	case reportPending && pending:
		return exit.With(exit.Pending, errors.New("changes are pending"), "")
	}
	return nil
}
