package publish

import (
	"fmt"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
)

// decide makes what is to be written.
func (p *Session) decide(s *keyPass, st *state.State, now time.Time) {
	if s.Err != nil {
		return
	}
	s.Stored, s.Before, s.Base, s.waitsFor = s.stored, len(s.stored), s.base(), ""
	switch {
	case s.decision == write || s.decision == repair:
		if s.Err = s.encode(st, now, true); s.Err != nil {
			return
		}
		s.Wanted, s.due = s.snap, true
		if s.waitsFor = p.unconfirmed(s.keyState, st); s.waitsFor != "" {
			s.Action, s.Text, s.due = ActionUnconfirmed, s.waitsFor, false
		}
	case s.decision == pinned, s.decision == reassert && s.read.pinned != "":
		s.Action, s.Text = ActionPinned, s.keyState.meta.Pinned
	}
}

// renewDue has what is stored written again where that is to be done, and nothing
// takes its place.
func (p *Session) renewDue(s *keyPass, now time.Time) {
	s.beat = s.Err == nil && !s.due && s.decision != waitVisible && p.heartbeatDue(s.keyState, now)
	if s.beat || s.Err == nil && s.decision == reassert {
		s.due, s.again = true, true
	}
}

// heartbeatDue reports whether what is stored must be written again.
func (p *Session) heartbeatDue(c *keyState, now time.Time) bool {
	return p.target.Heartbeat > 0 && c.read.known && !c.read.absent && !c.read.foreign && c.stored != nil &&
		c.current(now) && !now.Before(c.read.at.Add(p.target.Heartbeat))
}

// unconfirmed says why a write has to wait until upstream confirms the
// definitions; "" if it may go on. Definitions from the state folder may be
// older than what another process has published since: they do not replace a
// snapshot of a higher revision, or one published after they arrived where
// one of the two has no revision.
func (p *Session) unconfirmed(c *keyState, st *state.State) string {
	ours := snapshot.Meta{
		Environment: st.Definitions.Environment, Revision: st.Definitions.Revision, PublishedAt: st.Since,
	}
	if newer := newerThan(ours, c.newestMeta()); st.Restored && newer != "" {
		return "waits for upstream to confirm the definitions of the state folder: " + newer
	}
	return ""
}

// newerThan says how what is stored is newer than content of the same
// environment, "" if it is not: by its revision, or by the time where one has no
// revision. A PublishedAt of content that was not published is when its
// definitions arrived.
func newerThan(content, stored snapshot.Meta) string {
	switch {
	case content.Environment != stored.Environment:
		return ""
	case content.Revision > 0 && stored.Revision > 0:
		if stored.Revision > content.Revision {
			return fmt.Sprintf("revision %d is stored, this is revision %d", stored.Revision, content.Revision)
		}
	case stored.PublishedAt.After(content.PublishedAt):
		return fmt.Sprintf("what is stored was published at %s, this is of %s",
			stored.PublishedAt.UTC().Format(time.RFC3339), content.PublishedAt.UTC().Format(time.RFC3339))
	}
	return ""
}
