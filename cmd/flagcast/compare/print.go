package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/flagcast/flagcast/internal/printable"
)

const (
	linesShown    = 50 // of each table
	contextsShown = 3  // of one flag
	widthOfValue  = 60
	widthOfFields = 100
)

// Print writes the report for people. The last line is the verdict.
func (r *Report) Print(w io.Writer) error {
	printable.Fprintf(w, "A %s\nB %s\n\n", r.A, r.B)
	switch {
	case len(r.NoDefinitions) > 0:
		printable.Fprintf(w, "definitions: not compared, not served by %s\n", strings.Join(r.NoDefinitions, " and "))
	case r.Features == nil:
		fmt.Fprintln(w, "definitions: not compared, for want of a backend token for each server")
	default:
		if err := r.Features.print(w); err != nil {
			return err
		}
	}
	if r.Frontend == nil {
		fmt.Fprintln(w, "answers: not compared, for want of a frontend token for each server")
	} else if err := r.Frontend.print(w); err != nil {
		return err
	}
	if r.Changed {
		fmt.Fprintln(w, "\nThe flags have changed meanwhile: compare again.")
	}
	_, err := printable.Fprintf(w, "\n%s\n", r.verdict())
	return err
}

func (r *Report) verdict() string {
	if !r.Equal {
		return "different"
	}
	switch {
	case r.Features == nil:
		return "equal, as far as the answers go"
	case r.Frontend == nil:
		return "equal, as far as the definitions go"
	}
	return "equal"
}

func (f *Features) print(w io.Writer) error {
	printable.Fprintf(w, "definitions: %s, %s: %s\n", count(f.Flags, "flag"), count(f.Segments, "segment"),
		differ(len(f.Differences)))
	if len(f.Differences) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  FLAG\tFIELD\tA\tB")
	for i, d := range f.Differences {
		if i == linesShown {
			printable.Fprintf(table, "  … and %d more\n", len(f.Differences)-i)
			break
		}
		subject := d.Flag
		switch {
		case d.Segment != "":
			subject = "segment " + d.Segment
		case d.Flag == "":
			subject = "(document)"
		}
		a, b := short(d.A), short(d.B)
		if d.Field == "" {
			a, b = listed(d.A), listed(d.B)
		}
		printable.Fprintf(table, "  %s\t%s\t%s\t%s\n", subject, d.Field, a, b)
	}
	return table.Flush()
}

func (f *Frontend) print(w io.Writer) error {
	printable.Fprintf(w, "answers: %s of %s%s: %s\n", count(f.Contexts, "context"), f.Path, f.branches(),
		differ(f.Different))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if f.Different > 0 {
		fmt.Fprintln(table, "  FLAG\tCONTEXT\tA\tB")
	}
	shown, ofFlag := map[[4]string]bool{}, map[string]int{}
	more := 0
	for _, d := range f.Differences {
		a, b := d.texts()
		line := [4]string{d.Flag, d.context(), a, b}
		switch {
		case shown[line]: // other contexts that say no more
		case len(shown) == linesShown || ofFlag[d.Flag] == contextsShown:
			more++
		default:
			shown[line] = true
			ofFlag[d.Flag]++
			printable.Fprintf(table, "  %s\t%s\t%s\t%s\n", line[0], line[1], line[2], line[3])
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more > 0 {
		printable.Fprintf(w, "  … and %d more\n", more)
	}
	for _, why := range []string{drawn, fixed} {
		var names []string
		for _, l := range f.LeftOut {
			if l.Why == why {
				names = append(names, l.Flag)
			}
		}
		if len(names) > 0 {
			printable.Fprintf(w, "not compared, %s: %s\n", why, shorten(names))
		}
	}
	return nil
}

func (f *Frontend) branches() string {
	if f.Branches == nil {
		return ", drawn without knowing the flags"
	}
	return fmt.Sprintf(", %d of %d branches", f.Branches.Taken, f.Branches.Total)
}

// context shows the fields that decide the flag, or all.
func (d *AnswerDifference) context() string {
	var list []string
	for name, value := range d.Context {
		if d.relevant == nil || slices.Contains(d.relevant, name) {
			list = append(list, name+"="+value)
		}
	}
	slices.Sort(list)
	if len(list) == 0 {
		return "any"
	}
	return cutTo(strings.Join(list, " "), widthOfFields)
}

// texts describe both answers, so that they are seen to differ.
func (d *AnswerDifference) texts() (a, b string) {
	if a, b = answer(d.A), answer(d.B); a != b {
		return a, b
	}
	walk("", "", d.A, d.B, func(path string, x, y any) {
		if a == answer(d.A) {
			a, b = path+" "+short(x), path+" "+short(y)
		}
	})
	return a, b
}

func answer(v any) string {
	toggle, _ := v.(map[string]any)
	switch variant, _ := toggle["variant"].(map[string]any); {
	case toggle == nil:
		return "not listed"
	case toggle["enabled"] != true:
		return "off"
	case variant["enabled"] == true:
		return fmt.Sprintf("on (%v)", variant["name"])
	}
	return "on"
}

func listed(v any) string {
	if v == nil {
		return "not listed"
	}
	return "listed"
}

func short(v any) string {
	if v == nil {
		return "-"
	}
	if text, ok := v.(string); ok {
		return cut(text)
	}
	return cut(string(encode(v)))
}

func cut(text string) string { return cutTo(text, widthOfValue) }

// cutTo shortens a text, and makes one line of it.
func cutTo(text string, width int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return string(runes)
}

func shorten(names []string) string {
	names = slices.Compact(names)
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func differ(n int) string {
	if n == 0 {
		return "equal"
	}
	return count(n, "difference")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
