package publish

import (
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// Outcome is what one pass has done about one key.
type Outcome struct {
	Target string
	Sink   string
	Key    sinks.Key
	Action Action
	Digest string // of the wanted content
	Seq    uint64 // of what is stored, 0 for nothing
	Before int    // bytes that are stored before
	Bytes  int    // of what was written, or would be
	// Changes says what is written, or held, in the language of flags.
	Changes []flagdiff.Change
	// Text says why: of a pin its reason, of what is held what it would do, of
	// what is unconfirmed what it waits for.
	Text string
	Err  error

	// Wanted is the content, nil where nothing had to be written, and Stored
	// what is stored before.
	Wanted *snapshot.Snapshot
	Stored []byte
	Base   Base // what the read has shown
}

// keyPass is one key in one pass.
type keyPass struct {
	*keyState
	*Outcome
	decision decision
	// Flags that are on: for readers now, once the content is written, and those
	// that the write takes from them.
	before, after, taken flagSet

	due   bool // to be put
	again bool // what is stored, above what readers may have
	beat  bool // and it is time for its heartbeat
	body  []byte
	meta  snapshot.Meta
}
