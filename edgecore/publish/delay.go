package publish

import "time"

// recordAccepted notes that the sink has taken a change, and has the edge watched for
// it.
func (p *Session) recordAccepted(seq uint64, since time.Time) {
	p.since = since
	p.view.mu.Lock()
	p.view.status.StoredLagMS, p.view.status.SeenLagMS = nil, nil // until it is stored, and seen
	p.view.mu.Unlock()
	if p.pending == nil {
		return
	}
	select { // newest wins
	case <-p.pending:
	default:
	}
	p.pending <- pendingPut{seq: seq, since: since, put: time.Now()}
}

// recordVisible measures how long a change took, once reads have shown all of it.
func (p *Session) recordVisible(now time.Time) {
	if p.since.IsZero() || p.unverified() {
		return
	}
	lag := now.Sub(p.since)
	p.since = time.Time{}
	p.metrics.verified(&p.target, lag)
	p.recordStoredDelay(lag)
	p.log.Debug("verified", "lag_ms", lag.Milliseconds())
}

func (p *Session) unverified() bool {
	for _, c := range p.keys {
		if !c.verified {
			return true
		}
	}
	return false
}
