package publish

import (
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// read is what a read of the key has shown, or what was put since.
type lastRead struct {
	known   bool // the key has been read, or written, by this process
	fresh   bool // it was read in this pass
	absent  bool
	foreign bool          // something is there that flagcast did not write, or not whole
	meta    snapshot.Meta // as it claims to be
	digest  string
	seq     uint64
	pinned  string
	at      time.Time // publishedAt, of a future one when it was first read
}

// newest is the snapshot with the highest seq that is known to have been stored:
// the last put of this process, or what a read has shown since. Readers order
// by seq and may have it, whatever has come late and taken its place.
type newest struct {
	digest string
	seq    uint64
	pinned bool
	until  time.Time // until then a read may show what was there before
	lost   bool      // a put whose answer was lost: it may not have been applied
}

type decision int

const (
	skip        decision = iota // stored and wanted are the same
	read                        // read the key first
	waitVisible                 // the own put is not visible yet: look again later
	pinned                      // a person holds this content
	reassert                    // it is right, and readers may have something newer: write it again above that
	write                       // the content is new
	repair                      // stored is missing, damaged or by another publisher
)

// plan decides what to do about one key whose reads may be stale for a while.
// It is the whole policy: equal content is not written unless readers may have
// something newer, nothing is written unread, a pin is respected, and what was
// put is given time to become visible.
//
//	read in this pass  stored is                      newest known    then
//	no                 the wanted digest, newest      -               keep
//	no                 anything else                  -               read
//	yes                older, and may be a stale read of wanted       await
//	yes                older, and may be a stale read a pin           pinned
//	yes                older, and may be a stale read of other        put
//	yes                pinned or wanted, but older    -               lift
//	yes                pinned                         -               pinned
//	yes                the wanted digest              -               keep
//	yes                anything else                  of wanted       repair
//	yes                anything else, and the last put was of wanted  repair
//	yes                anything else                  none, of other  put
func plan(want, mine string, s lastRead, n newest, now time.Time) decision {
	equal := !s.absent && !s.foreign && s.digest == want
	isPinned := !s.absent && !s.foreign && s.pinned != ""
	switch {
	case !s.known, !s.fresh && (!equal || isPinned || s.seq < n.seq):
		return read
	case s.seq < n.seq && now.Before(n.until):
		switch {
		case n.pinned:
			return pinned
		case n.digest == want:
			return waitVisible
		}
		return write
	case (isPinned || equal) && s.seq < n.seq:
		return reassert
	case isPinned:
		return pinned
	case equal:
		return skip
	case n.seq != 0 && (n.digest == want || mine == want):
		return repair
	default:
		return write
	}
}
