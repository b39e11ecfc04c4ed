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

// A flood of invalid tokens costs at most one call per second, of maxBatch tokens, two
// full partitions of the queue, and the cache of the tokens that were invalid in the
// last minute, maxBatch per second.
const (
	validFor        = time.Hour
	invalidFor      = time.Minute // so that a token works soon after it was made
	callInterval    = time.Second // from one call to the next
	validateTimeout = 5 * time.Second
	maxBatch        = 100 // tokens of one call; Unleash takes 100 kB
	maxValid        = 10_000
)

// cache caches the results of a validator, and validates tokens in batches.
type cache struct {
	validator Validator
	validFor  time.Duration
	dir       string
	log       *slog.Logger

	// ctx ends the goroutine that validates, which running counts.
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	valid   map[digest]entry
	invalid map[digest]time.Time // until when
	waiting map[digest]*question // in the queue, or being validated
	queue   queue
	asking  bool      // a goroutine validates what is in the queue
	asked   time.Time // when the last call began
}

type entry struct {
	info    TokenInfo
	expires time.Time
}

// question is one token to be validated. info and err may be read when done is
// closed.
type question struct {
	key     digest
	token   secret.Secret
	waitsIn *sourceQueue // nil: it does not wait in a partition
	done    chan struct{}
	info    *TokenInfo
	err     error
}

func newCache(o Options) *cache {
	c := &cache{
		validator: o.Validator, validFor: o.ValidFor, dir: o.Dir, log: o.Log,
		valid: map[digest]entry{}, invalid: map[digest]time.Time{}, waiting: map[digest]*question{},
	}
	if c.validFor == 0 {
		c.validFor = validFor
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

var errManyQuestions = errors.New("too many unknown tokens are waiting for validation")

// lookup returns the cached result for a token, or the question that waits for the
// validator. real reports that the token is or was valid.
func (c *cache) lookup(from source, token secret.Secret, real bool, now time.Time) lookup {
	key := digestOf(token.Reveal())
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.invalid[key]) {
		return lookup{}
	}
	e, hit := c.valid[key]
	if hit && now.Before(e.expires) {
		return lookup{info: &e.info}
	}
	q := c.enqueue(key, token, from, hit || real)
	switch {
	case hit && (q == nil || now.Before(e.expires.Add(c.validFor))):
		return lookup{info: &e.info} // stale-while-revalidate
	case q == nil:
		return lookup{err: fmt.Errorf("%w: %w", ErrUnavailable, errManyQuestions)}
	case hit:
		return lookup{question: q, before: &e.info}
	default:
		return lookup{question: q}
	}
}

// enqueue returns the question about a token, which may be in the queue already, or
// nil if the queue is full or the cache is closed.
func (c *cache) enqueue(key digest, token secret.Secret, from source, real bool) *question {
	if q := c.waiting[key]; q != nil {
		c.queue.join(q, from)
		return q
	}
	if c.ctx.Err() != nil {
		return nil
	}
	q := &question{key: key, token: token, done: make(chan struct{})}
	if real {
		if len(c.queue.revalidations) >= maxValid {
			return nil
		}
		c.queue.revalidations = append(c.queue.revalidations, q)
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
		c.running.Go(c.validateQueued)
	}
	return q
}

// validateQueued validates until the queue is empty. When ctx ends, the rest fails.
func (c *cache) validateQueued() {
	for {
		c.mu.Lock()
		if c.queue.size() == 0 {
			c.asking = false
			c.mu.Unlock()
			return
		}
		pause := time.Until(c.asked.Add(callInterval))
		c.mu.Unlock()
		select { // tokens that arrive meanwhile go into the same batch
		case <-time.After(pause):
		case <-c.ctx.Done():
		}
		c.mu.Lock()
		batch := c.queue.take(maxBatch)
		c.asked = time.Now()
		c.mu.Unlock()
		if c.store(batch, c.call(batch)) && c.dir != "" {
			c.save()
		}
	}
}

// call validates a batch and sets the results.
func (c *cache) call(batch []*question) error {
	tokens := make([]secret.Secret, len(batch))
	for i, q := range batch {
		tokens[i] = q.token
	}
	ctx, cancel := context.WithTimeout(c.ctx, validateTimeout)
	defer cancel()
	answers, err := c.validator.Validate(ctx, tokens)
	if err == nil && len(answers) != len(batch) {
		err = fmt.Errorf("%d results for %d tokens", len(answers), len(batch))
	}
	for i, q := range batch {
		if q.err = err; err == nil {
			q.info = answers[i]
		}
	}
	return err
}

// store caches the results of a call, and closes the questions. changed reports that
// the set of valid tokens has changed.
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
		case q.info == nil:
			delete(c.valid, q.key)
			c.invalid[q.key] = now.Add(invalidFor)
			changed = changed || was
		default:
			delete(c.invalid, q.key)
			c.valid[q.key] = entry{info: *q.info, expires: now.Add(c.validFor)}
			changed = changed || !was
		}
	}
	return changed
}

// forget removes invalid tokens that have expired, and any valid ones beyond maxValid.
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
