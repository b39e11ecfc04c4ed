// Package upstream brings definitions into the process: from an Unleash
// server, Unleash Edge or another flagcast by polling, or from a file.
package upstream

import (
	"context"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Feed is where the definitions of one environment come from. Run delivers
// them, at the start and after every change, until ctx ends, which is not an
// error. It retries what may pass; an error that it returns is final. deliver
// is called from one goroutine.
type Feed interface {
	Run(ctx context.Context, deliver func(*edgecore.Definitions)) error
	Status() Status
}

// Status is how a feed is doing.
type Status struct {
	LastOK   time.Time // when upstream last confirmed or changed the definitions
	Err      error     // why the last try failed; nil after one that did not
	Failures int       // consecutive
}

// health is the status that a feed keeps.
type health struct {
	mu     sync.Mutex
	status Status
}

func (h *health) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

// note records a try and returns the status before it.
func (h *health) note(err error) (before Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
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
