package bundles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/edgecore/eval/cover"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
)

// Report compares a script with its budget.
type Report struct {
	Platform      Platform `json:"platform"`
	Specification string   `json:"specification"` // of the platform, that the limits are of
	Format        string   `json:"format"`
	Environment   string   `json:"environment"`
	Digest        string   `json:"digest"`
	Flags         int      `json:"flags"`

	Size   Size   `json:"size"`
	Gzip   int    `json:"gzip"` // bytes of the script after gzip
	Budget Budget `json:"-"`
	Limits Limits `json:"limits"`
	// Fits is about how many more flags like these fit, below 0 how many are
	// too many; 0 with no limit.
	Fits int `json:"fits"`
	// Largest are the flags whose removal saves the most bytes, at most 100,
	// and Shared what several flags use, where the size is over budget.
	Largest []rules.Size `json:"largest,omitempty"`
	Shared  []rules.Size `json:"shared,omitempty"`
	sizes   rules.Sizes  // of all flags

	// Measured is nil where CPU was not measured.
	Measured *measure.Result `json:"measured"`
	// NotMeasured says why.
	NotMeasured string `json:"notMeasured,omitempty"`
	Machine     string `json:"machine,omitempty"`
	Contexts    int    `json:"contexts,omitempty"`
	// Branches are those of the rules that the contexts take.
	Branches *cover.Coverage `json:"branches,omitempty"`

	// Over are what is over budget, each in a sentence; empty: all is well.
	Over []string `json:"over"`
}

// Limits are a Budget as a report has it: null for what is off.
type Limits struct {
	Bytes   *int     `json:"bytes"`
	Gzip    bool     `json:"gzip"`
	CPU     *float64 `json:"cpuMs"`
	Startup *float64 `json:"startupMs"`
}

// NewReport compares the sizes. AddMeasured adds the times.
func NewReport(s *snapshot.Snapshot, p Platform, l *Linked, b Budget) *Report {
	r := &Report{
		Platform: p, Format: string(s.Format()), Environment: string(s.Environment()), Digest: s.Digest, Flags: s.Count,
		Size: l.Size, Gzip: gzipped(l.Code), Budget: b, Limits: b.limits(), Over: []string{},
	}
	if r.Specification = p.Specification(); b != p.Budget() {
		r.Specification = "limits of your own"
	}
	if b.Size == 0 {
		return r
	}
	counted := r.counted()
	if r.Flags > 0 && l.Size.Flags > 0 {
		perFlag := float64(counted) / float64(l.Size.Total) * float64(l.Size.Flags) / float64(r.Flags)
		r.Fits = int(math.Floor(float64(b.Size-1-counted) / perFlag))
	}
	if counted >= b.Size {
		r.Over = append(r.Over, fmt.Sprintf("size: %s bytes%s are not less than %s", grouped(counted), r.after(),
			grouped(b.Size)))
		r.sizes = s.Sizes()
		r.Largest, r.Shared = r.sizes.Flags[:min(len(r.sizes.Flags), 100)], r.sizes.Shared
	}
	return r
}

// counted is the size that the platform counts.
func (r *Report) counted() int {
	if r.Budget.Gzip {
		return r.Gzip
	}
	return r.Size.Total
}

func (r *Report) after() string {
	if r.Budget.Gzip {
		return " after gzip"
	}
	return ""
}

func (b Budget) limits() Limits {
	l := Limits{Gzip: b.Gzip}
	if b.Size > 0 {
		l.Bytes = &b.Size
	}
	ms := func(d time.Duration) *float64 {
		if d == 0 {
			return nil
		}
		f := float64(d) / float64(time.Millisecond)
		return &f
	}
	l.CPU, l.Startup = ms(b.CPU), ms(b.Startup)
	return l
}

// Slower is how much slower than this machine a PoP is taken to be at worst:
// the report shows times that much longer.
const Slower = 4

// share is the part of a limit that may be measured.
const share = 2

// AddMeasured compares the times.
func (r *Report) AddMeasured(m *measure.Result, load *Load) {
	r.Measured, r.Machine, r.Contexts = m, measure.Machine(), load.Contexts
	if load.Coverage.Total > 0 {
		r.Branches = &load.Coverage
	}
	check := func(what string, cost measure.Cost, limit time.Duration) {
		if limit > 0 && cost.Worst > limit/share {
			r.Over = append(r.Over, fmt.Sprintf("%s: %s were measured, more than half of %s", what, shown(cost.Worst),
				shown(limit)))
		}
	}
	check("start-up", m.Startup, r.Budget.Startup)
	for _, f := range m.Figures {
		check(f.Kind+", first request", f.First, r.Budget.CPU)
		check(f.Kind+", warm", f.Warm, r.Budget.CPU)
	}
}

// AddFailure says why the times are not known. A script that does not come to an
// end is over every limit of time.
func (r *Report) AddFailure(err error) {
	r.NotMeasured = err.Error()
	var fails *measure.ScriptError
	if errors.As(err, &fails) && fails.Endless && (r.Budget.CPU > 0 || r.Budget.Startup > 0) {
		r.Over = append(r.Over, "CPU: "+fails.What)
	}
}

// Text is the report for a terminal.
func (r *Report) Text(name string) string {
	var b strings.Builder
	printable.Fprintf(&b, "%s for %s (%s): %s with %s, environment %s, digest %.8s\n", name, r.Platform,
		r.Specification, r.Format, plural(r.Flags, "flag"), r.Environment, r.Digest)
	fmt.Fprintf(&b, "  %s bytes, %s after gzip", grouped(r.Size.Total), grouped(r.Gzip))
	if r.Budget.Size > 0 {
		fmt.Fprintf(&b, "; budget %s%s", grouped(r.Budget.Size), r.after())
	}
	b.WriteString("\n")
	writeTable(&b, [][]string{
		{"yours", grouped(r.Size.Yours)}, {"runtime", grouped(r.Size.Runtime)}, {"flags", grouped(r.Size.Flags)},
	})
	switch {
	case r.Size.Flags == 0:
		b.WriteString("  the worker does not import flagcast/bundle: the flags are not in it\n")
	case r.Fits > 0:
		fmt.Fprintf(&b, "  space for about %s more flags like these\n", grouped(rounded(r.Fits)))
	case r.Fits < 0:
		fmt.Fprintf(&b, "  about %s flags like these are too many\n", grouped(rounded(-r.Fits)))
	}
	if len(r.Largest) > 0 {
		r.writeLargest(&b)
	}
	r.writeTimes(&b)
	for _, over := range r.Over {
		printable.Fprintf(&b, "  over budget: %s\n", over)
	}
	return b.String()
}

func (r *Report) writeLargest(b *strings.Builder) {
	const most = 10
	b.WriteString("  what to cut, in bytes of the snapshot:\n")
	var rows [][]string
	shown, others := r.sizes.Flags[:min(len(r.sizes.Flags), most)], 0
	for _, f := range shown {
		rows = append(rows, []string{printable.Text(f.Name), grouped(f.Bytes)})
	}
	for _, f := range r.sizes.Flags[len(shown):] {
		others += f.Bytes
	}
	if n := len(r.sizes.Flags) - len(shown); n > 0 {
		rows = append(rows, []string{plural(n, "other flag"), grouped(others)})
	}
	for _, part := range r.Shared {
		rows = append(rows, []string{"shared by several flags: " + printable.Text(part.Name), grouped(part.Bytes)})
	}
	writeTable(b, rows)
}

func (r *Report) writeTimes(b *strings.Builder) {
	m := r.Measured
	if m == nil {
		printable.Fprintf(b, "  CPU not measured: %s\n", r.NotMeasured)
		return
	}
	rows := [][]string{{"CPU", "measured", "worst", "times " + strconv.Itoa(Slower), "budget"}}
	row := func(what string, c measure.Cost, limit time.Duration) {
		budget := "off"
		if limit > 0 {
			budget = shown(limit)
		}
		rows = append(rows, []string{what, shown(c.Median), shown(c.Worst), shown(Slower * c.Worst), budget})
	}
	row("start-up", m.Startup, r.Budget.Startup)
	for _, f := range m.Figures {
		row(f.Kind+", first request", f.First, r.Budget.CPU)
		row(f.Kind+", warm", f.Warm, r.Budget.CPU)
	}
	writeTable(b, rows)
	printable.Fprintf(b, "  in %s on %s, over an empty worker; %s for each first request; %s", m.Engine, r.Machine,
		plural(m.Isolates, "fresh isolate"), plural(r.Contexts, "context"))
	if r.Branches != nil {
		printable.Fprintf(b, " that take %s", r.Branches)
	}
	b.WriteString("\n")
}

// writeTable writes the first column from the left, and the others from the
// right.
func writeTable(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(b, "    %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(b, "  %*s", widths[i+1], cell)
		}
		b.WriteString("\n")
	}
}

// gzipped is what a platform counts that counts compressed bytes.
func gzipped(text []byte) int {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(text) // a buffer takes all
	_ = z.Close()
	return b.Len()
}

// shown is a time in milliseconds with two digits that count.
func shown(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 10:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms >= 1:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	default:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	}
}

// grouped is a number with a comma at each thousand.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// rounded keeps two digits.
func rounded(n int) int {
	scale := int(math.Pow10(max(len(strconv.Itoa(n))-2, 0)))
	return n / scale * scale
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}
