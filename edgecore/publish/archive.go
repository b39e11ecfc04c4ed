package publish

import (
	"context"
	"errors"

	"github.com/flagcast/flagcast/sinks"
)

// catchUp finds what is stored and not in the history: the process that wrote it
// has ended before it was kept. One pass of each process looks.
func (p *Session) catchUp(ctx context.Context) {
	if p.caughtUp || p.target.History == nil {
		return
	}
	var keys []sinks.Key
	var cells []*keyState
	for _, c := range p.keys {
		if c.history == nil && c.stored != nil && c.read.known && c.read.digest == c.meta.Digest {
			keys, cells = append(keys, ListKey(c.Key)), append(cells, c)
		}
	}
	p.caughtUp = true
	if len(keys) == 0 {
		return
	}
	ctx, cancel := bound(ctx, len(keys))
	defer cancel()
	bodies, errs := sinks.GetAll(ctx, p.target.History.Sink, keys)
	for i, c := range cells {
		var entries []Entry
		switch {
		case errors.Is(errs[i], sinks.ErrNotFound):
		case errs[i] != nil:
			p.caughtUp = false // archive reports a history that fails
			continue
		default:
			entries, _ = readEntries(bodies[i]) // archive reports a damaged one
		}
		if !has(entries, c.meta) {
			c.history, c.replaced = c.stored, nil
		}
	}
}

// archive keeps what was written and is not in the history yet. A history that
// fails holds nothing up: it is tried again after the next pass.
func (p *Session) archive(ctx context.Context) {
	p.catchUp(ctx)
	parallel(len(p.keys), 8, func(i int) {
		c := p.keys[i]
		if c.history == nil || p.target.History == nil {
			c.history, c.replaced = nil, nil
			return
		}
		if ctx.Err() != nil {
			return // the next process keeps it when it replaces it
		}
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		damaged, err := p.target.History.add(ctx, c.Key, c.replaced, c.history, &c.unlisted)
		if damaged != nil {
			p.log.Warn("read the history", "err", damaged, "key", c.Key)
		}
		if err != nil {
			p.metrics.unrecorded(&p.target)
			p.log.Warn("what was published is not in the history yet", "err", err, "key", c.Key)
			return
		}
		c.history, c.replaced = nil, nil
	})
}
