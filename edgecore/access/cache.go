package access

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/secret"
)

// What a flood of garbage tokens can cost, at the most: one call a second, of
// maxBatch tokens; twice maxWaiting requests that wait; what upstream did not
// know in the last minute, at maxBatch tokens a second; and one MiB of marks.
const (
	validFor   = time.Hour
	invalidFor = time.Minute // so that a token works soon after it was made
	pace       = time.Second // from one call to the next
	patience   = 5 * time.Second
	maxBatch   = 100 // tokens of one call; Unleash takes 100 kB
	maxWaiting = 200 // tokens of each of the two queues
	maxValid   = 10_000
	markBits   = 18
)

// cache keeps the answers of a validator for a while, and asks it about many
// tokens at once.
//
// Tokens wait in two queues: those that were valid, or were turned away before
// for want of room, go first. Garbage that is new each time never gets there,
// so that in a flood an SDK that tries again is heard.
type cache struct {
	validator Validator
	validFor  time.Duration
	dir       string
	log       *slog.Logger

	mu       sync.Mutex
	valid    map[digest]entry
	invalid  map[digest]time.Time // until when
	waiting  map[digest]*question // in a queue, or being asked
	returned []*question          // seen before
	fresh    []*question
	turned   *marks    // away; nil until there is one
	asking   bool      // a goroutine works through the queues
	asked    time.Time // when the last call began
}

type entry struct {
	known   Known
	expires time.Time
}

// question is one token that upstream is asked about. known and err may be
// read when done is closed.
type question struct {
	key   digest
	token secret.Secret
	done  chan struct{}
	known *Known
	err   error
}

func newCache(o Options) *cache {
	c := &cache{
		validator: o.Validator, validFor: o.ValidFor, dir: o.Dir, log: o.Log,
		valid: map[digest]entry{}, invalid: map[digest]time.Time{}, waiting: map[digest]*question{},
	}
	if c.validFor == 0 {
		c.validFor = validFor
	}
	return c
}

var errNoRoom = errors.New("too many unknown tokens wait for upstream")

func (c *cache) get(ctx context.Context, token secret.Secret, now time.Time) (Known, bool, error) {
	key := digestOf(token.Reveal())
	c.mu.Lock()
	if now.Before(c.invalid[key]) {
		c.mu.Unlock()
		return Known{}, false, nil
	}
	e, hit := c.valid[key]
	if hit && now.Before(e.expires) {
		c.mu.Unlock()
		return e.known, true, nil
	}
	q := c.enqueue(key, token, hit)
	c.mu.Unlock()
	// A word that ran out not long ago is good while it is asked for anew.
	if hit && (q == nil || now.Before(e.expires.Add(c.validFor))) {
		return e.known, true, nil
	}
	if q == nil {
		return Known{}, false, fmt.Errorf("%w: %w", ErrUnavailable, errNoRoom)
	}
	select {
	case <-q.done:
	case <-ctx.Done(): // the question goes on
		return Known{}, false, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	switch {
	case q.err != nil && hit:
		return e.known, true, nil // last good stands
	case q.err != nil:
		return Known{}, false, fmt.Errorf("%w: %w", ErrUnavailable, q.err)
	case q.known == nil:
		return Known{}, false, nil
	default:
		return *q.known, true, nil
	}
}

// enqueue returns the question about a token, which may be there already, or
// nil when there is no room for it.
func (c *cache) enqueue(key digest, token secret.Secret, wasValid bool) *question {
	if q := c.waiting[key]; q != nil {
		return q
	}
	queue := &c.fresh
	if wasValid || c.turned.has(key) {
		queue = &c.returned
	}
	if len(*queue) >= maxWaiting {
		if c.turned == nil {
			c.turned = &marks{}
		}
		c.turned.add(key)
		return nil
	}
	q := &question{key: key, token: token, done: make(chan struct{})}
	*queue = append(*queue, q)
	c.waiting[key] = q
	if !c.asking {
		c.asking = true
		go c.ask()
	}
	return q
}

// ask works until the queues are empty. It ends by itself, with the process at
// the latest: nobody has to wait for it.
func (c *cache) ask() {
	for {
		c.mu.Lock()
		if len(c.returned)+len(c.fresh) == 0 {
			c.asking = false
			c.mu.Unlock()
			return
		}
		pause := time.Until(c.asked.Add(pace))
		c.mu.Unlock()
		time.Sleep(pause) // what comes meanwhile is asked with it
		c.mu.Lock()
		batch := c.take()
		c.asked = time.Now()
		c.mu.Unlock()
		if c.store(batch, c.call(batch)) && c.dir != "" {
			c.save()
		}
	}
}

// take empties the queues as far as one call goes.
func (c *cache) take() []*question {
	var batch []*question
	for _, queue := range []*[]*question{&c.returned, &c.fresh} {
		n := min(len(*queue), maxBatch-len(batch))
		batch = append(batch, (*queue)[:n]...)
		rest := copy(*queue, (*queue)[n:])
		clear((*queue)[rest:]) // nothing keeps a token in clear
		*queue = (*queue)[:rest]
	}
	return batch
}

// call asks the validator and fills in its answers.
func (c *cache) call(batch []*question) error {
	tokens := make([]secret.Secret, len(batch))
	for i, q := range batch {
		tokens[i] = q.token
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answers, err := c.validator.Validate(ctx, tokens)
	if err == nil && len(answers) != len(batch) {
		err = fmt.Errorf("%d answers about %d tokens", len(answers), len(batch))
	}
	for i, q := range batch {
		if q.err = err; err == nil {
			q.known = answers[i]
		}
	}
	return err
}

// store keeps what a call has brought, and lets go who waits. changed tells
// that other tokens are valid than before.
func (c *cache) store(batch []*question, err error) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.forget(now)
	for _, q := range batch {
		delete(c.waiting, q.key)
		close(q.done)
		_, was := c.valid[q.key]
		switch {
		case err != nil:
		case q.known == nil:
			delete(c.valid, q.key)
			c.invalid[q.key] = now.Add(invalidFor)
			changed = changed || was
		default:
			delete(c.invalid, q.key)
			c.valid[q.key] = entry{known: *q.known, expires: now.Add(c.validFor)}
			changed = changed || !was
		}
	}
	return changed
}

// forget drops what has run out, and some more of the valid ones when there are
// very many.
func (c *cache) forget(now time.Time) {
	for key, until := range c.invalid {
		if !now.Before(until) {
			delete(c.invalid, key)
		}
	}
	for key := range c.valid {
		if len(c.valid) < maxValid {
			return
		}
		delete(c.valid, key)
	}
}

// marks remembers tokens without keeping them: four bytes of each, until
// another token takes the place. At 10,000 new tokens a second a mark lasts for
// about 25 seconds, longer than the usual pause of an SDK.
type marks [1 << markBits]uint32

func place(key digest) (slot, mark uint32) {
	return binary.BigEndian.Uint32(key[:4]) >> (32 - markBits), binary.BigEndian.Uint32(key[4:8]) | 1
}

func (m *marks) add(key digest) {
	slot, mark := place(key)
	m[slot] = mark
}

func (m *marks) has(key digest) bool {
	if m == nil {
		return false
	}
	slot, mark := place(key)
	return m[slot] == mark
}
