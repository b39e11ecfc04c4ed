package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

// read looks at what is stored where the plan wants it.
func (p *Session) read(ctx context.Context, steps []*keyPass, now time.Time) {
	var reading []*keyPass
	var keys []sinks.Key
	for _, s := range steps {
		if s.Err == nil {
			if s.decision = plan(s.wanted, s.lastWanted, s.read, s.newest, now); s.decision == read {
				reading, keys = append(reading, s), append(keys, s.Key)
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	ctx, cancel := bound(ctx, len(keys))
	defer cancel()
	bodies, errs := sinks.GetAll(ctx, p.target.Sink, keys)
	for i, s := range reading {
		before := s.stored
		problem, err := s.observe(bodies[i], errs[i], now, p.target.stale())
		switch {
		case err != nil:
			s.Err = fmt.Errorf("read %q in %s: %w", s.Key, p.target.SinkName, err)
			continue
		case problem != nil:
			p.log.Warn("what is stored will be replaced", "key", s.Key, "sink", p.target.SinkName, "err", problem)
		}
		p.reportConflict(s.keyState)
		p.reportClock(s.keyState, now)
		s.decision = plan(s.wanted, s.lastWanted, s.read, s.newest, now)
		if s.found() && s.decision == skip && s.failedDigest == s.wanted {
			s.Action, s.Bytes, s.failedDigest, s.lastWanted = ActionPublished, len(s.stored), "", s.wanted
			s.replaced, s.history = before, s.stored
			p.metrics.accepted(&p.target, s.lastPut)
		}
	}
}

// reportConflict reports what another publisher has written over this one's content,
// once for each of its writes.
func (p *Session) reportConflict(c *keyState) {
	if !c.conflicts() || c.reportedRival == c.read.seq {
		return
	}
	c.reportedRival = c.read.seq
	p.metrics.countConflict(&p.target)
	p.log.Warn("another publisher writes this key: this one's content is put back", "key", c.Key,
		"sink", p.target.SinkName,
		"seq", c.read.seq, "their_target", c.read.meta.Target, "their_environment", c.read.meta.Environment,
		"their_revision", c.read.meta.Revision)
}

// reportClock reports what is stored with a time in the future, once for each.
func (p *Session) reportClock(c *keyState, now time.Time) {
	ahead := c.aheadOfClock(now)
	if ahead == 0 || c.reportedAhead == c.read.seq {
		return
	}
	c.reportedAhead = c.read.seq
	p.log.Warn("what is stored has a time in the future: the clock of this machine or of another publisher is wrong",
		"key", c.Key,
		"sink", p.target.SinkName, "ahead", ahead.Round(time.Second).String(), "seq", c.read.seq,
		"published_at", c.read.meta.PublishedAt)
}
