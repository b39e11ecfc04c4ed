package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/api"
)

// TestAnswersThatAreNotRead: a client that asks for much and reads nothing holds
// its answer. All of them together are bounded, and small answers go on.
func TestAnswersThatAreNotRead(t *testing.T) {
	const budget, connections = 4 << 20, 200
	var registry *prometheus.Registry
	f, _ := with(t, func(o *api.Options) {
		o.MaxAnswers = budget
		registry = o.Registry
		o.Environments = []edgecore.Environment{"production"}
	})
	f.put(t, many(1000))
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: f.handler}
	go func() { _ = server.Serve(p) }()
	defer server.Close()
	held := func() float64 { return values(t, registry)["flagcast_http_answer_bytes{}"] }
	ask := func(path string) net.Conn { return p.get(t, path, "identity") }

	before := stable()
	var open []net.Conn
	for range connections {
		open = append(open, ask("/api/frontend/all"))
	}
	eventually(t, "the budget is used", func() bool { return held() > budget*3/4 })
	grown := stable() - before
	if grown > budget+connections*(64<<10) || held() > budget {
		t.Errorf("%d unread answers take %d MB", connections, grown>>20)
	}
	t.Logf("%d unread answers: %d MB in use, %.0f kB of the budget", connections, grown>>20, held()/1024)
	c := ask("/api/frontend/features/team-0.flag-0")
	if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || response.StatusCode != 200 {
		t.Errorf("a small answer: %+v %v", response, err)
	}
	c = ask("/api/frontend/all")
	if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || response.StatusCode != 503 ||
		response.Header.Get("Retry-After") == "" || response.Header.Get("ETag") != "" {
		t.Errorf("a large answer: %+v %v", response, err)
	}
	for _, c := range open {
		_ = c.Close()
	}
	eventually(t, "everything is given back", func() bool { return held() == 0 })
}

// TestPackedAnswersThatAreNotRead: a packed answer holds what is packed, and not
// what it was made of.
func TestPackedAnswersThatAreNotRead(t *testing.T) {
	const connections = 200
	var registry *prometheus.Registry
	f, _ := with(t, func(o *api.Options) { registry = o.Registry })
	f.put(t, many(3000))
	whole := len(text(t, f.ask("GET", "/api/frontend/all", frontend, "")))
	packed := len(text(t, f.ask("GET", "/api/frontend/all", frontend, "", "Accept-Encoding", "gzip")))
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: f.handler}
	go func() { _ = server.Serve(p) }()
	defer server.Close()
	held := func() float64 { return values(t, registry)["flagcast_http_answer_bytes{}"] }
	before := stable()
	var open []net.Conn
	for range connections {
		open = append(open, p.get(t, "/api/frontend/all", "gzip"))
	}
	eventually(t, "all of them count", func() bool { return held() >= float64(connections*(packed-4<<10)) })
	if most := float64(connections * (2*packed - 4<<10)); held() > most {
		t.Errorf("%.0f bytes of the budget, want at most %.0f", held(), most)
	}
	if grown := stable() - before; grown > connections*int64(whole)/4 {
		t.Errorf("%d answers of %d bytes, packed %d, take %d kB", connections, whole, packed, grown>>10)
	}
	for _, c := range open {
		_ = c.Close()
	}
	eventually(t, "everything is given back", func() bool { return held() == 0 })
}

// get sends a request on a connection of its own, and reads nothing.
func (p *pipes) get(t *testing.T, path, encoding string) net.Conn {
	t.Helper()
	c := p.dial()
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nAccept-Encoding: %s\r\n\r\n", path,
		frontend, encoding)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pipes is a listener whose connections have no buffers.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.connections <- there
	return here
}
