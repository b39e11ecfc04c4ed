package upstream

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/backoff"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// reconcile is the time between two polls of all flags beside a stream or delta polls.
const reconcile = 5 * time.Minute

// deltaPolls is when a scope polls GET /api/client/delta. It is owned by the goroutine
// that polls.
type deltaPolls struct {
	active   atomic.Bool // the last poll was one; others may read it
	complete time.Time
	refused  time.Time // until when the server is not asked
	refusals int
	last     string // why it has refused
}

// polled notes an answer with all flags, or that there are no others.
func (d *deltaPolls) polled() {
	d.active.Store(false)
	d.complete = time.Now()
}

// used notes an answer with what has changed.
func (d *deltaPolls) used() {
	d.active.Store(true)
	d.refusals, d.last = 0, ""
}

// due reports whether the next poll is of the delta. One with all flags comes first, and
// every now and then.
func (d *deltaPolls) due() bool {
	return !d.complete.IsZero() && time.Since(d.complete) < reconcile && !time.Now().Before(d.refused)
}

// fetchDelta requests what has changed. done is false where all flags are to be requested
// instead.
func (s *scope) fetchDelta(ctx context.Context) (done bool, err error) {
	s.mu.Lock()
	id, last, lower := s.events.id, s.last, s.regress.answers > 0
	s.mu.Unlock()
	if lower || !s.delta.due() {
		return false, nil
	}
	request, err := s.request(ctx, "delta")
	if err != nil {
		return true, err
	}
	if id != "" {
		request.Header.Set("If-None-Match", id)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return true, fmt.Errorf("token %d: %w", s.number, err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified && id != "":
		s.delta.used()
		return true, nil
	case response.StatusCode != http.StatusOK:
		err := s.statusError(response)
		if refuses(err) {
			s.refuseDelta(err)
			return false, nil
		}
		return true, err
	}
	body, err := untrusted.ReadText(response, s.maxBytes, 0)
	if err != nil {
		return true, s.readError(request, body, err)
	}
	events, err := parse.Events(ctx, body, s.env, last)
	if err == nil {
		err = s.take(events, response.Header.Get("ETag"), id == "")
	}
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	if err != nil {
		s.mu.Lock()
		s.events.id = ""
		s.mu.Unlock()
		s.log.Warn("the delta of upstream cannot be used: asking for all flags", "token", s.number, "err", err)
		return false, nil
	}
	s.delta.used()
	return true, nil
}

// refuseDelta notes that the server has no delta for this token now.
func (s *scope) refuseDelta(err error) {
	d := &s.delta
	d.refusals++
	d.refused = time.Now().Add(max(backoff.Exponential(refusedPause, d.refusals, maxRefusedPause),
		retryAfter(err, maxRefusedPause)))
	if text := err.Error(); text != d.last {
		d.last = text
		s.log.Warn("upstream has no delta: asking for all flags", "token", s.number, "err", err)
	}
}
