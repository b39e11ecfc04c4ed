package bundles_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/edgecore/snapshot"
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
	l := &bundles.Linked{Code: []byte(strings.Repeat("x", 14_000)), Size: bundles.Size{Total: 14_000, Yours: 400, Runtime: 12_000, Flags: 1_500}}
	r := bundles.NewReport(s, p, l, b)
	load, err := bundles.NewLoad(s, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddMeasured(&measure.Result{
		Engine: "workerd 2026-07-30", Isolates: 10, Startup: cost(0.9, 0.9),
		Figures: []measure.Figure{{Kind: "one flag", First: cost(1.04, 1.5), Warm: cost(0.026, 0.03)}, {Kind: "all flags", First: all, Warm: cost(0.4, 0.4)}},
	}, load)
	r.Machine = "a machine"
	return r
}

func TestReport(t *testing.T) {
	r := report(t, bundles.EdgeRoutine, "size=13kB", cost(24, 25.1))
	golden(t, "report.txt", []byte(r.Text("worker.js")))
	var decoded struct {
		Over   []string
		Room   int
		Limits struct{ Bytes, CPUMs, StartupMs float64 }
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	if len(decoded.Over) != 2 || decoded.Room != -3 || decoded.Limits.Bytes != 13_000 || decoded.Limits.CPUMs != 50 {
		t.Errorf("as JSON it is %s", text)
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
		{bundles.EdgeRoutine, "size=1MB", cost(20, 25.01), []string{"all flags, first request: 25 ms were measured, more than half of 50 ms"}},
		{bundles.EdgeRoutine, "cpu=off", cost(80, 99), nil},
		{bundles.EdgeRoutine, "startup=1ms", cost(1, 1), []string{"start-up: 0.90 ms were measured, more than half of 1.0 ms"}},
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
	l, err := bundles.NewLoad(s, false, nil)
	if err != nil {
		t.Fatal(err)
	}
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
	if r := l.Kinds[1].Requests[0]; !strings.HasPrefix(r.URL, "https://flags.example/api/frontend?") || !strings.Contains(r.URL, "properties%5B") {
		t.Errorf("the first request is %+v", r)
	}
	own, err := bundles.NewLoad(s, true, []string{"/a", "/b?x=1"})
	if err != nil || len(own.Kinds) != 2 {
		t.Fatalf("%+v, %v", own, err)
	}
	for i, path := range []string{"/a?", "/b?x=1&"} {
		for _, r := range own.Kinds[i].Requests {
			if !strings.HasPrefix(r.URL, "https://flags.example"+path) || r.Headers["cookie"] == "" || len(r.CF) == 0 {
				t.Errorf("a request of %q is %+v", own.Kinds[i].Name, r)
			}
		}
	}
	// Answers that are fixed depend on no context.
	on := encodeDocument(t, []byte(`{"version":2,"features":[{"name":"on","enabled":true,"strategies":[]}]}`), snapshot.Evaluated1)
	if fixed, err := bundles.NewLoad(on, false, nil); err != nil || fixed.Contexts != 1 || len(fixed.Kinds) != 2 {
		t.Errorf("evaluated: %+v, %v", fixed, err)
	}
}
