// Package notify sends people what happens to targets: an audit file of what
// is written, webhooks of chat services for what goes wrong, and a dead man's
// switch. Nothing here makes a publisher wait or fail.
package notify

import (
	"log/slog"
	"sync"

	"github.com/flagcast/flagcast/edgecore/publish"
)

// Listeners pass every event on to each of them, in order.
type Listeners []publish.Listener

// Event implements publish.Listener.
func (l Listeners) Event(e publish.Event) {
	for _, one := range l {
		one.Event(e)
	}
}

// complaint logs the first of several failures in a row, and their end.
type complaint struct {
	log *slog.Logger
	// about names what fails; lost says what a failure means.
	about, lost string

	mu       sync.Mutex
	failures int
}

// note takes the outcome of a try and returns the number of consecutive
// failures. The text of err holds no secret.
func (c *complaint) note(err error) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && c.failures == 0:
		c.log.Warn("cannot notify", "err", err, "receiver", c.about, "effect", c.lost)
	case err != nil:
		c.log.Debug("still cannot notify", "err", err, "receiver", c.about, "failures", c.failures+1)
	case c.failures > 0:
		c.log.Info("notifies again", "receiver", c.about, "failures", c.failures)
	}
	if c.failures++; err == nil {
		c.failures = 0
	}
	return c.failures
}
