// Package upstream obtains definitions: from an Unleash server, Unleash Edge or another
// flagcast, by polling and by its stream, or from a file.
package upstream

import (
	"context"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Feed is a source of the definitions of one environment. Run delivers them, at the
// start and after every change, until ctx ends, which is not an error. It retries
// temporary errors; an error that it returns is final. deliver is called from one
// goroutine.
type Feed interface {
	Run(ctx context.Context, deliver func(*edgecore.Definitions)) error
	Status() Status
	// Changed returns a channel that is closed after the next try. A caller that
	// takes it before it calls Status misses no try.
	Changed() <-chan struct{}
}

// Status is the health of a feed.
type Status struct {
	LastOK   time.Time // when upstream last confirmed or changed the definitions
	Err      error     // of the last try; nil after a success
	Failures int       // consecutive
	// Mode is how a server is followed now; of several tokens, the slowest. "" for a file.
	Mode Mode
	// Of the streams of a server, since the start.
	Counts
}

// health keeps the status of a feed.
type health struct {
	mu      sync.Mutex
	status  Status
	changed chan struct{} // nil while no caller waits
}

func (h *health) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

func (h *health) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.changed
}

// confirm records that a stream is alive.
func (h *health) confirm() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.LastOK = time.Now()
}

// record records a try and returns the status before it.
func (h *health) record(err error) (before Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
	before = h.status
	h.status.Err = err
	if err != nil {
		h.status.Failures++
		return before
	}
	h.status.Failures = 0
	h.status.LastOK = time.Now()
	return before
}
