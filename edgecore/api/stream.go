package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/state"
)

const (
	streamRoute  = "GET /api/client/streaming"
	noticesRoute = "GET " + ofrepEvents
	// A client that does not read so many bytes in so long is disconnected.
	streamTimeout = 20 * time.Second
	streamChunk   = 64 << 10
)

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
	chosen := filterOf(query)
	chosen.narrow(scope) // without empty names: it is shared from here on
	authorization := r.Header.Get(a.tokenHeader())
	from := clientOf(r)
	audience := &audience{
		key:    groupKey{authorization, chosen.prefix, fmt.Sprintf("%q", chosen.projects)},
		filter: chosen,
		check: func(ctx context.Context) (access.Scope, error) {
			return a.Access.Check(ctx, from, authorization, access.Client)
		},
		frame: func(now *content, before *delta.Digests) *frame { return now.frame("unleash-updated", before) },
		id:    func(now *content) string { return now.ID },
	}
	a.open(w, r, scope, st, audience, func(now *content, before *delta.Digests) (*frame, string) {
		result := "resumed"
		switch before {
		case nil:
			result = "hydrated"
		case now.Digests:
			result = "current"
		}
		return now.frame("unleash-connected", before), result
	})
}

// open opens a stream, and has changes sent to it. first returns its first frame, and what
// that is called among the metrics.
func (a *api) open(
	w http.ResponseWriter, r *http.Request, scope access.Scope, st *state.State, of *audience,
	first func(now *content, before *delta.Digests) (*frame, string),
) {
	if a.draining.Load() {
		writeUnavailable(w, "this process is about to end")
		return
	}
	from := clientOf(r)
	if !a.streams.take(from) {
		w.Header().Set("Retry-After", "30")
		writeError(w, http.StatusTooManyRequests,
			"api.max_streams clients are connected, or half of them from this address: poll, or connect again later")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events
	now, before := a.contentOf(scope, st, of.filter, []string{r.Header.Get("Last-Event-ID")})
	begin, result := first(now, before)
	c := &client{connection: newConnection(w, r), streams: a.streams, from: from, has: of.id(now), at: now.version}
	a.streams.connected.WithLabelValues(result).Inc()
	// The first frame may be large: it is written here, where no other client waits for it.
	if err := c.send(begin); err != nil {
		c.end(endSlow)
	} else {
		a.streams.add(c, of, scope)
	}
	c.connection.wait(c)
}

// client is one stream. A goroutine writes to it only while it does not read as fast as
// frames come; frames are shared, and what comes meanwhile is one frame after it.
type client struct {
	connection connection
	streams    *streams
	from       netip.Addr
	group      *group

	mu     sync.Mutex
	has    string // the ID of what was sent, or is being written
	at     uint64 // the version of the state that it is of
	busy   bool   // a goroutine writes
	late   bool   // something has changed meanwhile
	ended  bool
	wrote  time.Time
	writes sync.WaitGroup
}

// send writes a frame, and waits until it is written.
func (c *client) send(f *frame) error {
	c.wrote = time.Now()
	c.streams.bytes.Add(float64(len(f.data)))
	return c.connection.write(c.connection.form(f))
}

// update sends what is new, or notes that there is something.
func (c *client) update(f *frames) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended || f.now.version < c.at: // newest wins, in whatever order they come
	case c.has == f.id: // the change is not for this client
		c.at = f.now.version
	case c.busy:
		c.late = true
	default:
		frame := f.since(c.has)
		c.has, c.at = f.id, f.now.version
		c.streams.bytes.Add(float64(len(frame.data)))
		c.begin(c.connection.form(frame))
	}
}

// beat sends a comment where nothing was sent for long.
func (c *client) beat(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended || c.busy || now.Sub(c.wrote) <= heartbeat-turn:
	case c.connection.gone(): // a first write would succeed
		go c.end(endGone)
	default:
		c.begin(c.connection.form(c.streams.comment))
	}
}

// begin writes what fits, and leaves the rest to a goroutine. c.mu is locked.
func (c *client) begin(b []byte) {
	c.wrote = time.Now()
	n, err := c.connection.try(b)
	switch {
	case err != nil:
		go c.end(endGone)
	case n < len(b):
		c.busy = true
		c.writes.Go(func() { c.finish(b[n:]) })
	}
}

func (c *client) finish(b []byte) {
	err := c.connection.write(b)
	c.mu.Lock()
	c.busy = false
	late := c.late
	c.late = false
	c.mu.Unlock()
	if err != nil {
		c.end(endSlow)
		return
	}
	if st, err := c.streams.api.States.Load(c.group.scope.Load().Environment); late && err == nil {
		c.update(c.group.frames(st))
	}
}

// end ends the stream, once.
func (c *client) end(why string) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	busy := c.busy
	c.mu.Unlock()
	c.connection.close(busy)
	c.streams.release(c.from)
	c.streams.ended.WithLabelValues(why).Inc()
}

func (c *client) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}
