package publish

import (
	"time"
)

// health is how a target has been doing.
type health struct {
	failures  int   // consecutive
	permanent bool  // the last of them
	err       error // of the last pass, nil
	held      bool
	pinned    bool
	// unconfirmed says that a key waits for upstream to confirm the definitions.
	unconfirmed bool
	stale       bool
	notified    bool      // of a trouble, and not yet that it is over
	succeeded   time.Time // the last pass that found or made everything up to date
	began       time.Time // of Run
}
