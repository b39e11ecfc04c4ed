// Package report prints what commands have found: results of a sync, the state of
// targets and upstreams, histories and findings, for people, for programs as JSON,
// and for GitHub Actions. It gets plain values.
package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/printable"
)

// Targets is what GET /internal-backstage/targets and status --json give.
type Targets struct {
	// From is the source: "core", a running one, or "sinks", which have
	// nothing of lags and failures.
	From    string           `json:"from"`
	Targets []publish.Status `json:"targets"`
	// Upstreams are the environments of the targets; a core alone has them.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	// Redacted says that errors are given by their kind alone, because the API
	// of this core is public.
	Redacted bool `json:"redacted,omitempty"`

	ConfigArgument string `json:"-"` // of printed commands
}

// Verdict is the exit code of a report: a pin is what a person wants.
func (r *Targets) Verdict() error {
	troubled := 0
	for _, t := range r.Targets {
		if t.State != "ok" && t.State != "pinned" {
			troubled++
		}
	}
	for _, s := range r.Upstreams {
		if s.State != "ok" {
			troubled++
		}
	}
	if troubled > 0 {
		return exit.With(exit.Some,
			fmt.Errorf("%s are not ok", fmt.Sprintf("%d of the targets and upstreams", troubled)), "")
	}
	return nil
}

const keysShown = 10

// Print writes a table, and below it what a person has to know.
func (r *Targets) Print(w io.Writer, now time.Time, wide bool) error {
	if err := printUpstreams(w, r.Upstreams, now); err != nil {
		return err
	}
	if err := r.table(PainterOf(w), now, wide).print(w); err != nil {
		return err
	}
	for _, t := range r.Targets {
		for _, line := range t.Notes(r.ConfigArgument) {
			printable.Fprintf(w, "%s: %s\n", t.Target, line)
		}
		for _, line := range warnings(&t, now) {
			printable.Fprintf(w, "%s: warning: %s\n", t.Target, line)
		}
	}
	if r.Redacted && slices.ContainsFunc(r.Targets, func(s publish.Status) bool { return len(s.Notes("")) > 0 }) {
		fmt.Fprintln(w, "The core gives no details of errors, since its API is public: they are in its log. "+
			"With api.backstage.listen they are here, too.")
	}
	if r.From == "sinks" {
		fmt.Fprintln(w, "No core was asked: this is what the sinks have stored.")
	}
	return nil
}

// table has a row for each key.
func (r *Targets) table(paint printable.Painter, now time.Time, wide bool) *table {
	var made table
	if wide {
		made.add("TARGET", "STATE", "KEY", "REVISION", "SEQ", "DIGEST", "AGE", "BYTES", "STORED", "SEEN")
	} else {
		made.add("TARGET", "STATE", "KEY", "REVISION", "AGE", "BYTES", "STORED", "SEEN")
	}
	for _, t := range r.Targets {
		state := paintState(paint, t.State)
		for i, k := range t.Keys {
			if i == keysShown {
				made.add(t.Target, state, fmt.Sprintf("… and %d more", len(t.Keys)-i))
				break
			}
			digest, age := "-", "-"
			if k.Digest != "" {
				digest, age = fmt.Sprintf("%.12s", k.Digest), ageOf(now.Sub(k.PublishedAt))
			}
			stored, seen := lag(t.StoredLagMS), lag(t.SeenLagMS)
			if wide {
				made.add(t.Target, state, k.Key, k.Revision, k.Seq, digest, age, SizeText(k.Bytes, partOf(k, &t)),
					stored, seen)
			} else {
				made.add(t.Target, state, k.Key, k.Revision, age, k.Bytes, stored, seen)
			}
		}
	}
	return &made
}

// warnings says what will fail, or cannot be relied on; one of each kind.
func warnings(t *publish.Status, now time.Time) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	ahead := func(k publish.KeyStatus) bool { return k.PublishedAt.Sub(now) >= time.Second }
	if i := slices.IndexFunc(t.Keys, ahead); i >= 0 {
		add("set the clock of this machine, or of the publisher: %s was published %s after the time here",
			t.Keys[i].Key, span(t.Keys[i].PublishedAt.Sub(now)))
	}
	large := func(k publish.KeyStatus) bool { return partOf(k, t) >= nearLimit }
	if i := slices.IndexFunc(t.Keys, large); i >= 0 {
		add("%s takes %.0f %% of the bytes that the sink takes", t.Keys[i].Key, 100*partOf(t.Keys[i], t))
	}
	return lines
}

// nearLimit is the part of a sink's limit from which status warns.
const nearLimit = 0.8

// partOf is the part of the sink's limit that a snapshot takes, 0 where the sink
// has none.
func partOf(k publish.KeyStatus, t *publish.Status) float64 {
	if t.LimitBytes == 0 {
		return 0
	}
	return float64(k.Bytes) / float64(t.LimitBytes)
}

// paintState colors the state of a target or an upstream.
func paintState(paint printable.Painter, state string) printable.Painted {
	switch state {
	case "ok":
		return paint.Paint(printable.Plain, state)
	case "failing", "held":
		return paint.Paint(printable.Red, state)
	}
	return paint.Paint(printable.Yellow, state)
}

// ageOf is a time since something in at most two units. A time that has not
// come yet, by this clock, is "in 3m2s".
func ageOf(since time.Duration) string {
	if since <= -time.Second {
		return "in " + span(-since)
	}
	return span(max(since, 0))
}

// span is a length of time in at most two units, down to seconds.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// SizeText is a size with the part that it takes of a limit; 0: of none.
func SizeText(bytes int, part float64) string {
	if part == 0 {
		return fmt.Sprint(bytes)
	}
	return fmt.Sprintf("%d (%.1f %%)", bytes, 100*part)
}

func lag(ms *int64) string {
	if ms == nil {
		return "-"
	}
	d := time.Duration(*ms) * time.Millisecond
	switch {
	case d >= time.Minute:
		return span(d)
	case d >= time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.String()
}
