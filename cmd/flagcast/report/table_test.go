package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

var reportTime = time.Date(2026, 1, 31, 12, 3, 2, 0, time.UTC)

func ms(n int64) *int64 { return &n }

// ordinary is a report of a core with contents such as those of an ordinary
// installation, and one target whose sink fails.
func ordinary() *Targets {
	at := reportTime.Add(-3*time.Minute - 2*time.Second)
	key := publish.KeyStatus{
		Key: "unleash-rules", Digest: "e39306676ac8aa01", Seq: 1769860800123, Revision: 1042, PublishedAt: at,
		Bytes: 53200,
	}
	ahead, old := key, key
	ahead.PublishedAt = reportTime.Add(2*time.Hour + 4*time.Minute + 5*time.Second)
	old.PublishedAt, old.Bytes = reportTime.Add(-75*time.Hour), 1_500_000
	return &Targets{
		From: "core",
		Upstreams: []Upstream{
			{
				Environment: "production", State: "ok", Mode: "stream", LastOK: reportTime.Add(-4 * time.Second), Revision: 1042,
				Flags: 412,
			},
			{
				Environment: "development", State: "failing", Mode: "poll", LastOK: reportTime.Add(30 * time.Second), Failures: 12,
				Revision: 998, Flags: 430,
			},
		},
		Targets: []publish.Status{
			{
				Target: "web-cf", State: "ok", Keys: []publish.KeyStatus{key}, LimitBytes: 25 << 20,
				StoredLagMS: ms(412),
				SeenLagMS:   ms(14249),
			},
			{Target: "web-esa", State: "unverified", Keys: []publish.KeyStatus{ahead}, LimitBytes: 1_800_000},
			{
				Target: "web-dcdn", State: "failing", Keys: []publish.KeyStatus{old}, LimitBytes: 1_800_000,
				Failures: 3,
				LastError: `read "unleash-rules" in cn: 403 Forbidden.RAM, request 8A6B, "User not authorized to ` +
					`operate on the specified resource": allow dcdn:GetDcdnKv`,
				Hint: "allow dcdn:GetDcdnKv", StoredLagMS: ms(91500),
			},
		},
	}
}

// TestStatusReport: the tables fit a terminal, a time ahead of the clock is
// said in words, and of a failure what to do comes first.
func TestStatusReport(t *testing.T) {
	var out bytes.Buffer
	if err := ordinary().Print(&out, reportTime, false); err != nil {
		t.Fatal(err)
	}
	const want = `ENVIRONMENT  UPSTREAM  MODE    CONFIRMED  FAILURES  REVISION  FLAGS
production   ok        stream  4s ago     0         1042      412
development  failing   poll    in 30s     12        998       430

TARGET    STATE       KEY            REVISION  AGE      BYTES    STORED  SEEN
web-cf    ok          unleash-rules  1042      3m2s     53200    412ms   14.2s
web-esa   unverified  unleash-rules  1042      in 2h4m  53200    -       -
web-dcdn  failing     unleash-rules  1042      3d3h     1500000  1m31s   -
web-esa: warning: set the clock of this machine, or of the publisher: unleash-rules was published 2h4m after the time here
web-dcdn: allow dcdn:GetDcdnKv
web-dcdn: 3 failures in a row, the last: read "unleash-rules" in cn: 403 Forbidden.RAM, request 8A6B, "User not authorized to operate on the specified resource"
web-dcdn: warning: unleash-rules takes 83 % of the bytes that the sink takes
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	checkWidth(t, out.String(), "ENVIRONMENT", "TARGET")
	var wide bytes.Buffer
	if err := ordinary().Print(&wide, reportTime, true); err != nil {
		t.Fatal(err)
	}
	const row = "web-cf    ok          unleash-rules  1042      1769860800123  e39306676ac8  3m2s     53200 (0.2 %)"
	if !strings.Contains(wide.String(), row) {
		t.Errorf("--wide does not show\n%s\nbut\n%s", row, &wide)
	}
}

// checkWidth fails for tables that are wider than a terminal. A table begins
// with one of the headings and has as many lines as begin without a colon.
func checkWidth(t *testing.T, report string, headings ...string) {
	t.Helper()
	found := 0
	for _, heading := range headings {
		_, table, ok := strings.Cut("\n"+report, "\n"+heading)
		if !ok {
			t.Errorf("no table begins with %q:\n%s", heading, report)
		}
		for line := range strings.Lines(heading + table) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || strings.Contains(line, ": ") {
				break
			}
			found++
			if n := utf8.RuneCountInString(line); n > Width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
	if found <= len(headings) {
		t.Errorf("only %d lines of tables:\n%s", found, report)
	}
}

// TestHistoryReport: the place to pin from fits beside the time, and the reason
// of a pin has a line of its own.
func TestHistoryReport(t *testing.T) {
	entry := func(seq uint64, hours int, digest, pinned string) publish.Entry {
		return publish.Entry{
			Seq: seq, At: reportTime.Add(-time.Duration(hours) * time.Hour), Digest: digest, Revision: 1042,
			Bytes: 53200, Pinned: pinned,
		}
	}
	k := History{Target: "web-cf", Sink: "backup", Key: "unleash-rules", Stored: "b", Entries: []publish.Entry{
		entry(1769860800125, 1, "b", "INC-7, the checkout is broken"), entry(1769860800124, 2, "a", ""),
		entry(1769860800123, 3, "b", ""),
	}}
	var out bytes.Buffer
	if err := k.Print(&out); err != nil {
		t.Fatal(err)
	}
	const want = `web-cf: unleash-rules
  PUBLISHED             REVISION  BYTES  FROM
> 2026-01-31T11:03:02Z  1042      53200  sink:backup/unleash-rules_1769860800125
    pinned: INC-7, the checkout is broken
  2026-01-31T10:03:02Z  1042      53200  sink:backup/unleash-rules_1769860800124
  2026-01-31T09:03:02Z  1042      53200  sink:backup/unleash-rules_1769860800123
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestCheckReport: what does not fit into a line is below it, what to do first,
// and the last line counts.
func TestCheckReport(t *testing.T) {
	failed := Found(`sink "cf": write`, advisedError{}, "")
	findings := []Finding{
		Found(`upstream, environment "production"`, nil, "412 flags, revision 1042, in 31 ms"),
		Found(`sink "cf": read`, nil, ""),
		failed,
		{What: `target "web-cf", key unleash-rules`, Result: "warning", Text: publish.ContextualNote(3)},
		Found(`target "web-cf", key unleash-rules`, nil, "412 flags, 53200 bytes (0.2 %)"),
	}
	var out bytes.Buffer
	Findings(&out, findings)
	want := `ok       upstream, environment "production": 412 flags, revision 1042, in 31 ms
ok       sink "cf": read
FAILED   sink "cf": write
         check api_token
         cloudflare: put "flagcast-check": 403 (permanent)
WARNING  target "web-cf", key unleash-rules
         ` + publish.ContextualNote(3) + `
ok       target "web-cf", key unleash-rules: 412 flags, 53200 bytes (0.2 %)
5 checks: 3 ok, 1 warning, 1 failed
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// advisedError is an error of a sink that says what to do.
type advisedError struct{}

func (advisedError) Error() string {
	return `cloudflare: put "flagcast-check": 403; check api_token (permanent)`
}
func (advisedError) Hint() string { return "check api_token" }

func TestPlanReport(t *testing.T) {
	one := Result{
		Target: "web-cf", Sink: "cf", Key: "unleash-rules", Action: "published", DryRun: true, Before: 53100,
		Bytes: 53200, Limit: 25 << 20,
		Changes: []Change{
			{"+", "new-checkout", "on if country IN 4 values"},
			{"!!", "search", "on -> OFF for everyone"},
			{"-", "old", ""},
		},
	}
	failed := Result{
		Target: "web-esa", Sink: "esa", Key: "unleash-rules", Action: "failed", Error: advisedError{}.Error(),
		Hint: "check api_token",
	}
	var out bytes.Buffer
	Results(&out, []Result{one, failed}, true)
	const want = `web-cf: would be published (unleash-rules in cf, 53100 -> 53200 bytes)
  !! search on -> OFF for everyone
  + new-checkout on if country IN 4 values
  - old
web-esa: FAILED (unleash-rules in esa)
  check api_token
  cloudflare: put "flagcast-check": 403 (permanent)
Plan: 1 write, 53200 bytes, 3 changed flags, 1 to look at twice (!!). Nothing was written.
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	one.Limit = 60_000
	if sizes := one.sizes(); sizes != "53100 -> 53200 of 60000 bytes" {
		t.Errorf("near the limit the sizes are %q", sizes)
	}
}

// TestTimes: no time is negative, or has more than two units.
func TestTimes(t *testing.T) {
	const day = 24 * time.Hour
	for since, want := range map[time.Duration]string{
		0: "0s", 900 * time.Millisecond: "0s", -400 * time.Millisecond: "0s", 59 * time.Second: "59s",
		3*time.Minute + 2*time.Second: "3m2s", 5*time.Hour + 59*time.Minute + 59*time.Second: "5h59m",
		26 * time.Hour: "1d2h", 400 * day: "400d0h",
		-time.Second: "in 1s", -3*time.Minute - 2*time.Second: "in 3m2s", -400 * day: "in 400d0h",
	} {
		if got := ageOf(since); got != want {
			t.Errorf("%s: %q, want %q", since, got, want)
		}
	}
	for millis, want := range map[int64]string{0: "0s", 412: "412ms", 14249: "14.2s", 91500: "1m31s"} {
		if got := lag(&millis); got != want {
			t.Errorf("%d ms: %q, want %q", millis, got, want)
		}
	}
}

// TestTable: colors count for no width.
func TestTable(t *testing.T) {
	paint := printable.Painter(true)
	var made table
	made.add("A", "STATE", "KEY")
	made.add("größe\n", paint.Paint(printable.Red, "held"), sinks.Key("k"))
	made.add("x", "ok", "key", 7)
	made.add("alone in its row, and longer than the columns")
	var out bytes.Buffer
	if err := made.print(&out); err != nil {
		t.Fatal(err)
	}
	const want = "A        STATE  KEY\ngröße\\n  \x1b[31mheld\x1b[0m   k\nx        ok     key  7\nalone in its row, " +
		"and longer than the columns\n"
	if out.String() != want {
		t.Errorf("got\n%q, want\n%q", out.String(), want)
	}
}
