package access

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/flagcast/flagcast/edgecore/secret"
)

const (
	validFor   = time.Hour
	invalidFor = time.Minute // so that a token works soon after it was made
	maxEntries = 10_000      // garbage tokens cost no more memory than this
)

// cache keeps the answers of a validator for a while.
type cache struct {
	validator Validator
	asking    singleflight.Group // by digest: one question at a time for one token

	mu      sync.Mutex
	entries map[digest]entry
}

type entry struct {
	known   Known
	ok      bool
	expires time.Time
}

func newCache(v Validator) *cache { return &cache{validator: v, entries: map[digest]entry{}} }

func (c *cache) get(ctx context.Context, token secret.Secret, now time.Time) (Known, bool, error) {
	key := digestOf(token.Reveal())
	c.mu.Lock()
	e, hit := c.entries[key]
	c.mu.Unlock()
	if hit && now.Before(e.expires) {
		return e.known, e.ok, nil
	}
	// The question goes on when the one who asked first goes away.
	asked := c.asking.DoChan(hex.EncodeToString(key[:]), func() (any, error) {
		return c.ask(context.WithoutCancel(ctx), key, token)
	})
	select {
	case answer := <-asked:
		if answer.Err != nil {
			if hit && e.ok {
				return e.known, true, nil // last good stands
			}
			return Known{}, false, fmt.Errorf("%w: %w", ErrUnavailable, answer.Err)
		}
		e = answer.Val.(entry)
		return e.known, e.ok, nil
	case <-ctx.Done():
		return Known{}, false, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

func (c *cache) ask(ctx context.Context, key digest, token secret.Secret) (entry, error) {
	known, ok, err := c.validator.Validate(ctx, token)
	if err != nil {
		return entry{}, err
	}
	e := entry{known: known, ok: ok, expires: time.Now().Add(invalidFor)}
	if ok {
		e.expires = time.Now().Add(validFor)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.makeRoom()
	c.entries[key] = e
	return e, nil
}

// makeRoom drops what has expired, then invalid tokens, then any.
func (c *cache) makeRoom() {
	now := time.Now()
	for _, droppable := range []func(entry) bool{
		func(e entry) bool { return now.After(e.expires) },
		func(e entry) bool { return !e.ok },
		func(entry) bool { return true },
	} {
		if len(c.entries) < maxEntries {
			return
		}
		for key, e := range c.entries {
			if droppable(e) {
				delete(c.entries, key)
			}
		}
	}
}
