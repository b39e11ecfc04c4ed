package access

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func at(text string, peer bool) source { return sourceOf(netip.MustParseAddr(text), peer) }

func named(name string) *question { return &question{key: digestOf(name)} }

func TestSources(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
	} {
		if same := at(tc.a, false) == at(tc.b, false); same != tc.same {
			t.Errorf("%s and %s: %v, want %v", tc.a, tc.b, same, tc.same)
		}
	}
	if at("192.0.2.1", false) == at("192.0.2.1", true) {
		t.Error("a client is another core")
	}
	if sourceOf(netip.Addr{}, false) != (source{}) {
		t.Error("there is more than one source without an address")
	}
}

// TestShares: who gets which part of a call.
func TestShares(t *testing.T) {
	for _, tc := range []struct{ known, clients, peers, wantKnown, wantClients, wantPeers int }{
		{0, 200, 200, 0, 50, 50},
		{0, 200, 0, 0, 100, 0},
		{0, 0, 200, 0, 0, 100},
		{0, 200, 10, 0, 90, 10},
		{0, 3, 200, 0, 3, 97},
		{200, 200, 200, 50, 25, 25},
		{200, 0, 0, 100, 0, 0},
		{200, 1, 1, 98, 1, 1},
		{10, 200, 200, 10, 45, 45},
		{10, 20, 30, 10, 20, 30},
	} {
		var q queue
		for i := range tc.known {
			q.revalidations = append(q.revalidations, named(fmt.Sprint("k", i)))
		}
		for i := range tc.clients {
			q.add(named(fmt.Sprint("c", i)), at("192.0.2.1", false))
		}
		for i := range tc.peers {
			q.add(named(fmt.Sprint("p", i)), at("192.0.2.1", true))
		}
		batch := q.take(100)
		known, clients, peers := tc.known-len(q.revalidations), tc.clients-q.clients.size, tc.peers-q.peers.size
		if known != tc.wantKnown || clients != tc.wantClients || peers != tc.wantPeers || len(batch) != known+clients+
			peers {
			t.Errorf("%+v: %d, %d and %d of %d", tc, known, clients, peers, len(batch))
		}
	}
}

// TestTurns: sources take turns, and one that comes later has its turn in the
// same round.
func TestTurns(t *testing.T) {
	var q queue
	names := map[digest]string{}
	ask := func(name, from string) {
		names[digestOf(name)] = name
		if _, ok := q.add(named(name), at(from, false)); !ok {
			t.Errorf("no place for %s", name)
		}
	}
	take := func(n int) (list []string) {
		for _, one := range q.take(n) {
			list = append(list, names[one.key])
		}
		return list
	}
	for i := range 4 {
		ask(fmt.Sprint("a", i), "192.0.2.1")
	}
	ask("b0", "192.0.2.2")
	ask("b1", "192.0.2.2")
	got := take(2)
	ask("c0", "192.0.2.3")
	got = append(got, take(100)...)
	if want := []string{"a0", "b0", "a1", "b1", "c0", "a2", "a3"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestLongestLineLoses: when the partition is full, a source with few questions finds
// a place at the cost of the one with most, which loses its newest.
func TestLongestLineLoses(t *testing.T) {
	var q queue
	last := [2]*question{}
	for i := range maxPerSource {
		for j := range 2 {
			last[j] = named(fmt.Sprint(j, i))
			if _, ok := q.add(last[j], at(fmt.Sprint("192.0.2.", j), false)); !ok {
				t.Fatal("a line is full too early")
			}
		}
	}
	if _, ok := q.add(named("x"), at("192.0.2.0", false)); ok {
		t.Error("a line is longer than its bound")
	}
	for i := 0; q.clients.size < maxPartition; i++ {
		q.add(named(fmt.Sprint("few", i)), at(fmt.Sprintf("10.0.%d.%d", i/100, i%100), false))
	}
	var dropped [2]*question
	for j := range 2 {
		one, ok := q.add(named(fmt.Sprint("new", j)), at(fmt.Sprint("203.0.113.", j), false))
		if !ok {
			t.Error("no place for a new source")
		}
		dropped[j] = one
	}
	if dropped != last && dropped != [2]*question{last[1], last[0]} {
		t.Error("others than the newest of the longest lines are dropped")
	}
	if q.clients.size != maxPartition {
		t.Errorf("%d questions wait", q.clients.size)
	}
	if _, ok := q.add(named("peer"), at("192.0.2.0", true)); !ok {
		t.Error("other cores have no partition of their own")
	}
}

// TestQueueKeepsItsRules: whatever is added, joined and taken, no question is
// lost or comes twice, and the bounds hold.
func TestQueueKeepsItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var waiting []*question
		leave := func(one *question) {
			i := slices.Index(waiting, one)
			if i < 0 {
				t.Fatal("a question comes that does not wait")
			}
			waiting = slices.Delete(waiting, i, i+1)
		}
		sources := rapid.Custom(func(t *rapid.T) source {
			return at(fmt.Sprintf("10.0.0.%d", rapid.IntRange(0, 12).Draw(t, "address")), rapid.Bool().Draw(t, "peer"))
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			from := sources.Draw(t, "source")
			switch rapid.SampledFrom([]string{"add", "add", "join", "take"}).Draw(t, "step") {
			case "add":
				for range rapid.IntRange(1, maxPerSource+20).Draw(t, "questions") {
					one := &question{}
					dropped, ok := q.add(one, from)
					if dropped != nil {
						leave(dropped)
					}
					if ok {
						waiting = append(waiting, one)
					}
				}
			case "join":
				if len(waiting) > 0 {
					one := waiting[rapid.IntRange(0, len(waiting)-1).Draw(t, "which")]
					before := slices.Index(one.waitsIn.questions, one)
					q.join(one, from)
					if slices.Index(one.waitsIn.questions, one) > before {
						t.Fatal("a question is later than it was")
					}
				}
			case "take":
				n := rapid.IntRange(0, maxBatch).Draw(t, "n")
				batch := q.take(n)
				if len(batch) != min(n, len(waiting)) {
					t.Fatalf("%d of %d questions for a call of %d", len(batch), len(waiting), n)
				}
				for _, one := range batch {
					leave(one)
				}
			}
			sum := 0
			for _, s := range []*partition{&q.clients, &q.peers} {
				size := 0
				for _, l := range s.turns {
					if len(l.questions) == 0 || len(l.questions) > maxPerSource || s.sources[l.at] != l {
						t.Fatalf("a line of %d questions", len(l.questions))
					}
					size += len(l.questions)
				}
				if size != s.size || size > maxPartition || len(s.turns) != len(s.sources) ||
					s.next > 0 && s.next >= len(s.turns) {
					t.Fatalf("%d questions, %d counted, %d lines", size, s.size, len(s.sources))
				}
				sum += size
			}
			if sum != len(waiting) || sum != q.size() {
				t.Fatalf("%d questions, want %d", sum, len(waiting))
			}
		}
	})
}
