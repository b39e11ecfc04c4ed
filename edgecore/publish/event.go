package publish

import (
	"time"

	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/sinks"
)

// Kind of an event.
type Kind string

// Kinds of events. Published to Unpinned concern what is stored, the others
// how a target is.
const (
	Published  Kind = "published"  // new content was written
	Repaired   Kind = "repaired"   // what was stored was not what flagcast had written
	Held       Kind = "held"       // the guard has stopped a write that would empty the edge
	Pinned     Kind = "pinned"     // a person has put content there and holds it (Rewrite)
	Unpinned   Kind = "unpinned"   // a person has taken the pin off
	Failed     Kind = "failed"     // a pass has failed
	Stale      Kind = "stale"      // the target has not been brought up to date for too long
	Unverified Kind = "unverified" // a put was accepted and no read has shown it
	Recovered  Kind = "recovered"  // after Failed, Held or Stale: the target is up to date again
)

// Event is what has happened to one target. It holds no secret.
type Event struct {
	Time   time.Time
	Kind   Kind
	Target string
	Sink   string
	// Key is the key that it concerns, "" for an event of a whole matrix.
	Key      sinks.Key
	Seq      uint64 // of what is stored, 0 where nothing is
	Digest   string // of the content that was written, held or pinned
	Revision uint64 // of the definitions
	Bytes    int    // written
	Changes  []flagdiff.Change
	// Text is for people: the error of a failure, why something is held, the
	// reason that was given for a pin.
	Text string
	// Failures is the number of consecutive failed passes.
	Failures int
	// Permanent says of Failed that repeating the pass does not help: a credential,
	// a right, a setting or a size must be changed.
	Permanent bool
}

// Listener takes events. It is called in the loop of a target and must not
// wait; several loops call it at once.
type Listener interface{ Event(e Event) }
