package publish

import "time"

// age says when a target that has not been brought up to date, or whose
// definitions upstream has not confirmed, is stale.
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
		p.log.Warn("stale", "text", text, "sink", p.target.SinkName)
		p.emit(Event{Kind: Stale, Text: text, Failures: h.failures})
	case was && !h.stale:
		p.emitRecovered()
	default:
		return
	}
	p.updateView()
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
