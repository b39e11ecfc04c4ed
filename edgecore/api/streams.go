package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/state"
)

const (
	// heartbeat is shorter than the minute after which SDKs give a silent connection up,
	// and than the time that load balancers keep one. It is looked at every turn.
	heartbeat = 25 * time.Second
	turn      = 5 * time.Second
)

// streams are the clients of GET /api/client/streaming, and of the notices of OFREP. One goroutine for each environment
// waits for changes, and writes to all clients; clients that have read everything have none.
type streams struct {
	api     *api
	max     int
	open    atomic.Int64
	comment *frame // a heartbeat

	mu        sync.Mutex
	addresses map[netip.Addr]int
	fanouts   map[edgecore.Environment]*fanout
	draining  bool
	over      time.Duration // in which they end

	refused   prometheus.Counter
	connected *prometheus.CounterVec // by result
	ended     *prometheus.CounterVec // by reason
	bytes     prometheus.Counter
	took      prometheus.Histogram
}

// Why a stream ends.
const (
	endGone    = "gone"    // the client has closed it
	endSlow    = "slow"    // the client does not read
	endDrain   = "drain"   // this process ends
	endRevoked = "revoked" // the token is not valid any more
)

func newStreams(a *api) *streams {
	s := &streams{
		api: a, max: a.MaxStreams, addresses: map[netip.Addr]int{}, fanouts: map[edgecore.Environment]*fanout{},
		comment: newFrame(":\n\n", nil, ""),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flagcast_streams_refused_total",
			Help: "Streams that were refused since api.max_streams were open, or half of them from one address.",
		}),
		connected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flagcast_stream_connections_total",
			Help: "Streams by what they began with: hydrated (all flags), resumed (what had changed), current " +
				"(nothing).",
		}, []string{"result"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flagcast_stream_ends_total",
			Help: "Streams that have ended: gone (the client has closed it), slow (it did not read), drain, revoked.",
		}, []string{"reason"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flagcast_stream_bytes_total", Help: "Bytes of events that were sent.",
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "flagcast_stream_fanout_seconds",
			Help:    "Time from a change until it was written to every stream whose client keeps up.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5},
		}),
	}
	for _, result := range []string{"hydrated", "resumed", "current"} {
		s.connected.WithLabelValues(result)
	}
	for _, reason := range []string{endGone, endSlow, endDrain, endRevoked} {
		s.ended.WithLabelValues(reason)
	}
	a.Registry.MustRegister(s.refused, s.connected, s.ended, s.bytes, s.took,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flagcast_streams", Help: "Streams that are open.",
		}, func() float64 { return float64(s.open.Load()) }))
	return s
}

// take reports whether one more may be open. Each that may is released.
func (s *streams) take(from netip.Addr) bool {
	if s.tryTake(from) {
		return true
	}
	s.sweep() // some may have gone
	if s.tryTake(from) {
		return true
	}
	s.refused.Inc()
	return false
}

func (s *streams) tryTake(from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A hundred are few: of one address they need not be fewer.
	if int(s.open.Load()) >= s.max || s.addresses[from] >= max(s.max/2, min(s.max, 100)) {
		return false
	}
	s.open.Add(1)
	s.addresses[from]++
	return true
}

func (s *streams) release(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Add(-1)
	if s.addresses[from]--; s.addresses[from] == 0 {
		delete(s.addresses, from)
	}
}

// all returns the clients.
func (s *streams) all() (list []*client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.fanouts {
		f.mu.Lock()
		for _, g := range f.groups {
			list = append(list, g.clients...)
		}
		f.mu.Unlock()
	}
	return list
}

// sweep ends the streams that their clients have closed.
func (s *streams) sweep() {
	for _, c := range s.all() {
		if c.connection.gone() {
			c.end(endGone)
		}
	}
}

// drain ends each stream once, at a time of its own, so that the clients do not all
// connect to another process in the same moment.
func (s *streams) drain(over time.Duration) {
	s.mu.Lock()
	s.draining, s.over = true, over
	s.mu.Unlock()
	for _, c := range s.all() {
		c.endWithin(over)
	}
}

// add has changes sent to a client.
func (s *streams) add(c *client, of *audience, scope access.Scope) {
	s.mu.Lock()
	f := s.fanouts[scope.Environment]
	if f == nil {
		f = &fanout{streams: s, environment: scope.Environment, groups: map[groupKey]*group{}}
		s.fanouts[scope.Environment] = f
		go f.run()
	}
	f.mu.Lock()
	g := f.groups[of.key]
	if g == nil {
		g = &group{audience: of, api: s.api, checked: time.Now()}
		g.scope.Store(&scope)
		f.groups[of.key] = g
	}
	c.group = g
	g.clients = append(g.clients, c)
	f.mu.Unlock()
	draining, over := s.draining, s.over
	s.mu.Unlock()
	if draining {
		c.endWithin(over)
	}
	if st, err := s.api.States.Load(scope.Environment); err == nil { // it may be newer than what was sent
		c.update(g.frames(st))
	}
}

// fanout sends the changes of one environment, as long as it has clients.
type fanout struct {
	streams     *streams
	environment edgecore.Environment
	mu          sync.Mutex
	groups      map[groupKey]*group
}

// audience is what clients of a group have in common.
type audience struct {
	key    groupKey
	filter filter
	check  func(context.Context) (access.Scope, error) // what the token may see, as of now
	frame  func(now *content, before *delta.Digests) *frame
	id     func(now *content) string // of its frames
	spread time.Duration             // in which a change is sent to all of them
}

// groupKey names a group.
type groupKey struct{ authorization, prefix, projects string }

// group are clients with one token and one filter, which get the same.
type group struct {
	*audience
	api     *api
	scope   atomic.Pointer[access.Scope] // as last known
	checked time.Time                    // by the goroutine of the fanout
	clients []*client                    // protected by fanout.mu
}

func (f *fanout) run() {
	version := uint64(0)
	for {
		ctx, stop := context.WithTimeout(context.Background(), turn)
		st, err := f.streams.api.States.Wait(ctx, f.environment, version)
		stop()
		if err != nil {
			st = nil
		} else {
			version = st.Version
		}
		if !f.send(st) {
			return
		}
	}
}

// send sends a new state, nil for none, and heartbeats. It returns false when there is no
// client any more.
func (f *fanout) send(st *state.State) bool {
	began := time.Now()
	for g, clients := range f.live() {
		if (st != nil || began.Sub(g.checked) >= heartbeat) && !g.authorized() {
			for _, c := range clients {
				go c.end(endRevoked) // which may wait for the client
			}
			continue
		}
		if st != nil {
			frames := g.frames(st)
			inParts(clients, func(c *client) { c.updateWithin(g.spread, frames) })
		}
		// Also after changes, which may be for other clients, one after the other.
		inParts(clients, func(c *client) { c.beat(began) })
	}
	if st != nil {
		f.streams.took.Observe(time.Since(began).Seconds())
	}
	f.streams.mu.Lock()
	defer f.streams.mu.Unlock()
	if len(f.groups) == 0 {
		delete(f.streams.fanouts, f.environment)
		return false
	}
	return true
}

// live removes clients that have ended, and returns the others.
func (f *fanout) live() map[*group][]*client {
	f.mu.Lock()
	defer f.mu.Unlock()
	live := make(map[*group][]*client, len(f.groups))
	for key, g := range f.groups {
		g.clients = slices.DeleteFunc(g.clients, (*client).hasEnded)
		if len(g.clients) == 0 {
			delete(f.groups, key)
			continue
		}
		live[g] = g.clients[:len(g.clients):len(g.clients)] // others may be added meanwhile
	}
	return live
}

// inParts calls do for each client, for some at a time.
func inParts(clients []*client, do func(*client)) {
	const least = 256
	parts := min(runtime.GOMAXPROCS(0), 1+len(clients)/least)
	var working sync.WaitGroup
	for part := range slices.Chunk(clients, (len(clients)+parts-1)/parts) {
		working.Go(func() {
			for _, c := range part {
				do(c)
			}
		})
	}
	working.Wait()
}

// authorized reports whether the token is still valid, and takes its scope of now. While
// upstream cannot be asked, open streams stay as they are.
func (g *group) authorized() bool {
	ctx, stop := context.WithTimeout(context.Background(), turn)
	defer stop()
	scope, err := g.check(ctx)
	switch {
	case errors.Is(err, access.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return true
	case err != nil || scope.Environment != g.scope.Load().Environment: // a stream is of one environment
		return false
	}
	g.scope.Store(&scope)
	g.checked = time.Now()
	return true
}

// frames returns what the clients of the group get of a state.
func (g *group) frames(st *state.State) *frames {
	f, scope := &frames{of: map[string]*frame{}, frame: g.frame}, *g.scope.Load()
	f.now, _ = g.api.contentOf(scope, st, g.filter, nil)
	f.id = g.id(f.now)
	f.before = func(id string) *delta.Digests {
		_, before := g.api.contentOf(scope, st, g.filter, []string{id})
		return before
	}
	return f
}

// frames are the frames of one content, by what clients have. Each is made once.
type frames struct {
	now    *content
	id     string // of the content, for these clients
	before func(id string) *delta.Digests
	frame  func(now *content, before *delta.Digests) *frame
	mu     sync.Mutex
	of     map[string]*frame
}

func (f *frames) since(id string) *frame {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[id] == nil {
		f.of[id] = f.frame(f.now, f.before(id))
	}
	return f.of[id]
}

// updateWithin sends what is new at a random time.
func (c *client) updateWithin(spread time.Duration, f *frames) {
	if spread == 0 {
		c.update(f)
		return
	}
	time.AfterFunc(rand.N(spread), func() { c.update(f) })
}

// endWithin ends the stream at a random time.
func (c *client) endWithin(over time.Duration) {
	time.AfterFunc(time.Duration(rand.Int64N(int64(over)+1)), func() { c.end(endDrain) })
}
