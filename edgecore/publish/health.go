package publish

import (
	"errors"
	"time"

	"github.com/flagcast/flagcast/sinks"
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

// recordOutcome notes how a pass has ended, and tells of troubles and of their end.
// After a pass that waits for a put whose answer was lost nobody can be sure:
// the failure stands.
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
		p.emit(Event{Kind: Failed, Text: told.Error(), Failures: h.failures, Permanent: errors.Is(told, sinks.ErrPermanent)})
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

// emitRecovered tells that no trouble is left.
func (p *Session) emitRecovered() {
	h := &p.health
	if h.notified && h.failures == 0 && !h.held && !h.stale {
		h.notified = false
		p.emit(Event{Kind: Recovered})
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// upstreamStaleAfter is UpstreamStaleAfter, or its default.
func (o *Options) upstreamStaleAfter() time.Duration {
	if o.UpstreamStaleAfter > 0 {
		return o.UpstreamStaleAfter
	}
	return o.StaleAfter
}

// age tells when a target that has not been brought up to date, or whose
// definitions nobody has confirmed, is stale.
func (p *Session) age(now time.Time) {
	if p.options.StaleAfter <= 0 {
		return
	}
	h := &p.health
	last, why := h.succeeded, "it could not be brought up to date"
	if h.failures == 0 && !last.IsZero() {
		last = now // nothing was to be done since
	}
	last = later(last, h.began)
	was := h.stale
	h.stale = now.Sub(last) >= p.options.StaleAfter
	if p.options.LastConfirmed != nil {
		confirmed := later(p.options.LastConfirmed(p.target.Environment), h.began)
		if now.Sub(confirmed) >= p.options.upstreamStaleAfter() {
			h.stale = true
			last, why = confirmed, "upstream has not confirmed its flags"
		}
	}
	switch {
	case h.stale && !was:
		h.notified = true
		text := why + " for " + now.Sub(last).Round(time.Second).String()
		p.log.Warn("stale: "+text, "sink", p.target.SinkName)
		p.emit(Event{Kind: Stale, Text: text, Failures: h.failures})
	case was && !h.stale:
		p.emitRecovered()
	default:
		return
	}
	p.updateView()
}
