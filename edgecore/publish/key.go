package publish

import (
	"errors"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// keyState is what a session remembers of one key. The publisher's goroutine owns it.
type keyState struct {
	Output
	read   lastRead
	newest newest
	stored []byte        // the snapshot that was read or written last, nil where there is none
	meta   snapshot.Meta // of it
	// lostFlags are the flags that readers have lost within the guard's window.
	departed lostFlags
	waitsFor string // why definitions that upstream has not confirmed are not written
	// revision is the highest one that a read has shown for this environment. A
	// later write with the same content may have a lower one.
	revision uint64
	// reported is the seq of what is stored that a warning about it has named.
	reported uint64

	lastPut       time.Time // when the last put was over
	verified      bool      // a read has shown it
	failedDigest  string    // digest of a put that has failed
	sent          uint64    // highest seq that was sent, arrived or not
	lastWanted    string    // digest of the last content that this process has stored
	reportedRival uint64    // seq of another publisher's write that was reported last
	reportedAhead uint64    // seq of what was reported as ahead of the clock last
	heldDigest    string    // digest that the guard has stopped
	history       []byte    // written and not yet in the history
	replaced      []byte    // what was stored before that, nil for nothing
	unlisted      []uint64  // seqs of objects in the history that its list does not name yet

	program *eval.Program // what want and snap were made of
	wanted  string        // digest of the wanted content
	snap    *snapshot.Snapshot
	// problems are what the wanted content cannot hold of the flags.
	problems []edgecore.Problem
}

// encode makes the wanted content unless it is known. When only its digest is
// needed, that of the same program is taken until a DATE constraint flips.
func (c *keyState) encode(st *state.State, now time.Time, whole bool) error {
	if c.program == st.Program && c.wanted != "" && (!whole || c.snap != nil) {
		return nil
	}
	snap, err := snapshot.Encode(st.Definitions, st.Program, c.Spec, now)
	if err != nil {
		return fmt.Errorf("%w: %w", err, sinks.ErrPermanent)
	}
	c.program, c.wanted, c.snap, c.problems = st.Program, snap.Digest, &snap, snap.Problems
	return nil
}

// observe notes what a read has shown. problem says why what is stored is not a
// snapshot.
func (c *keyState) observe(body []byte, err error, now time.Time, stale time.Duration) (problem, failure error) {
	switch {
	case errors.Is(err, sinks.ErrNotFound):
		c.read = lastRead{known: true, fresh: true, absent: true}
		return nil, nil
	case errors.Is(err, sinks.ErrOversized):
		c.read = lastRead{known: true, fresh: true, foreign: true}
		return fmt.Errorf("%w: %w", snapshot.ErrForeign, err), nil
	case err != nil:
		c.read.known = false
		return nil, err
	}
	meta, err := snapshot.Open(body)
	if err == nil {
		err = readable(body, meta.Format)
	}
	// A damaged snapshot may still have its seq, and readers may have seen it
	// whole: stay above.
	c.read = lastRead{
		known: true, fresh: true, foreign: err != nil, meta: meta, digest: meta.Digest, seq: meta.Seq,
		pinned: meta.Pinned,
		at:     c.publishedAt(meta, now),
	}
	if err != nil {
		return err, nil
	}
	if meta.Environment == c.Spec.Environment {
		c.revision = max(c.revision, meta.Revision)
	}
	decided := meta.Pinned != "" || c.heldDigest != "" && c.heldDigest == meta.Digest
	if decided { // by a person: for this content, or against the guard
		c.lastWanted = ""
		c.departed.restart()
	}
	if c.current(now) || c.read.seq >= c.meta.Seq {
		if !decided && c.stored != nil && meta.Digest != c.meta.Digest { // another process has replaced it
			c.departed.note(c.flagsOn(now).without(flagsOn(body, now)), now)
		}
		c.stored, c.meta = body, meta
	}
	if meta.Seq > c.newest.seq {
		c.newest = newest{digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned != "", until: now.Add(stale)}
	}
	return nil, nil
}

// publishedAt returns when what is stored was published. A time in the future
// comes from a wrong clock: then it is when this process has first read it.
func (c *keyState) publishedAt(meta snapshot.Meta, now time.Time) time.Time {
	switch {
	case !meta.PublishedAt.After(now):
		return meta.PublishedAt
	case c.read.seq == meta.Seq && !c.read.at.IsZero():
		return c.read.at
	default:
		return now
	}
}

// clockTolerance is how far ahead of the clock a time may be without a warning.
const clockTolerance = time.Minute

// aheadOfClock returns how far what was read is ahead of the clock, by its
// publishedAt or its seq; 0 for not, or within clockTolerance.
func (c *keyState) aheadOfClock(now time.Time) time.Duration {
	if c.read.absent {
		return 0
	}
	ahead := c.read.meta.PublishedAt.Sub(now)
	if most := now.Add(100 * 365 * 24 * time.Hour); c.read.seq > uint64(most.UnixMilli()) {
		ahead = max(ahead, most.Sub(now)) // a Duration holds no more than 292 years
	} else {
		ahead = max(ahead, time.UnixMilli(int64(c.read.seq)).Sub(now))
	}
	if ahead <= clockTolerance {
		return 0
	}
	return ahead
}

// conflicts reports whether another process has replaced what this one has
// stored and still wants: a second publisher, or the same with other settings.
func (c *keyState) conflicts() bool {
	return !c.read.absent && !c.read.foreign && c.read.pinned == "" &&
		c.lastWanted != "" && c.lastWanted == c.wanted && c.read.digest != c.wanted && c.read.seq > c.sent
}

// newestMeta returns the meta data of the newest snapshot that is known to have
// been stored, which may be damaged now, with the highest revision of all that
// were read.
func (c *keyState) newestMeta() snapshot.Meta {
	if c.read.absent {
		return snapshot.Meta{}
	}
	meta := c.read.meta
	if c.stored != nil && c.meta.Seq > c.read.seq {
		meta = c.meta
	}
	if meta.Environment == c.Spec.Environment && meta.Revision > 0 {
		meta.Revision = max(meta.Revision, c.revision)
	}
	return meta
}

// seq returns that of the next write.
func (c *keyState) seq(now time.Time) uint64 {
	return snapshot.NextSeq(max(c.read.seq, c.newest.seq, c.sent), now)
}

// wrote notes what was put.
func (c *keyState) wrote(body []byte, meta snapshot.Meta, now time.Time, stale time.Duration) {
	c.newest, c.lastPut = newest{digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned != "", until: now.Add(stale)},
		now
	c.read = lastRead{
		known: true, meta: meta, digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned, at: meta.PublishedAt,
	}
	c.stored, c.meta, c.verified, c.failedDigest = body, meta, false, ""
}

// lost notes that a put may have been applied, or may be until its deadline:
// only a read can show it.
func (c *keyState) lost(meta snapshot.Meta, now, deadline time.Time) {
	c.newest, c.lastPut = newest{
		digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned != "", until: deadline, lost: true,
	}, now
	c.read.known, c.verified = false, true // nothing to verify; the next pass reads
}

// current reports whether what a read has shown is stored now: the newest, or an
// older one that has come late and taken its place.
func (c *keyState) current(now time.Time) bool {
	return c.read.seq >= c.newest.seq || !now.Before(c.newest.until)
}

// shown reports whether the last read has shown the last put, or something newer.
func (c *keyState) shown() bool {
	return !c.read.absent && !c.read.foreign && c.read.seq >= c.newest.seq
}

// found reports whether a read has shown a put whose answer was lost, for the
// first time. From then on it is as any other.
func (c *keyState) found() bool {
	if !c.newest.lost || c.read.absent || c.read.foreign || c.read.seq != c.newest.seq ||
		c.read.digest != c.newest.digest {
		return false
	}
	c.newest.lost = false
	return true
}

// stopped reports whether the guard or a pin keeps new content from a key.
func (c *keyState) stopped() bool {
	return c.heldDigest != "" || c.stored != nil && c.meta.Pinned != ""
}

// recheck notes what a read has shown, and reports whether that is something
// else than before. A read that may be stale changes nothing.
func (c *keyState) recheck(body []byte, err error, now time.Time, stale time.Duration) (changed bool, failure error) {
	before := c.read
	if _, err := c.observe(body, err, now, stale); err != nil {
		c.read = before
		return false, err
	}
	if !c.current(now) {
		c.read = before
		return false, nil
	}
	return c.read.absent != before.absent || c.read.foreign != before.foreign ||
		c.read.digest != before.digest || c.read.seq != before.seq || c.read.pinned != before.pinned, nil
}

// base is what a plan notes of a key that has been read.
func (c *keyState) base() Base {
	if c.read.absent || c.read.foreign {
		return Base{}
	}
	return Base{c.read.digest, c.read.seq}
}

// flagsOn returns the flags that are on for some request in what is stored, nil
// where this process has not seen a snapshot.
func (c *keyState) flagsOn(now time.Time) flagSet { return flagsOn(c.stored, now) }

// Base says what was stored at a read. The zero value is nothing,
// or what is not a snapshot.
type Base struct {
	Digest string `json:"digest"`
	Seq    uint64 `json:"seq"`
}
