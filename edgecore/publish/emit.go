package publish

import "time"

// emit gives an event to the listener.
func (p *Session) emit(e Event) {
	if p.options.Listener == nil {
		return
	}
	e.Time, e.Target, e.Sink = time.Now(), p.target.Name, p.target.SinkName
	p.options.Listener.Event(e)
}

// emitRecovered says that no trouble is left.
func (p *Session) emitRecovered() {
	h := &p.health
	if h.notified && h.failures == 0 && !h.held && !h.stale {
		h.notified = false
		p.emit(Event{Kind: Recovered})
	}
}
