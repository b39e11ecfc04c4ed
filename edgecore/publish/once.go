package publish

import (
	"context"
	"time"
)

// NewSession makes a session. It starts nothing.
func NewSession(t Target, states States, o Options) *Session {
	o.Metrics.start(&t)
	p := &Session{target: t, states: states, options: o, metrics: o.Metrics, log: o.Log.With("target", t.Name)}
	for _, c := range t.Outputs {
		p.keys = append(p.keys, &keyState{Output: c, verified: true})
	}
	p.updateView()
	return p
}

// Once makes one pass: it brings what is stored up to date. With reconcile it
// reads what is stored even if it thinks to know. The outcomes are in the order
// of the outputs; the error is the first of theirs, or says why there are none.
func (p *Session) Once(ctx context.Context, reconcile bool) ([]Outcome, error) {
	st, err := p.states.Load(p.target.Environment)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	since := now // when upstream's change was received; for a pass without one, when it began
	if p.last != st.Definitions && !st.Restored {
		since = st.Since
	}
	outcomes, keys := p.begin(reconcile)
	flipped := !p.flip.IsZero() && !now.Before(p.flip)
	p.flip, _ = st.Program.NextFlip(now)
	compute(keys, func(s *keyPass) {
		if flipped {
			s.program = nil
		}
		s.Err = s.encode(st, now, false)
	})
	p.warn(keys)
	p.read(ctx, keys, now)
	compute(keys, func(s *keyPass) { p.decide(s, st, now) })
	p.guard(ctx, keys, st, now)
	for _, s := range keys {
		p.renewDue(s, now)
	}
	p.write(ctx, keys, since)
	p.explain(keys, st, flipped)
	for _, s := range keys {
		s.snap = nil // what is stored has its text; only the digest is needed again
		s.Digest, s.Seq = s.wanted, max(s.read.seq, s.newest.seq)
	}
	return outcomes, p.finish(ctx, keys, st, since)
}

// begin makes the outcome and the pass of each key.
func (p *Session) begin(reconcile bool) ([]Outcome, []*keyPass) {
	outcomes := make([]Outcome, len(p.keys))
	keys := make([]*keyPass, len(p.keys))
	for i, c := range p.keys {
		outcomes[i] = Outcome{Target: p.target.Name, Sink: p.target.SinkName, Key: c.Key}
		keys[i] = &keyPass{keyState: c, Outcome: &outcomes[i]}
		c.read.fresh = false
		if reconcile {
			c.read.known = false
		}
	}
	return outcomes, keys
}
