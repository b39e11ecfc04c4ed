package publish

import (
	"fmt"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// Status is how a target is, as GET /internal-backstage/targets gives it.
type Status struct {
	Target      string               `json:"target"`
	Sink        string               `json:"sink"`
	Environment edgecore.Environment `json:"environment"`
	Format      snapshot.Format      `json:"format"`
	// State is "failing", "held", "pinned", "unconfirmed" while definitions of
	// the state folder wait for upstream, "stale", "new" before the first pass,
	// "missing" where nothing is stored, "unverified" or "ok": the first of them
	// that is so.
	State       string      `json:"state"`
	Keys        []KeyStatus `json:"keys"`
	LimitBytes  int         `json:"limitBytes"` // largest snapshot that the sink takes; 0: any
	Failures    int         `json:"failures"`   // consecutive
	LastError   string      `json:"lastError,omitempty"`
	Hint        string      `json:"hint,omitempty"`       // what to do about LastError, which ends with it
	FailureKind string      `json:"-"`                    // what kind of failure LastError is; see Redacted
	LastSuccess time.Time   `json:"lastSuccess,omitzero"` // a pass found or made everything up to date
	// from the arrival of the last change until a read showed it; null until then
	StoredLagMS *int64        `json:"storedLagMs"`
	SeenLagMS   *int64        `json:"seenLagMs"`      // until every probe showed it
	Seen        []ProbeStatus `json:"seen,omitempty"` // what the probes said last
}

// KeyStatus is what is known of one key.
type KeyStatus struct {
	Key         sinks.Key `json:"key"`
	Digest      string    `json:"digest,omitempty"` // of what is stored; absent where nothing is, or before a read
	Seq         uint64    `json:"seq"`
	Revision    uint64    `json:"revision"`
	PublishedAt time.Time `json:"publishedAt,omitzero"`
	Bytes       int       `json:"bytes"`
	Verified    bool      `json:"verified"` // a read has shown it
	Pinned      string    `json:"pinned,omitempty"`
	Held        string    `json:"held,omitempty"`  // digest of the content that the guard holds back
	Waits       string    `json:"waits,omitempty"` // why new content waits for upstream
	// Contextual is how many flags of an evaluated snapshot depend on the
	// request and have one answer for all, where the target does not say what
	// becomes of them.
	Contextual int `json:"contextual,omitempty"`
}

// ProbeStatus is the last answer of a probe.
type ProbeStatus struct {
	Probe string    `json:"probe"`
	Seq   uint64    `json:"seq"` // 0: none
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"`
}

// Notes says in words what is wrong with a target, and what to do: that comes
// first, since the text of an error is long. Commands in it end with
// configArgument, such as " --config a.yaml".
func (s *Status) Notes(configArgument string) []string {
	var notes []string
	if s.Hint != "" {
		notes = append(notes, s.Hint)
	}
	last := sinks.WithoutHint(s.LastError, s.Hint)
	switch {
	case last != "" && s.Failures > 1:
		notes = append(notes, fmt.Sprintf("%d failures in a row, the last: %s", s.Failures, last))
	case last != "":
		notes = append(notes, last)
	}
	for _, k := range s.Keys {
		switch {
		case k.Held != "":
			notes = append(notes,
				fmt.Sprintf(
					"held: new content of %s would turn off most flags; if it is meant: flagcast sync --target %s "+
						"--accept %s%s", k.Key, s.Target, short(k.Held), configArgument))
		case k.Waits != "":
			notes = append(notes, fmt.Sprintf("%s %s", k.Key, k.Waits))
		case k.Pinned != "":
			notes = append(notes, fmt.Sprintf("pinned: %s (%s); it ends with: flagcast unpin --target %s%s", k.Key,
				k.Pinned, s.Target, configArgument))
		}
		if len(notes) > 5 {
			break
		}
	}
	for _, k := range s.Keys {
		if k.Contextual > 0 {
			notes = append(notes, fmt.Sprintf("warning: %s: %s", k.Key, ContextualNote(k.Contextual)))
			break
		}
	}
	for _, seen := range s.Seen {
		switch {
		case seen.Error != "":
			notes = append(notes, seen.Error)
		case len(s.Keys) > 0 && seen.Seq < s.Keys[0].Seq:
			notes = append(notes, fmt.Sprintf("probe %s shows seq %d", seen.Probe, seen.Seq))
		}
	}
	return notes
}

// ContextualNote says what is wrong with an evaluated snapshot that has flags
// which depend on the request, and what to do.
func ContextualNote(flags int) string {
	needs := fmt.Sprintf("%d flags depend on the request and have", flags)
	if flags == 1 {
		needs = "1 flag depends on the request and has"
	}
	return needs + " one answer for all here, off where a user is needed; if workers decide by user, publish rules/1," +
		" else set contextual of the target"
}

func short(digest string) string { return digest[:min(12, len(digest))] }
