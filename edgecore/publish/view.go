package publish

import (
	"sync"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

// view is what other goroutines may read of a publisher.
type view struct {
	mu     sync.Mutex
	status Status
}

// Status returns how the target is. It may be called at any time.
func (p *Session) Status() Status {
	p.view.mu.Lock()
	defer p.view.mu.Unlock()
	s := p.view.status
	if s.StoredLagMS != nil {
		lag := *s.StoredLagMS
		s.StoredLagMS = &lag
	}
	return s
}

// updateView makes the state readable for other goroutines.
func (p *Session) updateView() {
	s := Status{
		Target: p.target.Name, Sink: p.target.SinkName, Environment: p.target.Environment,
		Format: p.target.Outputs[0].Spec.Format, LimitBytes: p.target.Sink.Limits().ValueBytes,
		Failures: p.health.failures, LastSuccess: p.health.succeeded, Keys: make([]KeyStatus, len(p.keys)),
	}
	if p.health.err != nil {
		s.LastError, s.FailureKind = p.health.err.Error(), kindOf(p.health.err)
		s.Hint = sinks.Hint(p.health.err)
	}
	verified, missing := true, false
	for i, c := range p.keys {
		verified, missing = verified && c.verified, missing || c.stored == nil
		s.Keys[i] = KeyStatus{
			Key: c.Key, Verified: c.verified && c.stored != nil, Held: c.heldDigest, Waits: c.waitsFor,
		}
		if meta := c.meta; c.stored != nil {
			s.Keys[i].Digest, s.Keys[i].Seq, s.Keys[i].Revision = meta.Digest, meta.Seq, meta.Revision
			s.Keys[i].PublishedAt, s.Keys[i].Bytes, s.Keys[i].Pinned = meta.PublishedAt, len(c.stored), meta.Pinned
			if c.Spec.Undecided() {
				s.Keys[i].Contextual = len(meta.Contextual)
			}
		}
	}
	switch h := &p.health; {
	case h.failures > 0:
		s.State = "failing"
	case h.held:
		s.State = "held"
	case h.pinned:
		s.State = "pinned"
	case h.unconfirmed:
		s.State = "unconfirmed"
	case h.stale:
		s.State = "stale"
	case h.succeeded.IsZero():
		s.State = "new"
	case missing:
		s.State = "missing"
	case !verified:
		s.State = "unverified"
	default:
		s.State = "ok"
	}
	p.view.mu.Lock()
	defer p.view.mu.Unlock()
	s.StoredLagMS, s.SeenLagMS, s.Seen = p.view.status.StoredLagMS, p.view.status.SeenLagMS, p.view.status.Seen
	p.view.status = s
}

func (p *Session) recordStoredDelay(lag time.Duration) {
	ms := lag.Milliseconds()
	p.view.mu.Lock()
	defer p.view.mu.Unlock()
	p.view.status.StoredLagMS = &ms
}
