package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/state"
)

const (
	streamRoute = "GET /api/client/streaming"
	// heartbeat is shorter than the minute after which SDKs give a silent connection up,
	// and than the time that load balancers keep one.
	heartbeat = 25 * time.Second
	// A client that does not read so many bytes in so long is disconnected.
	streamTimeout = 20 * time.Second
	streamChunk   = 64 << 10
)

// streams counts the streams that are open, and ends them.
type streams struct {
	max     int64
	open    atomic.Int64
	refused prometheus.Counter
	ending  context.Context
	end     context.CancelFunc
	over    atomic.Int64 // the time.Duration in which they end
}

func newStreams(most int, registry *prometheus.Registry) *streams {
	s := &streams{max: int64(most), refused: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "flagcast_streams_refused_total", Help: "Streams that were refused since api.max_streams were open.",
	})}
	s.ending, s.end = context.WithCancel(context.Background())
	registry.MustRegister(s.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flagcast_streams", Help: "Streams that are open.",
	}, func() float64 { return float64(s.open.Load()) }))
	return s
}

// take reports whether one more may be open. Each that may is released.
func (s *streams) take() bool {
	if s.open.Add(1) <= s.max {
		return true
	}
	s.open.Add(-1)
	s.refused.Inc()
	return false
}

func (s *streams) release() { s.open.Add(-1) }

// drain ends each stream once, at a time of its own, so that the clients do not all
// connect to another process in the same moment.
func (s *streams) drain(over time.Duration) {
	s.over.Store(int64(over))
	s.end()
}

// context returns a context that ends with the stream. The caller releases it.
func (s *streams) context(parent context.Context) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	stop := context.AfterFunc(s.ending, func() {
		time.AfterFunc(time.Duration(rand.Int64N(s.over.Load()+1)), cancel)
	})
	return ctx, func() { stop(); cancel() }
}

// stream serves GET /api/client/streaming, server-sent events of changes for SDKs in their
// streaming mode. The first event is what has changed since the id in Last-Event-ID, or all
// flags; ids are the entity tags of delta.
func (a *api) stream(w http.ResponseWriter, r *http.Request) {
	if a.streams.max == 0 {
		writeError(w, http.StatusNotFound, "streaming is switched off: api.max_streams is 0")
		return
	}
	scope, st, ok := a.authorize(w, r, access.Client)
	if !ok {
		return
	}
	query, ok := readQuery(w, r)
	if !ok {
		return
	}
	if a.draining.Load() {
		writeUnavailable(w, "this process is about to end")
		return
	}
	if !a.streams.take() {
		w.Header().Set("Retry-After", "30")
		writeError(w, http.StatusTooManyRequests, "api.max_streams clients are connected: poll, or connect again later")
		return
	}
	defer a.streams.release()
	ctx, release := a.streams.context(r.Context())
	defer release()
	s := &stream{
		api: a, w: w, r: r, connection: http.NewResponseController(w), filter: filterOf(query), scope: scope,
	}
	s.start()
	if s.connected(st) == nil {
		s.follow(ctx, st)
	}
}

// stream is one client.
type stream struct {
	api        *api
	w          http.ResponseWriter
	r          *http.Request
	connection *http.ResponseController
	filter     filter
	scope      access.Scope // of the token, as last known
	has        string       // the id of what the client has
	buffer     []byte
}

// start sends the header. The deadlines of the server are for short requests.
func (s *stream) start() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events
	if s.r.ProtoMajor == 1 {
		h.Set("Connection", "close") // so that its end leads to another process
	}
	_ = s.connection.SetReadDeadline(time.Time{}) // a server in a test may have none
	s.w.WriteHeader(http.StatusOK)
}

// connected sends the first event. Its list is empty for a client that has everything.
func (s *stream) connected(st *state.State) error {
	now, before := s.api.contentOf(s.scope, st, s.filter, []string{s.r.Header.Get("Last-Event-ID")})
	s.has = now.ID
	if before == now.Digests {
		return s.send("unleash-connected", []byte(`{"events":[]}`))
	}
	return s.send("unleash-connected", now.events(before).bytes)
}

// follow sends what changes, until the stream ends.
func (s *stream) follow(ctx context.Context, st *state.State) {
	for {
		wait, stop := context.WithTimeout(ctx, heartbeat)
		next, err := s.api.States.Wait(wait, st.Definitions.Environment, st.Version)
		stop()
		if ctx.Err() != nil {
			return
		}
		if !s.authorized(ctx) {
			return
		}
		if err != nil {
			err = s.write([]byte(":\n\n"))
		} else {
			st = next
			err = s.update(st)
		}
		if err != nil {
			return
		}
	}
}

// authorized reports whether the token of the client is still valid, and takes its scope
// of now. While upstream cannot be asked, an open stream stays as it is.
func (s *stream) authorized(ctx context.Context) bool {
	scope, err := s.api.Access.Check(ctx, clientOf(s.r), s.r.Header.Get(s.api.tokenHeader()), access.Client)
	if errors.Is(err, access.ErrUnavailable) {
		return true
	}
	// A stream is of one environment.
	if err != nil || scope.Environment != s.scope.Environment {
		return false
	}
	s.scope = scope
	return true
}

func (s *stream) update(st *state.State) error {
	now, before := s.api.contentOf(s.scope, st, s.filter, []string{s.has})
	if before == now.Digests {
		return nil // the change is not for this client
	}
	s.has = now.ID
	return s.send("unleash-updated", now.events(before).bytes)
}

// send writes an event. Its data has one line.
func (s *stream) send(event string, data []byte) error {
	s.buffer = append(append(s.buffer[:0], "id: "...), s.has...)
	s.buffer = append(append(s.buffer, "\nevent: "...), event...)
	s.buffer = append(s.buffer, "\ndata: "...)
	for _, part := range [][]byte{s.buffer, data, []byte("\n\n")} {
		if err := s.put(part); err != nil {
			return err
		}
	}
	return s.flush()
}

func (s *stream) write(b []byte) error {
	if err := s.put(b); err != nil {
		return err
	}
	return s.flush()
}

// put writes in parts, so that a slow client has time for each of them.
func (s *stream) put(b []byte) error {
	for len(b) > 0 {
		s.extend()
		n, err := s.w.Write(b[:min(len(b), streamChunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (s *stream) flush() error {
	s.extend()
	return s.connection.Flush()
}

func (s *stream) extend() {
	_ = s.connection.SetWriteDeadline(time.Now().Add(streamTimeout))
}
