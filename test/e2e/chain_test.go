package e2e_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/flagcast/flagcast/test/rig"
)

// TestChain: Unleash, a core, a core at the edge that follows the first, and a
// real SDK at its end. A flip goes all the way; behind a link that is cut the
// last good flags stay, and catch up once it is back.
func TestChain(t *testing.T) {
	u := rig.StartUnleash(t)
	u.FlagWith(t, "new-feature", rollout("new-feature", 100))
	binary := rig.Build(t)
	toUnleash := startLink(t, u.URL)
	core := startEdge(t, binary, "UPSTREAM_URL="+toUnleash.url, "TOKENS="+u.Backend, "BACKUP_FOLDER="+t.TempDir())
	toCore := startLink(t, core)
	edge := startEdge(t, binary, "UPSTREAM_URL="+toCore.url, "TOKENS="+u.Backend, "BACKUP_FOLDER="+t.TempDir())
	sdk := startWatch(t, edge, u.Backend, "new-feature")

	show := func(server string) bool {
		toggles, err := rig.AskToggles(server, u.Frontend, query(static))
		if err != nil {
			t.Fatalf("a server of the chain does not answer: %v", err)
		}
		return isOn(toggles, "new-feature")
	}
	shows := func(name, server string, on bool) {
		t.Helper()
		rig.Eventually(t, name+" shows the flip", func() bool { return show(server) == on })
	}
	flip := func(on bool) {
		t.Helper()
		u.Switch(t, "new-feature", on)
		shows("Unleash", u.URL, on)
	}
	sees := func(on bool) {
		t.Helper()
		shows("the core", core, on)
		shows("the core at the edge", edge, on)
		sdk.sees(t, on)
	}

	sees(true)
	flip(false)
	sees(false)

	toCore.cut() // between the cores
	flip(true)
	shows("the core", core, true)
	toCore.refuses(t, 2)
	if show(edge) || sdk.on() {
		t.Error("behind the link that is cut the flag is on")
	}
	toCore.restore()
	sees(true)

	toUnleash.cut() // between Unleash and the first core
	flip(false)
	toUnleash.refuses(t, 2)
	if !show(core) || !show(edge) || !sdk.on() {
		t.Error("behind the link that is cut the flag is off")
	}
	toUnleash.restore()
	sees(false)

	toUnleash.cut() // both
	toCore.cut()
	flip(true)
	toCore.refuses(t, 2)
	toUnleash.refuses(t, 2)
	toCore.restore()
	rig.Eventually(t, "the core at the edge is back at the core", func() bool { return toCore.carries() })
	if show(core) || show(edge) || sdk.on() {
		t.Error("behind the first link, which is still cut, the flag is on")
	}
	toUnleash.restore()
	sees(true)
}

// link carries TCP connections to a server until it is cut.
type link struct {
	url string

	mu      sync.Mutex
	isCut   bool
	open    map[net.Conn]bool // of both sides
	refused int
	carried int
}

func startLink(t *testing.T, server string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{url: "http://" + listener.Addr().String(), open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
	})
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			l.carry(from, strings.TrimPrefix(server, "http://"))
		}
	}()
	return l
}

func (l *link) carry(from net.Conn, server string) {
	to, err := net.Dial("tcp", server)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || l.isCut {
		l.refused++
		_ = from.Close()
		if to != nil {
			_ = to.Close()
		}
		return
	}
	l.carried++
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		l.open[way[0]] = true
		go func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.open, way[0])
		}()
	}
}

// cut breaks off what is open, and what comes.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for c := range l.open {
		_ = c.Close()
	}
}

func (l *link) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut, l.carried, l.refused = false, 0, 0
}

// refuses waits until so many connections were refused since the last restore.
func (l *link) refuses(t *testing.T, n int) {
	t.Helper()
	rig.Eventually(t, "somebody tries the link", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.refused >= n
	})
}

// carries reports whether a request has passed since the last restore.
func (l *link) carries() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carried > 0
}
