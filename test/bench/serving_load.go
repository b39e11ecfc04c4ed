package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// turn is what one attack on one server has shown.
type turn struct {
	cost float64 // seconds of the server's CPU for 1,000 requests
	rate float64 // requests per second
	tail float64 // 99th percentile in ms
	rss  float64 // the largest resident set, in MB
}

type turns []turn

func (t turns) cost() stat { return t.stat(costOf) }
func (t turns) rate() stat { return t.stat(rateOf) }
func (t turns) tail() stat { return t.stat(tailOf) }

func (t turns) stat(of func(turn) float64) stat {
	var all []float64
	for _, one := range t {
		all = append(all, of(one))
	}
	slices.Sort(all)
	return stat{all[0], all[len(all)/2]}
}

// ratio is the median of theirs to ours, turn by turn: what has slowed a turn
// down has slowed its pair down, too.
func ratio(theirs, ours turns, of func(turn) float64) float64 {
	var all []float64
	for i := range ours {
		all = append(all, of(theirs[i])/of(ours[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func costOf(t turn) float64 { return t.cost }
func rateOf(t turn) float64 { return t.rate }
func tailOf(t turn) float64 { return t.tail }

// alternate asks both servers in turn, as fast as they answer. The first turn
// of each warms up, and does not count.
func alternate(us, peer *server, target func(*server) vegeta.Targeter, code int) (ours, theirs turns) {
	for i, one := range []*server{us, peer} {
		attack(one, target(one), 0, servingTurn/2, []int{code, peer.code(code)}[i])
	}
	for range servingRounds {
		ours = append(ours, attack(us, target(us), 0, servingTurn, code))
		theirs = append(theirs, attack(peer, target(peer), 0, servingTurn, peer.code(code)))
	}
	return ours, theirs
}

// connections of the load generator. Few: it shares the machine with the
// server.
const connections = 16

// attack asks a server at a rate, or with 0 as fast as it answers. Any other
// status than code ends the run: it would be no comparison.
func attack(s *server, target vegeta.Targeter, rate float64, d time.Duration, code int) turn {
	pace, workers := vegeta.Rate{Freq: int(rate), Per: time.Second}, uint64(connections)
	if rate > 0 {
		workers = 20 * connections // one that waits must not keep others from being sent
	}
	attacker := vegeta.NewAttacker(
		vegeta.Workers(connections), vegeta.MaxWorkers(workers), vegeta.Connections(int(workers)),
		vegeta.KeepAlive(true), vegeta.HTTP2(false), vegeta.Timeout(10*time.Second),
		vegeta.MaxBody(0), // read to the end, and thrown away: garbage here would slow both servers
	)
	var m vegeta.Metrics
	var t turn
	before, looked := cpu(s.pid()), time.Time{}
	for r := range attacker.Attack(target, pace, d, "") {
		if r.Code != uint16(s.code(code)) {
			check(fmt.Errorf("%s answers %s with %d %s, not with %d", s.name, r.URL, r.Code, r.Error, s.code(code)))
		}
		r.Body = nil
		m.Add(r)
		if now := time.Now(); now.Sub(looked) > 20*time.Millisecond {
			looked = now
			t.rss = max(t.rss, memoryOf(s.pid()))
		}
	}
	m.Close()
	used := cpu(s.pid()) - before
	if m.Requests == 0 {
		fmt.Fprintln(os.Stderr, "bench: no requests to", s.name)
		os.Exit(1)
	}
	t.cost = used.Seconds() / float64(m.Requests) * 1000
	t.rate = m.Throughput
	t.tail = float64(m.Latencies.P99) / float64(time.Millisecond)
	return t
}
