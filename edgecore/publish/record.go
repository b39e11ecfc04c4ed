package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// finish sets the action of every key, then logs, emits events and archives.
func (p *Session) finish(ctx context.Context, steps []*keyPass, st *state.State, since time.Time) error {
	var failed error
	others, unsure, found := 0, false, uint64(0)
	for _, s := range steps {
		switch {
		case s.Err != nil:
			s.Action = ActionFailed
			if failed != nil {
				others++
				continue
			}
			failed = s.Err
			continue
		case s.decision == waitVisible:
			s.Action = ActionWaiting
			unsure = unsure || s.newest.lost
		case s.Action == "":
			s.Action = ActionUnchanged
		}
		if actionTable[s.Action].decided {
			s.heldDigest = ""
		}
		if s.Action == ActionUnchanged {
			s.failedDigest = ""
		}
		if s.read.fresh && s.shown() {
			s.verified = true
		}
		if s.Action == ActionPublished && !s.due {
			found = s.read.seq
		}
	}
	if found > 0 {
		p.recordAccepted(found, since)
	}
	p.recordVisible(time.Now())
	if others > 0 {
		failed = fmt.Errorf("%w (and %d more of %d keys)", failed, others, len(steps))
	}
	if failed == nil && !unsure {
		p.last = st.Definitions
	}
	p.report(steps, st, since)
	p.emitEvents(steps, st)
	p.archive(ctx)
	if ctx.Err() == nil {
		p.recordOutcome(steps, failed, unsure)
	}
	return failed
}

// recordOutcome updates health after a pass, and emits failures and their end.
// After a pass that waits for a put whose answer was lost nothing is certain:
// the failure remains.
func (p *Session) recordOutcome(steps []*keyPass, failed error, unsure bool) {
	h := &p.health
	if failed == nil && unsure {
		p.updateView()
		return
	}
	h.held, h.pinned, h.unconfirmed = false, false, false
	largest, used := 0, 0.0
	limits := p.target.Sink.Limits()
	for _, s := range steps {
		largest, used = max(largest, len(s.stored)), max(used, limits.Usage(s.stored))
		if s.Action == ActionUnchanged {
			p.metrics.unchanged(&p.target)
		}
		h.held = h.held || s.Action == ActionHeld
		h.pinned = h.pinned || s.Action == ActionPinned
		h.unconfirmed = h.unconfirmed || s.Action == ActionUnconfirmed
	}
	h.err = failed
	if failed != nil {
		h.failures++
		h.permanent = errors.Is(failed, sinks.ErrPermanent)
		h.notified = true
		told := worst(steps, failed)
		p.emit(Event{
			Kind: Failed, Text: told.Error(), Failures: h.failures, Permanent: errors.Is(told, sinks.ErrPermanent),
		})
	} else {
		h.failures, h.permanent = 0, false
		h.succeeded = time.Now()
	}
	if h.held {
		h.notified = true
	}
	p.emitRecovered()
	p.metrics.setHealth(&p.target, h, largest, used)
	p.updateView()
}

// worst returns the error of a pass that a person has to know first: one of its
// keys that does not pass by itself, else failed.
func worst(steps []*keyPass, failed error) error {
	if errors.Is(failed, sinks.ErrPermanent) {
		return failed
	}
	for _, s := range steps {
		if errors.Is(s.Err, sinks.ErrPermanent) {
			return s.Err
		}
	}
	return failed
}

// emitEvents emits the events of a pass, and logs what a person has to know.
func (p *Session) emitEvents(steps []*keyPass, st *state.State) {
	for _, s := range steps {
		e := Event{
			Key: s.Key, Seq: max(s.read.seq, s.newest.seq), Digest: s.wanted, Revision: st.Definitions.Revision,
			Bytes: s.Bytes, Changes: s.Changes, Text: s.Text,
		}
		switch s.Action {
		case ActionRepaired:
			if s.reportedRival != 0 && s.reportedRival == s.Base.Seq {
				e.Text = fmt.Sprintf("another publisher had written seq %d", s.reportedRival)
			}
		case ActionUnconfirmed:
			if s.reported != s.read.seq {
				s.reported = s.read.seq
				p.log.Warn("not published", "text", s.Text, "key", s.Key, "sink", p.target.SinkName)
			}
		case ActionHeld:
			if s.heldDigest == s.wanted {
				continue // it is known
			}
			s.heldDigest = s.wanted
			p.metrics.stopped(&p.target)
			p.log.Warn("held", "text", s.Text, "key", s.Key, "sink", p.target.SinkName, "digest", short(s.wanted))
			p.log.Warn("if it is meant", "command", fmt.Sprintf("flagcast sync --target %s --accept %s%s",
				p.target.Name, short(s.wanted), p.options.ConfigArgument))
		}
		if e.Kind = actionTable[s.Action].kind; e.Kind != "" {
			p.emit(e)
		}
	}
}
