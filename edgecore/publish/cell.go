package publish

import (
	"errors"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// cell is what a publisher knows of one key. The publisher's goroutine owns it.
type cell struct {
	Cell
	seen   seen
	newest newest
	stored []byte        // the snapshot that was read or written last, nil where there is none
	meta   snapshot.Meta // of it

	put      time.Time // when the last put was over
	verified bool      // a read has shown it
	tried    string    // digest of a put that has failed
	sent     uint64    // highest seq that was sent, arrived or not
	held     string    // digest that the guard has stopped
	history  []byte    // written and not yet in the history
	replaced []byte    // what was stored before that, nil for nothing

	program *eval.Program // what want and snap were made of
	want    string        // digest of the wanted content
	snap    *snapshot.Snapshot
}

// encode makes the wanted content unless it is known. When only its digest is
// needed, that of the same program is taken until a DATE constraint flips.
func (c *cell) encode(st *state.State, now time.Time, whole bool) error {
	if c.program == st.Program && c.want != "" && (!whole || c.snap != nil) {
		return nil
	}
	snap, err := snapshot.Encode(st.Definitions, st.Program, c.Spec, now)
	if err != nil {
		return fmt.Errorf("%w: %w", err, sinks.ErrPermanent)
	}
	c.program, c.want, c.snap = st.Program, snap.Digest, &snap
	return nil
}

// look notes what a read has shown. problem says why what is stored is no
// snapshot.
func (c *cell) look(body []byte, err error, now time.Time, stale time.Duration) (problem, failure error) {
	switch {
	case errors.Is(err, sinks.ErrNotFound):
		c.seen = seen{known: true, fresh: true, absent: true}
		return nil, nil
	case err != nil:
		c.seen.known = false
		return nil, err
	}
	meta, err := snapshot.Open(body)
	// A damaged snapshot may still tell its seq, and readers may have seen it
	// whole: stay above.
	c.seen = seen{known: true, fresh: true, foreign: err != nil, digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned, at: meta.PublishedAt}
	if err != nil {
		return err, nil
	}
	if c.settled(now) || c.seen.seq >= c.meta.Seq {
		c.stored, c.meta = body, meta
	}
	if meta.Seq > c.newest.seq {
		c.newest = newest{digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned != "", until: now.Add(stale)}
	}
	return nil, nil
}

// seq returns that of the next write.
func (c *cell) seq(now time.Time) uint64 {
	return snapshot.NextSeq(max(c.seen.seq, c.newest.seq, c.sent), now)
}

// wrote notes what was put.
func (c *cell) wrote(body []byte, meta snapshot.Meta, now time.Time, stale time.Duration) {
	c.newest, c.put = newest{digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned != "", until: now.Add(stale)}, now
	c.seen = seen{known: true, digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned, at: meta.PublishedAt}
	c.stored, c.meta, c.verified, c.tried = body, meta, false, ""
}

// lost notes that a put may have been applied, or may be until its deadline:
// only a read can tell.
func (c *cell) lost(meta snapshot.Meta, now, deadline time.Time) {
	c.newest, c.put = newest{digest: meta.Digest, seq: meta.Seq, pinned: meta.Pinned != "", until: deadline, lost: true}, now
	c.seen.known, c.verified = false, true // nothing to verify; the next pass reads
}

// settled tells whether what a read has shown is stored now: the newest, or an
// older one that has come late and taken its place.
func (c *cell) settled(now time.Time) bool {
	return c.seen.seq >= c.newest.seq || !now.Before(c.newest.until)
}

// shown tells whether the last read has shown the last put, or something newer.
func (c *cell) shown() bool {
	return !c.seen.absent && !c.seen.foreign && c.seen.seq >= c.newest.seq
}
