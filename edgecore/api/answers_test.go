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
	ask := func(path string) net.Conn {
		c := p.dial()
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", path, frontend); err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := settled()
	var open []net.Conn
	for range connections {
		open = append(open, ask("/api/frontend/all"))
	}
	eventually(t, "the budget is used", func() bool { return held() > budget*3/4 })
	grown := settled() - before
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
