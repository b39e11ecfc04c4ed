package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// TestKindOf: each kind of failure has words of its own, none of which is from
// the text of the error.
func TestKindOf(t *testing.T) {
	kinds := map[string]string{}
	for name, err := range map[string]error{
		"size":      &sinks.TooLargeError{Size: 2, Limit: 1},
		"not ready": state.ErrNotReady,
		"permanent": sinks.ErrPermanent,
		"ambiguous": sinks.ErrAmbiguous,
		"time":      context.DeadlineExceeded,
		"other":     errors.New("503"),
	} {
		kind := kindOf(fmt.Errorf("put %q to account s3cr3t: %w", "key", err))
		if other := kinds[kind]; other != "" || kind == "" || strings.Contains(kind, "s3cr3t") {
			t.Errorf("%s and %s are told as %q", name, other, kind)
		}
		kinds[kind] = name
	}
}

// TestRedacted: the texts of errors are gone, everything else is kept, and the
// status itself does not change.
func TestRedacted(t *testing.T) {
	s := Status{
		Target: "web", State: "failing", Failures: 3, LastError: "put to s3cr3t: allow s3cr3t", Hint: "allow s3cr3t",
		FailureKind: "the sink refuses",
		Seen: []ProbeStatus{
			{Probe: "https://w.example/status", Error: "proxy s3cr3t"}, {Probe: "https://x.example", Seq: 7},
		},
	}
	r := s.Redacted()
	if text := fmt.Sprint(r, r.Notes("")); strings.Contains(text, "s3cr3t") ||
		!strings.Contains(text, "the sink refuses") ||
		!strings.Contains(text, "3 failures in a row") || r.Seen[1].Error != "" || r.Seen[1].Seq != 7 ||
		r.Target != "web" {
		t.Errorf("%s", text)
	}
	if s.LastError != "put to s3cr3t: allow s3cr3t" || s.Hint != "allow s3cr3t" || s.Seen[0].Error != "proxy s3cr3t" {
		t.Errorf("the status itself is changed: %+v", s)
	}
	if notes := s.Notes(""); notes[0] != "allow s3cr3t" || notes[1] != "3 failures in a row, the last: put to s3cr3t" {
		t.Errorf("what to do is not first: %q", notes)
	}
	if ok := (Status{State: "ok"}).Redacted(); ok.LastError != "" {
		t.Errorf("%+v", ok)
	}
}
