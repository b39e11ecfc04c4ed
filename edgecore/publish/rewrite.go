package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// Rewrite is a write that a person has asked for: content as it is, whatever
// upstream says.
type Rewrite struct {
	Key sinks.Key
	// Content is a sealed snapshot; nil is what is stored.
	Content []byte
	// Pinned is the mark that the content gets; "" for none.
	Pinned string
	// Kind of the event: Published, Pinned or Unpinned.
	Kind Kind
	// Base is what has to be stored for the write to happen; nil: anything.
	Base *Base
}

// Base says what was stored when somebody looked. The zero value is nothing,
// or what is no snapshot.
type Base struct {
	Digest string `json:"digest"`
	Seq    uint64 `json:"seq"`
}

// ErrChanged says that something else is stored than a Rewrite is based on.
var ErrChanged = errors.New("what is stored has changed since")

// Rewrite reads a key and puts content over what is there. It is not for use
// beside Run.
func (p *Publisher) Rewrite(ctx context.Context, r Rewrite) (Outcome, error) {
	out := Outcome{Target: p.target.Name, Sink: p.target.SinkName, Key: r.Key, Action: "failed"}
	i := slices.IndexFunc(p.cells, func(c *cell) bool { return c.Key == r.Key })
	if i < 0 {
		return out, fmt.Errorf("target %q has no key %q", p.target.Name, r.Key)
	}
	c := p.cells[i]
	stored, err := p.Stored(ctx, r.Key)
	if err != nil {
		return out, err
	}
	out.Stored, out.Before = stored, len(stored)
	if r.Base != nil && *r.Base != c.base() {
		return out, fmt.Errorf("write %q to %s: %w", r.Key, p.target.SinkName, ErrChanged)
	}
	content := r.Content
	if content == nil {
		content = stored
	}
	if content == nil {
		return out, fmt.Errorf("write %q to %s: nothing of flagcast is stored there", r.Key, p.target.SinkName)
	}
	now := time.Now()
	s := &step{cell: c, Outcome: &out, next: put}
	s.body, s.meta, err = snapshot.Reseal(content, c.seq(now), now, func(m *snapshot.Meta) {
		m.Pinned = r.Pinned
		m.Target, m.Heartbeat = p.target.Name, int(p.target.Heartbeat/time.Second)
	})
	if err != nil {
		return out, fmt.Errorf("write %q to %s: %w", r.Key, p.target.SinkName, err)
	}
	c.want, c.program = s.meta.Digest, nil // the next pass wants what upstream says
	callCtx, cancel := bound(ctx, 1)
	defer cancel()
	deadline, _ := callCtx.Deadline()
	p.count(s, p.target.Sink.Put(callCtx, object(r.Key, s.body, s.meta)), deadline)
	out.Digest, out.Seq = s.meta.Digest, s.meta.Seq
	if out.Err != nil {
		out.Action = "failed"
		return out, out.Err
	}
	if r.Kind == Unpinned {
		c.history = nil // the history has this content
	}
	p.archive(ctx)
	p.emit(Event{Kind: r.Kind, Key: r.Key, Seq: s.meta.Seq, Digest: s.meta.Digest, Revision: s.meta.Revision, Bytes: len(s.body), Text: r.Pinned})
	return out, nil
}

// Expect reads a key, and returns ErrChanged when something else is stored.
func (p *Publisher) Expect(ctx context.Context, key sinks.Key, base Base) error {
	if _, err := p.Stored(ctx, key); err != nil {
		return err
	}
	for _, c := range p.cells {
		if c.Key == key && c.base() != base {
			return fmt.Errorf("%q in %s: %w", key, p.target.SinkName, ErrChanged)
		}
	}
	return nil
}

// Stored reads a key, and returns the snapshot that is there. nil is nothing,
// or no snapshot. It is not for use beside Run.
func (p *Publisher) Stored(ctx context.Context, key sinks.Key) ([]byte, error) {
	i := slices.IndexFunc(p.cells, func(c *cell) bool { return c.Key == key })
	if i < 0 {
		return nil, fmt.Errorf("target %q has no key %q", p.target.Name, key)
	}
	c := p.cells[i]
	callCtx, cancel := bound(ctx, 1)
	defer cancel()
	body, err := p.target.Sink.Get(callCtx, key)
	if _, err := c.look(body, err, time.Now(), p.target.stale()); err != nil {
		return nil, fmt.Errorf("read %q in %s: %w", key, p.target.SinkName, err)
	}
	if c.seen.absent || c.seen.foreign {
		return nil, nil
	}
	return c.stored, nil
}

// base is what a plan notes of a key that has been read.
func (c *cell) base() Base {
	if c.seen.absent || c.seen.foreign {
		return Base{}
	}
	return Base{c.seen.digest, c.seen.seq}
}

// Verify reads back what was put until it shows or ctx ends, and tells whether
// it has. It is not for use beside Run, which does it by itself.
func (p *Publisher) Verify(ctx context.Context) bool {
	a, shown := agenda{}, true
	for p.unverified() && ctx.Err() == nil {
		shown = p.verify(ctx, &a) && shown
		if a.verify.IsZero() {
			break
		}
		timer := time.NewTimer(time.Until(a.verify))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
	return shown && !p.unverified()
}
