package publish

import (
	"log/slog"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Session is what is known of one target, and publishes it pass by pass (Once). It
// is for one goroutine, but for Status. A Publisher has a session of its own;
// commands use one without.
type Session struct {
	target  Target
	states  States
	options Options
	log     *slog.Logger
	metrics *Metrics

	keys   []*keyState
	last   *edgecore.Definitions // what the last pass was about
	flip   time.Time             // of the next DATE constraint, zero for none
	health health
	// caughtUp says that the history was compared with what is stored.
	caughtUp bool
	// problems are those of the last pass: each is logged once.
	problems map[edgecore.Problem]bool
	// unshown counts the puts, in a row, that were accepted and never shown.
	unshown int
	// rechecked is where the next recheck begins among the keys that are held or pinned.
	rechecked int

	since   time.Time       // the arrival of the change that was put last, zero once it is verified
	pending chan pendingPut // to the goroutine that watches the edge; nil without Run
	view    view
}

// pendingPut is a put to be watched for.
type pendingPut struct {
	seq   uint64
	since time.Time // the change's arrival
	put   time.Time
}
