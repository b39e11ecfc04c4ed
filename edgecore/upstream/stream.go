package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/backoff"
	"github.com/flagcast/flagcast/internal/sse"
	"github.com/flagcast/flagcast/internal/untrusted"
)

const (
	// silence is how long a stream may send nothing: servers send a comment every 30 s at
	// least.
	silence = time.Minute
	// A stream that has ended is opened again within streamPause, doubled for each further
	// end up to maxStreamPause. One that was open for steady begins from the first.
	streamPause    = time.Second
	maxStreamPause = 30 * time.Second
	steady         = time.Minute
	// A server that refuses the stream is asked again after refusedPause, doubled up to
	// maxRefusedPause.
	refusedPause    = 5 * time.Minute
	maxRefusedPause = time.Hour
)

var (
	errSilent  = fmt.Errorf("nothing has arrived for %s", silence)
	errPolling = errors.New("upstream asks to poll (fetch-mode)")
)

// refuses reports whether an error says that the server has no stream for this token now.
// Nothing follows for the token: Unleash Edge without streaming answers 403.
func refuses(err error) bool {
	var status *StatusError
	if !errors.As(err, &status) {
		return errors.Is(err, errPolling) || errors.Is(err, errNoStream)
	}
	return slices.Contains([]int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusNotAcceptable, http.StatusTooManyRequests, http.StatusNotImplemented,
	}, status.Status) || status.Status/100 == 3
}

var errNoStream = errors.New("the answer is not an event stream")

// follow keeps the stream open until ctx ends.
func (s *scope) follow(ctx context.Context) {
	ends, refusals := 0, 0 // in a row
	log := streamLog{scope: s}
	// A command that needs one answer has it by then.
	pause := backoff.Jitter(0, streamPause)
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.retry:
			timer.Stop()
		case <-timer.C:
		}
		opened := time.Now()
		err := s.connect(ctx, log.opened)
		s.ended()
		s.notify()
		if ctx.Err() != nil {
			return
		}
		log.ended(err)
		if refuses(err) {
			ends = 0
			refusals++
			pause = backoff.Exponential(refusedPause, refusals, maxRefusedPause)
			pause = backoff.Jitter(pause-pause/10, pause+pause/10)
			if wait := retryAfter(err, maxRefusedPause); wait > 0 {
				pause = backoff.Jitter(wait, wait+wait/10)
			}
			continue
		}
		if refusals = 0; time.Since(opened) >= steady {
			ends = 0
		}
		ends++
		pause = max(backoff.Jitter(0, backoff.Exponential(streamPause, ends, maxStreamPause)),
			retryAfter(err, maxStreamPause))
	}
}

// retryStream has a stream that was refused tried now.
func (s *scope) retryStream() {
	if s.isLive() {
		return
	}
	select {
	case s.retry <- struct{}{}:
	default:
	}
}

func (s *scope) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events.live
}

// notify has the feed look at what the stream has changed.
func (s *scope) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// connect opens the stream and takes its events until it ends. opened is called when the
// flags are those of the stream.
func (s *scope) connect(parent context.Context, opened func()) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	s.mu.Lock()
	s.events.cancel = cancel
	id := s.events.id
	s.mu.Unlock()
	err := s.stream(ctx, cancel, id, opened)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (s *scope) stream(ctx context.Context, cancel context.CancelCauseFunc, id string, opened func()) error {
	request, err := s.request(ctx, "streaming")
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Accept-Encoding", "identity") // what packs may hold events back
	request.Header.Set("Cache-Control", "no-cache")
	if id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	watchdog := time.AfterFunc(s.timeout, func() {
		cancel(fmt.Errorf("GET %s: no answer within %s", request.URL, s.timeout))
	})
	defer watchdog.Stop()
	response, err := s.streams.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return s.statusError(response)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != "text/event-stream" {
		return fmt.Errorf("GET %s: %w but %q", request.URL, errNoStream, kind)
	}
	watchdog.Stop()
	silent := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer silent.Stop()
	body := &watched{Reader: response.Body, read: func() { silent.Reset(silence) }, notify: s.notify}
	events := sse.NewReader(body, s.maxBytes)
	for first := id == ""; ; {
		e, err := events.Next()
		var large *untrusted.SizeError
		if errors.As(err, &large) {
			err = fmt.Errorf("an event has %w: set upstream.max_bytes to more", err)
		}
		switch {
		case err != nil:
		case e.Type == "unleash-connected" || e.Type == "unleash-updated":
			if err = s.takeFrame(ctx, e, first); err == nil && e.Type == "unleash-connected" {
				opened()
			}
			first = false
			s.notify()
		case e.Type == "fetch-mode" && e.Data == "polling":
			err = errPolling
		}
		if err != nil {
			return fmt.Errorf("GET %s: %w", request.URL, err)
		}
	}
}

// takeFrame takes the events of one frame. Where they cannot be taken, all flags are
// asked for.
func (s *scope) takeFrame(ctx context.Context, e sse.Event, first bool) error {
	events, err := parse.Events(ctx, e.Data, s.env, s.newest())
	if err == nil {
		err = s.take(events, e.ID, first)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.events.id = ""
		return err
	}
	s.events.live = true
	if e.Type == "unleash-connected" {
		s.events.counts.Connects++
	}
	return nil
}

// watched is a body that calls read for everything that arrives, and notify at most once
// a second.
type watched struct {
	io.Reader
	read, notify func()
	notified     time.Time
}

func (h *watched) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if n > 0 {
		h.read()
		if now := time.Now(); now.Sub(h.notified) >= time.Second {
			h.notified = now
			h.notify()
		}
	}
	return n, err
}

// streamLog logs when the stream begins to work, and when it cannot, for another reason
// than before.
type streamLog struct {
	*scope
	last string
}

func (l *streamLog) opened() {
	if l.last != "open" {
		l.last = "open"
		l.log.Info("upstream streams changes", "token", l.number)
	}
}

func (l *streamLog) ended(err error) {
	switch text := err.Error(); {
	case refuses(err):
		if text == l.last {
			return
		}
		l.last = text
		if l.mode == ModeStream {
			l.log.Warn("upstream does not stream: polling, as upstream.mode auto does without a warning", "err", err)
			return
		}
		l.log.Info("upstream does not stream: polling", "reason", err.Error())
	case errors.Is(err, io.EOF), errors.Is(err, errNewToken), errors.Is(err, errDrift):
		l.log.Debug("the stream of upstream has ended and is opened again", "token", l.number, "reason", text)
	case text != l.last:
		l.last = text
		l.log.Warn("the stream of upstream has failed and is opened again; polling meanwhile", "err", err)
	}
}
