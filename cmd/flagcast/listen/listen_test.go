package listen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
	sdkusage "github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/secret"
)

// pipes is a listener in memory, whose time is that of the bubble.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

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

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv6loopback, Port: 3063} }

// dial returns the client's end of a new connection.
func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.connections <- addressed{there}
	return here
}

// addressed has an address as a connection of a network has one.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1} }

const (
	goodToken    = "*:production.token"
	backendToken = "*:production.backend"
)

// newTestHandler is the API with one flag.
func newTestHandler(t *testing.T) *api.Handler {
	t.Helper()
	store := state.New(state.Options{Log: slog.New(slog.DiscardHandler)})
	d, err := parse.Definitions([]byte(`{"features":[{"name":"x","enabled":true,"strategies":[]}]}`), "production")
	if err != nil {
		t.Fatal(err)
	}
	store.Put(d)
	known, err := edgecore.ParseToken(secret.New(goodToken))
	if err != nil {
		t.Fatal(err)
	}
	backend, err := edgecore.ParseToken(secret.New(backendToken))
	if err != nil {
		t.Fatal(err)
	}
	return api.New(api.Options{
		States: store, Environments: []edgecore.Environment{"production"}, Log: slog.New(slog.DiscardHandler),
		Registry: prometheus.NewRegistry(), MaxStreams: 10, Usage: &sdkusage.Collector{},
		Access: access.New(access.Options{
			Backend: []edgecore.Token{backend}, Frontend: []edgecore.Token{known},
		}),
	})
}

// served runs the API as serve does, until the test has run.
func served(t *testing.T, cfg config.API, test func(p *pipes, end func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		group, running := errgroup.WithContext(ctx)
		p := newPipes()
		l := &Listeners{plain: p}
		l.Serve(running, group, newTestHandler(t), &cfg, slog.New(slog.DiscardHandler))
		test(p, end)
		end()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// answered reads the status of the next answer, 0 where the connection ends.
func answered(c net.Conn) int {
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// bodyTimeout is what the API gives a body.
const bodyTimeout = 10 * time.Second

// TestHostileConnections: each is over within its bound, and harms no other.
func TestHostileConnections(t *testing.T) {
	head := "POST /api/frontend HTTP/1.1\r\nHost: x\r\nAuthorization: " + goodToken + "\r\n"
	for name, tc := range map[string]struct {
		send   string
		each   string // again and again, a second apart
		within time.Duration
		code   int // 0: the connection ends
	}{
		"says nothing":     {"", "", headerTimeout, 0},
		"slow headers":     {"GET /health HTTP/1.1\r\n", "X-A: 1\r\n", headerTimeout, 0},
		"a slow body":      {head + "Content-Length: 1000\r\n\r\n", "{", bodyTimeout, 400},
		"a body that ends": {head + "Content-Length: 1000\r\n\r\n{", "", bodyTimeout, 400},
		"a body not read": {
			strings.Replace(head, "frontend", "nowhere", 1) + "Content-Length: 1000\r\n\r\n{", "",
			requestTimeout, 404,
		},
		"chunks without end": {head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", bodyTimeout, 400},
		"too large a header": {
			"GET /health HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 1<<20), "",
			2 * time.Second, 431,
		},
		"too many headers": {
			"GET /health HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 100_000), "",
			2 * time.Second, 431,
		},
		"too long a path": {"GET /" + strings.Repeat("a", 1<<20), "", 2 * time.Second, 431},
		"two lengths":     {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "", 2 * time.Second, 400},
		"a length and chunks": {
			head + "Content-Length: 2\r\nTransfer-Encoding: x\r\n\r\n{}", "", 2 * time.Second,
			501,
		},
		"no HTTP":               {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "", 2 * time.Second, 400},
		"a header with a break": {"GET /health HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n", "", 2 * time.Second, 400},
	} {
		t.Run(name, func(t *testing.T) {
			served(t, config.API{}, func(p *pipes, _ func()) {
				c, start := p.dial(), time.Now()
				over := make(chan struct{})
				go func() {
					_, err := io.WriteString(c, tc.send)
					for err == nil && tc.each != "" {
						select {
						case <-time.After(time.Second):
							_, err = io.WriteString(c, tc.each)
						case <-over:
							return
						}
					}
				}()
				if code := answered(c); code != tc.code {
					t.Errorf("%d, want %d", code, tc.code)
				}
				if took := time.Since(start); took > tc.within {
					t.Errorf("over after %v, want %v", took, tc.within)
				}
				close(over)
				_ = c.Close()
				other := p.dial()
				go func() { _, _ = fmt.Fprintf(other, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n") }()
				if code := answered(other); code != 200 {
					t.Errorf("the next one gets %d", code)
				}
				_ = other.Close()
			})
		})
	}
}

// TestDrain: readiness says no at once, requests are answered for a while, and
// what is in hand is ended.
func TestDrain(t *testing.T) {
	served(t, config.API{Drain: 5 * time.Second}, func(p *pipes, end func()) {
		ask := func(path string) (code int, closes bool) {
			c := p.dial()
			defer c.Close()
			go func() {
				_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", path, goodToken)
			}()
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			return response.StatusCode, response.Close
		}
		if code, closes := ask("/ready"); code != 200 || closes {
			t.Errorf("before the end: %d", code)
		}
		slow := p.dial()
		_, _ = fmt.Fprintf(slow,
			"POST /api/frontend HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 2\r\n\r\n", goodToken)
		end()
		synctest.Wait()
		time.Sleep(4 * time.Second)
		if code, _ := ask("/ready"); code != 503 {
			t.Errorf("ready while draining: %d", code)
		}
		if code, closes := ask("/api/frontend"); code != 200 || !closes {
			t.Errorf("while draining: %d, closes %v", code, closes)
		}
		time.Sleep(2 * time.Second)
		select {
		case <-p.closed:
		default:
			t.Error("connections are accepted after the drain")
		}
		go func() { _, _ = io.WriteString(slow, "{}") }()
		if code := answered(slow); code != 200 {
			t.Errorf("what was in hand: %d", code)
		}
		_ = slow.Close()
	})
}

// TestMaxConnections: beyond the limit connections wait, of both listeners
// together, and get their answers when others end. The backstage has no limit.
func TestMaxConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		group, running := errgroup.WithContext(ctx)
		plain, other, inside := newPipes(), newPipes(), newPipes()
		l := &Listeners{plain: plain, Encrypted: other, Backstage: inside} // no certificate: not encrypted
		h := newTestHandler(t)
		h.Backstage = h.Handler
		l.Serve(running, group, h, &config.API{MaxConnections: 3}, slog.New(slog.DiscardHandler))
		ask := func(c net.Conn) (code func() int) {
			answer := make(chan int, 1)
			go func() {
				_, _ = fmt.Fprintf(c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
				answer <- answered(c)
			}()
			return func() int {
				select {
				case code := <-answer:
					return code
				default:
					return -1 // none yet
				}
			}
		}
		open := []net.Conn{plain.dial(), other.dial(), plain.dial()}
		for i, c := range open {
			code := ask(c)
			synctest.Wait()
			if got := code(); got != 200 {
				t.Errorf("connection %d: %d", i, got)
			}
		}
		late, later := plain.dial(), other.dial()
		first, second, backstage := ask(late), ask(later), ask(inside.dial())
		synctest.Wait()
		if first() != -1 || second() != -1 {
			t.Error("a connection beyond the limit is served")
		}
		if got := backstage(); got != 200 {
			t.Errorf("the backstage: %d", got)
		}
		_ = open[0].Close()
		_ = open[1].Close()
		synctest.Wait()
		if a, b := first(), second(); a != 200 || b != 200 {
			t.Errorf("after others have ended: %d and %d", a, b)
		}
		waiting := ask(plain.dial())
		synctest.Wait()
		end()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := waiting(); got != 0 {
			t.Errorf("a connection that waits at the end: %d", got)
		}
	})
}

// TestListenerBoundsAreDocumented: the table of bounds in docs/replicas.md says
// what newServer sets.
func TestListenerBoundsAreDocumented(t *testing.T) {
	document, err := os.ReadFile(filepath.FromSlash("../../../docs/replicas.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("| headers of a request | %d kB, %.0f s; then 431", maxHeaderBytes>>10, headerTimeout.Seconds()),
		fmt.Sprintf("| a whole request | %.0f s;", requestTimeout.Seconds()),
		fmt.Sprintf("| an answer | %.0f s from the headers of its request |", answerTimeout.Seconds()),
		fmt.Sprintf("| an idle connection | %s minutes |",
			map[time.Duration]string{2 * time.Minute: "two"}[idleTimeout]),
		fmt.Sprintf("| a connection of HTTP/2 | %d requests at once, %d kB of bodies", maxStreams, maxUnread>>10),
	} {
		if !strings.Contains(string(document), want) {
			t.Errorf("docs/replicas.md does not have %q", want)
		}
	}
}
