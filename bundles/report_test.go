package bundles_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/need"
)

func cost(median, worst float64) measure.Cost {
	return measure.Cost{Median: time.Duration(median * 1e6), Worst: time.Duration(worst * 1e6)}
}

// report is of a script of 14 kB with three flags, and of given times.
func report(t *testing.T, p bundles.Platform, budget string, all measure.Cost) *bundles.Report {
	t.Helper()
	s := encode(t, snapshot.Rules1)
	b, err := p.Budget().Override(budget)
	if err != nil {
		t.Fatal(err)
	}
	l := &bundles.Linked{
		Code: []byte(strings.Repeat("x", 14_000)), Size: bundles.Size{
			Total: 14_000, Yours: 400, Runtime: 12_000, Flags: 1_500,
		},
	}
	r := bundles.NewReport(s, p, l, b)
	load := bundles.NewLoad(s, false, nil)
	r.AddMeasured(&measure.Result{
		Engine: "workerd 2026-07-30", Isolates: 10, Startup: cost(0.9, 0.9),
		Figures: []measure.Figure{
			{Kind: "one flag", First: cost(1.04, 1.5), Warm: cost(0.026, 0.03)}, {
				Kind: "all flags", First: all, Warm: cost(0.4, 0.4),
			},
		},
	}, load)
	r.Machine = "a machine"
	return r
}

func TestReport(t *testing.T) {
	r := report(t, bundles.EdgeRoutine, "size=13kB", cost(24, 25.1))
	golden(t, "report.txt", []byte(r.Text("worker.js")))
	var decoded struct {
		Over   []string
		Fits   int
		Limits struct{ Bytes, CPUMs, StartupMs float64 }
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	if len(decoded.Over) != 2 || decoded.Fits != -3 || decoded.Limits.Bytes != 13_000 || decoded.Limits.CPUMs != 50 {
		t.Errorf("as JSON it is %s", text)
	}
}

// sharing are n flags with one segment of n users, and one of each flag's own.
func sharing(t *testing.T, n int) *snapshot.Snapshot {
	t.Helper()
	flags, users := make([]string, n), make([]string, n)
	for i := range n {
		flags[i] = fmt.Sprintf(`{"name":"flag-%05d","enabled":true,"strategies":[{"name":"default","segments":[1],`+
			`"constraints":[{"contextName":"plan","operator":"IN","values":["plan-%05d"]}]}]}`, i, i)
		users[i] = fmt.Sprintf(`"user-%05d"`, i)
	}
	return encodeDocument(t, fmt.Appendf(nil,
		`{"version":2,"features":[%s],"segments":[{"id":1,"constraints":[{"contextName":"userId","operator":"IN",`+
			`"values":[%s]}]}]}`,
		strings.Join(flags, ","), strings.Join(users, ",")), snapshot.Rules1)
}

// What several flags share is in the report once, and looked at once.
func TestReportOfSharedLists(t *testing.T) {
	over := func(s *snapshot.Snapshot) *bundles.Report {
		l := &bundles.Linked{Code: []byte("x"), Size: bundles.Size{Total: 2, Flags: 1}}
		return bundles.NewReport(s, bundles.EdgeRoutine, l, bundles.Budget{Size: 1})
	}
	few, many := sharing(t, 100), sharing(t, 1000)
	r := over(many)
	const row = "    shared by several flags: values of userId  14,"
	if text := r.Text("worker.js"); !strings.Contains(text, row) || len(r.Largest) != 100 || r.Largest[0].Bytes > 60 {
		t.Errorf("largest %v, shared %v:\n%s", r.Largest[0], r.Shared, text)
	}
	sum := 0
	size := regexp.MustCompile(`(?m)^    (?:flag-|990 other|shared by).*  ([\d,]+)$`)
	for _, cells := range size.FindAllStringSubmatch(r.Text("worker.js"), -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(cells[1], ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if all := len(many.Content()); sum > all || sum < all*9/10 {
		t.Errorf("the parts have %d bytes of %d", sum, all)
	}
	if a, b := need.Allocated(func() { over(few) }), need.Allocated(func() { over(many) }); b > 35*a {
		t.Errorf("allocates %d bytes for 100 flags and users, %d for 1,000", a, b)
	}
}

// TestHalfOfALimit: what is measured may be half of a limit, and no more.
func TestHalfOfALimit(t *testing.T) {
	for _, tc := range []struct {
		platform bundles.Platform
		budget   string
		all      measure.Cost
		over     []string
	}{
		{bundles.EdgeRoutine, "size=1MB", cost(20, 25), nil},
		{bundles.EdgeRoutine, "size=1MB", cost(20, 25.01), []string{
			"all flags, first request: 25 ms were measured, more than half of 50 ms",
		}},
		{bundles.EdgeRoutine, "cpu=off", cost(80, 99), nil},
		{bundles.EdgeRoutine, "startup=1ms", cost(1, 1), []string{
			"start-up: 0.90 ms were measured, more than half of 1.0 ms",
		}},
		{bundles.EdgeRoutine, "size=14kB", cost(1, 1), []string{"size: 14,000 bytes are not less than 14,000"}},
		{bundles.EdgeRoutine, "size=14001", cost(1, 1), nil},
		{bundles.Cloudflare, "size=14kB", cost(1, 1), nil}, // after gzip it is less
		{bundles.Cloudflare, "size=10", cost(1, 1), []string{"size: 52 bytes after gzip are not less than 10"}},
	} {
		r := report(t, tc.platform, tc.budget, tc.all)
		if diff := cmp.Diff(tc.over, r.Over); diff != "" && len(tc.over)+len(r.Over) > 0 {
			t.Errorf("%s, %s (-want +got):\n%s", tc.platform, tc.budget, diff)
		}
	}
}

// TestFailures: what fails is not measured; what does not end is over budget.
func TestFailures(t *testing.T) {
	s := encode(t, snapshot.Rules1)
	l := &bundles.Linked{Code: []byte("x"), Size: bundles.Size{Total: 1}}
	for _, tc := range []struct {
		err    error
		budget bundles.Budget
		over   int
	}{
		{&measure.ScriptError{What: "status 503"}, bundles.ESA.Budget(), 0},
		{&measure.ScriptError{What: "it is not done", Endless: true}, bundles.ESA.Budget(), 1},
		{&measure.ScriptError{What: "it is not done", Endless: true}, bundles.Budget{}, 0},
		{errors.New("run node: no"), bundles.ESA.Budget(), 0},
	} {
		r := bundles.NewReport(s, bundles.ESA, l, tc.budget)
		r.AddFailure(tc.err)
		if len(r.Over) != tc.over || !strings.Contains(r.Text("x"), "CPU not measured: "+tc.err.Error()) {
			t.Errorf("%v: %s", tc.err, r.Text("x"))
		}
	}
}

// TestLoad: the stock worker is asked for one flag and for all, with contexts
// that take every branch; another one at its paths.
func TestLoad(t *testing.T) {
	s := encode(t, snapshot.Rules1)
	l := bundles.NewLoad(s, false, nil)
	if l.Coverage.Taken != l.Coverage.Total || l.Coverage.Total != 8 || len(l.Kinds) != 2 || l.Contexts < 3 {
		t.Errorf("the load is %+v", l)
	}
	seen := map[string]bool{}
	for _, r := range l.Kinds[0].Requests {
		seen[regexp.MustCompile(`features/([^?]*)`).FindStringSubmatch(r.URL)[1]] = true
	}
	if !seen["checkout"] || !seen["banner"] || seen["maintenance"] {
		t.Errorf("it asks for %v", seen)
	}
	if r := l.Kinds[1].Requests[0]; !strings.HasPrefix(r.URL, "https://flags.example/api/frontend?") ||
		!strings.Contains(r.URL, "properties%5B") {
		t.Errorf("the first request is %+v", r)
	}
	own := bundles.NewLoad(s, true, []string{"/a", "/b?x=1"})
	if len(own.Kinds) != 2 {
		t.Fatalf("%+v", own)
	}
	for i, path := range []string{"/a?", "/b?x=1&"} {
		for _, r := range own.Kinds[i].Requests {
			if !strings.HasPrefix(r.URL, "https://flags.example"+path) || r.Headers["cookie"] == "" || len(r.CF) == 0 {
				t.Errorf("a request of %q is %+v", own.Kinds[i].Name, r)
			}
		}
	}
	// Answers that are fixed depend on no context.
	on := encodeDocument(t, []byte(`{"version":2,"features":[{"name":"on","enabled":true,"strategies":[]}]}`),
		snapshot.Evaluated1)
	if fixed := bundles.NewLoad(on, false, nil); fixed.Contexts != 1 || len(fixed.Kinds) != 2 {
		t.Errorf("evaluated: %+v", fixed)
	}
}
