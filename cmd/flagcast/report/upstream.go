package report

import (
	"cmp"
	"io"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/printable"
)

// Upstream is how the definitions of one environment are.
type Upstream struct {
	Environment edgecore.Environment `json:"environment"`
	// State is "new" while upstream has not answered since the start, "restored"
	// if the flags of the state folder are in use then, "stale" if it has not
	// confirmed the flags for upstream.stale_after, "failing" if the last try has
	// failed, or "ok": the first of them that holds.
	State string `json:"state"`
	// Mode is how upstream is followed now: "stream", "delta" or "poll"; "" for a file.
	Mode      string    `json:"mode,omitempty"`
	LastOK    time.Time `json:"lastOk,omitzero"` // upstream last confirmed or changed the flags
	Failures  int       `json:"failures"`        // consecutive
	LastError string    `json:"lastError,omitempty"`
	Revision  uint64    `json:"revision"`
	Flags     int       `json:"flags"`
}

// printUpstreams writes a table, and below it what fails.
func printUpstreams(w io.Writer, list []Upstream, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	var report table
	paint := PainterOf(w)
	report.add("ENVIRONMENT", "UPSTREAM", "MODE", "CONFIRMED", "FAILURES", "REVISION", "FLAGS")
	for _, s := range list {
		confirmed := "never"
		if !s.LastOK.IsZero() {
			confirmed = ageOf(now.Sub(s.LastOK))
			if !strings.HasPrefix(confirmed, "in ") {
				confirmed += " ago"
			}
		}
		report.add(s.Environment, paintState(paint, s.State), cmp.Or(s.Mode, "file"), confirmed, s.Failures, s.Revision,
			s.Flags)
	}
	if err := report.print(w); err != nil {
		return err
	}
	for _, s := range list {
		if s.LastError != "" {
			printable.Fprintf(w, "%s: %s\n", s.Environment, s.LastError)
		}
	}
	printable.Fprintf(w, "\n")
	return nil
}
