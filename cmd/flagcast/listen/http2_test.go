package listen

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// TestHTTP2Bounds: what a client may send before anybody reads it, and how many
// requests at once, as the server says it in its first frame, with TLS and without.
func TestHTTP2Bounds(t *testing.T) {
	start := func(t *testing.T) *httptest.Server {
		server := httptest.NewUnstartedServer(nil)
		server.Config, server.EnableHTTP2 = newServer(newTestHandler(t), slog.New(slog.DiscardHandler)), true
		t.Cleanup(server.Close)
		return server
	}
	t.Run("TLS", func(t *testing.T) {
		server := start(t)
		server.StartTLS()
		c, err := tls.Dial("tcp", server.Listener.Addr().String(),
			&tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		bounded(t, c)
	})
	t.Run("without TLS", func(t *testing.T) {
		server := start(t)
		server.Start()
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		bounded(t, c)
	})
}

// bounded reads the first frame of a server of HTTP/2.
func bounded(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	// The preface and an empty SETTINGS frame (RFC 9113, sections 3.4 and 6.5).
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		t.Fatalf("the first frame is %v, %v", head, err)
	}
	body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	got := map[uint16]uint32{}
	for ; len(body) >= 6; body = body[6:] {
		got[binary.BigEndian.Uint16(body)] = binary.BigEndian.Uint32(body[2:])
	}
	if got[3] != maxStreams || got[4] != maxUnread {
		t.Errorf("%v, want %d streams (3) and %d bytes (4)", got, maxStreams, maxUnread)
	}
}

// unencrypted is a client that speaks HTTP/2 without TLS, or HTTP/1.1.
func unencrypted(h2 bool, dial func() net.Conn) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	return &http.Client{Transport: &http.Transport{
		Protocols:   protocols,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil },
	}}
}

// TestUnencryptedHTTP2: every plain listener takes it, with or without a limit on
// connections, and a body that does not come ends there, too.
func TestUnencryptedHTTP2(t *testing.T) {
	for _, limit := range []int{0, 5} {
		served(t, config.API{MaxConnections: limit}, func(p *pipes, _ func()) {
			client := unencrypted(true, p.dial)
			defer client.CloseIdleConnections()
			ask := func(body io.Reader) *http.Response {
				r, err := http.NewRequest("POST", "http://flags.example/api/frontend", body)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", goodToken)
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				return response
			}
			if r := ask(strings.NewReader("{}")); r.StatusCode != 200 || r.ProtoMajor != 2 {
				t.Errorf("%d by %s", r.StatusCode, r.Proto)
			}
			body, rest := io.Pipe()
			defer rest.Close()
			start := time.Now()
			if r := ask(body); r.StatusCode != 400 || time.Since(start) > bodyTimeout {
				t.Errorf("a body that does not come: %d after %v", r.StatusCode, time.Since(start))
			}
		})
	}
}
