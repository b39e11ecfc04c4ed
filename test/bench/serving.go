package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// servingRounds is how often both servers take turns in each row, for a
// servingTurn each.
const (
	servingRounds = 5
	servingTurn   = 800 * time.Millisecond
)

// bar is what a row promises: peer's CPU divided by ours. 0: nothing.
type bar struct {
	times float64
	text  string
}

// serving measures the real binary against Unleash Edge, where
// UNLEASH_EDGE_BIN names one, on the same definitions; else against a
// hello-world on net/http. Load comes from this process, on the same machine.
func serving() []figure {
	s := newServers()
	defer s.stop()
	var figures []figure
	row := func(what string, flags int, b bar, target func(*server) vegeta.Targeter, code int) (ours, theirs turns) {
		us, peer := s.flagcast(flags), s.peer(flags)
		agree(us, peer)
		ours, theirs = alternate(us, peer, target, code)
		figures = append(figures, compareTurns(what, peer, ours, theirs, b)...)
		return ours, theirs
	}
	features := func(headers ...string) func(*server) vegeta.Targeter {
		return func(s *server) vegeta.Targeter { return s.features(headers...) }
	}
	frontend := (*server).frontend
	row("features, 1,000 flags, gzip", 1000, bar{40, "at most a fortieth of its CPU"},
		features("Accept-Encoding", "gzip"), http.StatusOK)
	row("features, 1,000 flags, identity", 1000, bar{5, "at most a fifth of its CPU"},
		features("Accept-Encoding", "identity"), http.StatusOK)
	row("features, 1,000 flags, If-None-Match", 1000, bar{25, "at most a twenty-fifth of its CPU"}, (*server).unchanged,
		http.StatusNotModified)
	ours, theirs := row("frontend, 1,000 flags, random users", 1000, bar{4, "at most a quarter of its CPU"}, frontend,
		http.StatusOK)
	row("the same, gzip", 1000, bar{4, "at most a quarter of its CPU"}, (*server).packed, http.StatusOK)
	figures = append(figures, s.packedSize(1000))
	small, hello := row("frontend, 5 flags", 5, bar{1, "at most its CPU"}, frontend, http.StatusOK)
	if !s.edge() {
		share := ratio(small, hello, rateOf)
		figures = append(figures, figure{
			What: "the same: of hello-world's requests per second", Unit: "times", Ours: stat{share, share},
			Bar: "at least 0.75", Met: share >= 0.75,
		})
	}
	// Half of what the peer can do; a hello-world does more than anybody has to.
	rate := theirs.rate().Median / 2
	if !s.edge() {
		rate = ours.rate().Median / 2
	}
	figures = append(figures, s.latency(rate), s.memory(1000, 48), s.memory(10_000, 128))
	return append(figures, s.change())
}

// compareTurns is a row as figures: CPU, which the bar is about, requests per
// second and the 99th percentile.
func compareTurns(what string, peer *server, ours, theirs turns, b bar) []figure {
	cost := figure{What: what + ": CPU", Unit: "s per 1,000", Ours: ours.cost(), Peer: theirs.cost(), Named: peer.name}
	cost.Ratio = ratio(theirs, ours, costOf)
	if peer.edge {
		cost.Bar, cost.Met = b.text, cost.Ratio >= b.times
	}
	rate := figure{What: "  requests", Unit: "per second", Ours: ours.rate(), Peer: theirs.rate(), Named: peer.name}
	rate.Ratio = ratio(ours, theirs, rateOf)
	tail := figure{What: "  99th percentile", Unit: "ms", Ours: ours.tail(), Peer: theirs.tail(), Named: peer.name}
	tail.Ratio = ratio(theirs, ours, tailOf)
	return []figure{cost, rate, tail}
}

// latency is the 99th percentile at a fixed rate. A turn is long: of a short one
// more than one request in a hundred would be the first of its connection.
func (s *servers) latency(rate float64) figure {
	us, peer := s.flagcast(1000), s.peer(1000)
	var ours, theirs turns
	for range 3 {
		ours = append(ours, attack(us, us.frontend(), rate, 8*servingTurn, http.StatusOK))
		theirs = append(theirs, attack(peer, peer.frontend(), rate, 8*servingTurn, http.StatusOK))
	}
	f := figure{
		What: fmt.Sprintf("frontend, 1,000 flags, %.0f a second: p99", rate), Unit: "ms",
		Ours: ours.tail(), Peer: theirs.tail(), Named: peer.name,
	}
	f.Ratio = ratio(theirs, ours, tailOf)
	if peer.edge {
		f.Bar, f.Met = "at most a quarter of its", f.Ratio >= 4
	}
	return f
}

// memory is the largest resident set while all kinds of requests come.
func (s *servers) memory(flags int, limit float64) figure {
	us, peer := s.flagcast(flags), s.peer(flags)
	largest := func(s *server) stat {
		var list turns
		for _, target := range []vegeta.Targeter{
			s.features("Accept-Encoding", "gzip"), s.features("Accept-Encoding", "identity"), s.frontend(), s.packed(),
		} {
			list = append(list, attack(s, target, 0, 2*servingTurn, http.StatusOK))
		}
		most := slices.MaxFunc(list, func(a, b turn) int { return int(a.rss - b.rss) })
		return stat{most.rss, most.rss}
	}
	f := figure{
		What: fmt.Sprintf("memory under load, %d flags", flags), Unit: "MB", Ours: largest(us), Peer: largest(peer),
		Named: peer.name,
	}
	f.Ratio = f.Peer.Median / f.Ours.Median
	f.Bar, f.Met = fmt.Sprintf("at most %g MB", limit), f.Ours.Median <= limit
	return f
}

// features asks for all definitions. Every server is asked for what it serves:
// a hello-world for its one answer.
func (s *server) features(headers ...string) vegeta.Targeter {
	h := http.Header{"Authorization": {backendToken}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return vegeta.NewStaticTargeter(vegeta.Target{
		Method: http.MethodGet, URL: s.url + "/api/client/features", Header: h,
	})
}

// unchanged asks with the entity tag of a first answer.
func (s *server) unchanged() vegeta.Targeter {
	response := s.get("/api/client/features", http.Header{"Authorization": {backendToken}, "Accept-Encoding": {"gzip"}})
	return s.features("Accept-Encoding", "gzip", "If-None-Match", response.tag)
}

// packedSize is the size of a packed answer of the frontend API.
func (s *servers) packedSize(flags int) figure {
	us, peer := s.flagcast(flags), s.peer(flags)
	size := func(s *server) stat {
		h := http.Header{"Authorization": {frontendToken}, "Accept-Encoding": {"gzip"}}
		kB := float64(len(s.get("/api/frontend?userId=user-7", h).body)) / 1000
		return stat{kB, kB}
	}
	f := figure{What: "  size, gzip", Unit: "kB", Ours: size(us), Peer: size(peer), Named: peer.name}
	f.Ratio = f.Peer.Median / f.Ours.Median
	return f
}

// frontend asks for the flags of another user each time.
func (s *server) frontend() vegeta.Targeter { return s.users("identity") }

// packed is the same for a client that takes gzip.
func (s *server) packed() vegeta.Targeter { return s.users("gzip") }

func (s *server) users(encoding string) vegeta.Targeter {
	h := http.Header{"Authorization": {frontendToken}, "Accept-Encoding": {encoding}}
	countries := []string{"norway", "value-17", "cn"}
	return func(t *vegeta.Target) error {
		user := rand.IntN(1_000_000)
		t.Method, t.Header = http.MethodGet, h
		t.URL = s.url + "/api/frontend?userId=user-" + strconv.Itoa(user) + "&properties%5Bcountry%5D=" +
			countries[user%len(countries)]
		return nil
	}
}
