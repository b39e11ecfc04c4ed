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
	// Base is what must be stored for the write to happen; nil: anything.
	Base *Base
}

// ErrChanged says that something else is stored than a Rewrite is based on.
var ErrChanged = errors.New("what is stored has changed since")

// ErrOlder says that what is stored is newer than the content of a Rewrite that
// is not a pin.
var ErrOlder = errors.New("what is stored is newer")

// Rewrite reads a key and puts content over what is there.
func (p *Session) Rewrite(ctx context.Context, r Rewrite) (Outcome, error) {
	out := Outcome{Target: p.target.Name, Sink: p.target.SinkName, Key: r.Key, Action: ActionFailed}
	i := slices.IndexFunc(p.keys, func(c *keyState) bool { return c.Key == r.Key })
	if i < 0 {
		return out, fmt.Errorf("target %q has no key %q", p.target.Name, r.Key)
	}
	c := p.keys[i]
	stored, err := p.admits(ctx, c, r)
	if err != nil {
		return out, err
	}
	out.Stored, out.Before = stored, len(stored)
	content := r.Content
	if content == nil {
		content = stored
	}
	if content == nil {
		return out, fmt.Errorf("write %q to %s: nothing of flagcast is stored there", r.Key, p.target.SinkName)
	}
	now := time.Now()
	s := &keyPass{keyState: c, Outcome: &out, decision: write}
	seq := c.seq(now)
	if seq > snapshot.MaxSeq {
		return out, p.exhausted(s)
	}
	s.body, s.meta, err = snapshot.Reseal(content, seq, now, func(m *snapshot.Meta) {
		m.Pinned = r.Pinned
		m.Target, m.Heartbeat = p.target.Name, int(p.target.Heartbeat/time.Second)
	})
	if err != nil {
		return out, fmt.Errorf("write %q to %s: %w", r.Key, p.target.SinkName, err)
	}
	c.wanted, c.program = s.meta.Digest, nil // the next pass wants what upstream says
	callCtx, cancel := bound(ctx, 1)
	defer cancel()
	deadline, _ := callCtx.Deadline()
	p.recordPut(s, p.target.Sink.Put(callCtx, object(r.Key, s.body, s.meta)), deadline)
	out.Digest, out.Seq = s.meta.Digest, s.meta.Seq
	if out.Err != nil {
		out.Action = ActionFailed
		return out, out.Err
	}
	if r.Kind == Unpinned {
		c.history = nil // the history has this content
	}
	p.archive(ctx)
	p.emit(Event{
		Kind: r.Kind, Key: r.Key, Seq: s.meta.Seq, Digest: s.meta.Digest, Revision: s.meta.Revision, Bytes: len(s.body),
		Text: r.Pinned,
	})
	return out, nil
}

// Check reads a key, and returns why a Rewrite would not be carried out:
// ErrChanged, ErrOlder, or that the key cannot be read.
func (p *Session) Check(ctx context.Context, r Rewrite) error {
	i := slices.IndexFunc(p.keys, func(c *keyState) bool { return c.Key == r.Key })
	if i < 0 {
		return fmt.Errorf("target %q has no key %q", p.target.Name, r.Key)
	}
	_, err := p.admits(ctx, p.keys[i], r)
	return err
}

// admits reads a key and returns what is stored, if a Rewrite may replace it.
func (p *Session) admits(ctx context.Context, c *keyState, r Rewrite) ([]byte, error) {
	stored, err := p.Stored(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	if r.Base != nil && *r.Base != c.base() {
		return nil, fmt.Errorf("write %q to %s: %w", r.Key, p.target.SinkName, ErrChanged)
	}
	if r.Kind == Published && r.Content != nil {
		content, err := snapshot.Open(r.Content)
		if err != nil {
			return nil, fmt.Errorf("write %q to %s: %w", r.Key, p.target.SinkName, err)
		}
		content.PublishedAt = time.Now() // the base says that nothing was published since
		if newer := newerThan(content, c.newestMeta()); newer != "" {
			return nil, fmt.Errorf("write %q to %s: %w: %s", r.Key, p.target.SinkName, ErrOlder, newer)
		}
	}
	return stored, nil
}

// Stored reads a key, and returns the snapshot that is there. nil is nothing,
// or something that is not a snapshot.
func (p *Session) Stored(ctx context.Context, key sinks.Key) ([]byte, error) {
	i := slices.IndexFunc(p.keys, func(c *keyState) bool { return c.Key == key })
	if i < 0 {
		return nil, fmt.Errorf("target %q has no key %q", p.target.Name, key)
	}
	c := p.keys[i]
	callCtx, cancel := bound(ctx, 1)
	defer cancel()
	body, err := p.target.Sink.Get(callCtx, key)
	if _, err := c.observe(body, err, time.Now(), p.target.stale()); err != nil {
		return nil, fmt.Errorf("read %q in %s: %w", key, p.target.SinkName, err)
	}
	if c.read.absent || c.read.foreign {
		return nil, nil
	}
	return c.stored, nil
}
