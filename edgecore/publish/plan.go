package publish

import "time"

// verifyFor is how long after a put a read may still show something older,
// for a sink whose reads may be stale at all (KV reads are cached; Cloudflare
// says 60 s and more). Until then an older read is no reason to write again.
const verifyFor = 2 * time.Minute

// seen is what a read of the key has shown, or what was put since.
type seen struct {
	known   bool // the key has been read, or written, by this process
	fresh   bool // it was read in this pass
	absent  bool
	foreign bool // something is there that flagcast did not write, or not whole
	digest  string
	seq     uint64
	pinned  string
	at      time.Time // publishedAt
}

// written is the last put of this process.
type written struct {
	digest string
	seq    uint64
	pinned bool
	at     time.Time // when it was over
	until  time.Time // until then a read may show what was there before
	lost   bool      // the answer was lost: it may not have been applied
}

type action int

const (
	keep   action = iota // stored and wanted are the same
	read                 // read the key first
	await                // the own put is not visible yet: look again later
	pinned               // somebody holds this content
	put                  // the content is new
	mend                 // stored is missing, damaged or by another publisher
)

// plan decides what to do about one key whose reads may be stale for a while.
// It is the whole policy: equal content is never written, nothing is written
// unread, a pin is respected, and what was put is given time to become visible.
//
//	read in this pass  stored is                  own put         then
//	no                 not the wanted digest      -               read
//	no                 the wanted digest          -               keep
//	yes                older than a fresh put     of wanted       await
//	yes                older than a fresh put     a pin           pinned
//	yes                older than a fresh put     of other        put
//	yes                pinned                     -               pinned
//	yes                the wanted digest          -               keep
//	yes                anything else              of wanted       mend
//	yes                anything else              none, of other  put
func plan(want string, s seen, w written, now time.Time) action {
	equal := !s.absent && !s.foreign && s.digest == want
	switch {
	case !s.known, !s.fresh && (!equal || s.pinned != ""):
		return read
	case s.seq < w.seq && now.Before(w.until):
		switch {
		case w.pinned:
			return pinned
		case w.digest == want:
			return await
		}
		return put
	case s.pinned != "" && !s.foreign:
		return pinned
	case equal:
		return keep
	case w.seq != 0 && w.digest == want:
		return mend
	default:
		return put
	}
}
