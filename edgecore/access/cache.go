package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
)

// What a flood of garbage tokens can cost, at the most: one call a second, of
// maxBatch tokens; two shares of questions that wait; and what upstream did not
// know in the last minute, at maxBatch tokens a second.
const (
	validFor   = time.Hour
	invalidFor = time.Minute // so that a token works soon after it was made
	pace       = time.Second // from one call to the next
	patience   = 5 * time.Second
	maxBatch   = 100 // tokens of one call; Unleash takes 100 kB
	maxValid   = 10_000
)

// cache keeps the answers of a validator for a while, and asks it about many
// tokens at once.
type cache struct {
	validator Validator
	validFor  time.Duration
	dir       string
	log       *slog.Logger

	mu      sync.Mutex
	valid   map[digest]entry
	invalid map[digest]time.Time // until when
	waiting map[digest]*question // in the queue, or being asked
	queue   queue
	asking  bool      // a goroutine works through the queue
	asked   time.Time // when the last call began
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
	line  *line // in which it waits; nil: in none
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

var errManyQuestions = errors.New("too many unknown tokens wait for upstream")

// look returns what is known of a token, or the question that waits for upstream.
// real says that the token is known to be a real one, now or before.
func (c *cache) look(from source, token secret.Secret, real bool, now time.Time) lookup {
	key := digestOf(token.Reveal())
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.invalid[key]) {
		return lookup{}
	}
	e, hit := c.valid[key]
	if hit && now.Before(e.expires) {
		return lookup{known: &e.known}
	}
	q := c.enqueue(key, token, from, hit || real)
	switch {
	case hit && (q == nil || now.Before(e.expires.Add(c.validFor))):
		return lookup{known: &e.known} // not long ago, and asked about again
	case q == nil:
		return lookup{err: fmt.Errorf("%w: %w", ErrUnavailable, errManyQuestions)}
	case hit:
		return lookup{question: q, before: &e.known}
	default:
		return lookup{question: q}
	}
}

// enqueue returns the question about a token, which may be there already, or
// nil when there is no place for it.
func (c *cache) enqueue(key digest, token secret.Secret, from source, real bool) *question {
	if q := c.waiting[key]; q != nil {
		c.queue.join(q, from)
		return q
	}
	q := &question{key: key, token: token, done: make(chan struct{})}
	if real {
		if len(c.queue.known) >= maxValid {
			return nil
		}
		c.queue.known = append(c.queue.known, q)
	} else {
		dropped, ok := c.queue.add(q, from)
		if !ok {
			return nil
		}
		if dropped != nil {
			dropped.err = errManyQuestions
			delete(c.waiting, dropped.key)
			close(dropped.done)
		}
	}
	c.waiting[key] = q
	if !c.asking {
		c.asking = true
		go c.ask()
	}
	return q
}

// ask works until the queue is empty. It ends by itself, with the process at
// the latest: no request waits for it.
func (c *cache) ask() {
	for {
		c.mu.Lock()
		if c.queue.size() == 0 {
			c.asking = false
			c.mu.Unlock()
			return
		}
		pause := time.Until(c.asked.Add(pace))
		c.mu.Unlock()
		time.Sleep(pause) // what comes meanwhile is asked with it
		c.mu.Lock()
		batch := c.queue.take(maxBatch)
		c.asked = time.Now()
		c.mu.Unlock()
		if c.store(batch, c.call(batch)) && c.dir != "" {
			c.save()
		}
	}
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

// store keeps what a call has brought, and releases what waits. changed reports
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
