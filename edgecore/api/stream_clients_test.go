package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/internal/sse"
	"github.com/flagcast/flagcast/test/need"
)

// Streams whose clients have read everything have no goroutine, and what clients get is
// counted.
func TestStreamsTakeNoGoroutines(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.MaxStreams = 200 })
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	before := runtime.NumGoroutine()
	const clients = 90
	var conns []net.Conn
	var readers []*sse.Reader
	last := ""
	for range clients {
		conn, r := rawStream(t, server, "HTTP/1.1", last)
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		last = e.ID
		conns, readers = append(conns, conn), append(readers, r)
	}
	if grown := runtime.NumGoroutine() - before; grown > 10 {
		t.Errorf("%d goroutines more for %d streams", grown, clients)
	}
	f.put(t, streamedB)
	for _, r := range readers {
		if e, err := r.Next(); err != nil || e.Type != "unleash-updated" || e.ID == last {
			t.Errorf("%+v, %v", e, err)
		}
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	if _, r := rawStream(t, server, "HTTP/1.1", last); r != nil {
		if e, err := r.Next(); err != nil || !strings.Contains(e.Data, "feature-updated") {
			t.Errorf("%+v, %v", e, err)
		}
	}
	metrics := metricsOf(t, f)
	for _, want := range []string{
		`flagcast_stream_connections_total{result="hydrated"} 1`,
		fmt.Sprintf(`flagcast_stream_connections_total{result="current"} %d`, clients-1),
		`flagcast_stream_connections_total{result="resumed"} 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %q in\n%s", want, metrics)
		}
	}
}

func metricsOf(t *testing.T, f *fixture) string {
	t.Helper()
	return text(t, f.ask("GET", "/internal-backstage/prometheus", "", ""))
}

// rawStream opens a stream by a version of HTTP, and reads what follows the header.
func rawStream(t *testing.T, server *httptest.Server, version, id string) (net.Conn, *sse.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn,
		"GET /api/client/streaming %s\r\nHost: x\r\nAuthorization: %s\r\nLast-Event-ID: %s\r\n\r\n",
		version, backend, id); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", response, err)
	}
	chunked := len(response.TransferEncoding) > 0
	if chunked != (version == "HTTP/1.1") || !response.Close {
		t.Errorf("%s: transfer encoding %v, close %v", version, response.TransferEncoding, response.Close)
	}
	return conn, sse.NewReader(response.Body, 1<<24)
}

// By HTTP/1.0, as nginx asks its upstream by default, there are no chunks.
func TestStreamOfHTTP10(t *testing.T) {
	f, handler := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	_, r := rawStream(t, server, "HTTP/1.0", "")
	for _, want := range []string{"unleash-connected", "unleash-updated"} {
		if e, err := r.Next(); err != nil || e.Type != want || !json.Valid([]byte(e.Data)) {
			t.Errorf("%+v %v, want %s", e, err, want)
		}
		f.put(t, streamedB)
	}
	handler.Drain(0)
	if e, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%+v %v, want the end", e, err)
	}
}

// A client that pauses costs others nothing, and gets one event for all that it has missed.
func TestStreamOfASlowClient(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	document := func(i int) string {
		return fmt.Sprintf(`{"version":2,"features":[{"name":"one","project":"a","enabled":true,"description":%q,`+
			`"strategies":[]}],"meta":{"revisionId":%d}}`, strings.Repeat(fmt.Sprint(i%10), 1<<20), i)
	}
	f.put(t, document(1))
	_, slow := rawStream(t, server, "HTTP/1.1", "")
	_, quick := rawStream(t, server, "HTTP/1.1", "")
	if _, err := quick.Next(); err != nil {
		t.Fatal(err)
	}
	const last = 40
	for i := 2; i <= last; i++ {
		f.put(t, document(i))
		if e, err := quick.Next(); err != nil || !strings.Contains(e.Data, fmt.Sprintf(`"eventId":%d,`, i)) {
			t.Fatalf("%d: %.100s %v", i, e.Data, err)
		}
	}
	events := 0
	for {
		e, err := slow.Next()
		if err != nil {
			t.Fatal(err)
		}
		if events++; strings.Contains(e.Data, fmt.Sprintf(`"eventId":%d,`, last)) {
			break
		}
	}
	if events > 8 {
		t.Errorf("%d events for a client that did not read, want a few: what was in buffers, and what it has missed",
			events)
	}
}

// Clients that connect while flags change never get an older version after a newer one.
func TestStreamsNeverGoBack(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.MaxStreams = 100 })
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	document := func(i int) string {
		return fmt.Sprintf(`{"version":2,"features":[{"name":"one","project":"a","enabled":true,"strategies":[],`+
			`"description":"%d"}],"meta":{"revisionId":%d}}`, i, i)
	}
	f.put(t, document(1))
	const clients, last = 60, 400
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for i := 2; i <= last; i++ {
			f.put(t, document(i))
		}
	}()
	var reading sync.WaitGroup
	for range clients {
		_, r := rawStream(t, server, "HTTP/1.1", "")
		reading.Go(func() {
			for newest := uint64(0); newest < last; {
				e, err := r.Next()
				if err != nil {
					t.Error(err)
					return
				}
				var body struct{ Events []struct{ EventID uint64 } }
				if err := json.Unmarshal([]byte(e.Data), &body); err != nil || len(body.Events) == 0 {
					continue
				}
				if id := body.Events[0].EventID; id < newest {
					t.Errorf("revision %d after %d", id, newest)
					return
				}
				newest = body.Events[0].EventID
			}
		})
	}
	<-changed
	reading.Wait()
}

// Filters whose projects read alike together are not one.
func TestStreamsOfSeveralFilters(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	open := func(query string) *sse.Reader {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/client/streaming?"+query,
			http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", backend)
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		r := sse.NewReader(response.Body, 1<<20)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	open("project=a%2Cb") // one project, which there is not
	both := open("project=a&project=b")
	f.put(t, streamedB)
	if e, err := both.Next(); err != nil || !strings.Contains(e.Data, `"one"`) {
		t.Errorf("%+v %v", e, err)
	}
}

// A stream ends when its token is not valid any more.
func TestStreamOfARevokedToken(t *testing.T) {
	var known *access.Access
	f, _ := with(t, func(o *api.Options) { known = o.Access })
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	_, r := rawStream(t, server, "HTTP/1.1", "")
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	known.SetBackend(nil)
	f.put(t, streamedB)
	if e, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%+v %v, want the end", e, err)
	}
}

// written notes what a handler writes, and when.
type written struct {
	http.ResponseWriter
	mu   sync.Mutex
	last time.Time
	most time.Duration // of silence
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); !w.last.IsZero() {
		w.most = max(w.most, now.Sub(w.last))
	}
	w.last = time.Now()
	return len(b), nil
}

func (*written) FlushError() error { return nil }

// A stream has heartbeats also while flags of other projects change all the time.
func TestHeartbeatsBesideChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := with(t, func(*api.Options) {})
		f.put(t, streamedA)
		ctx, cancel := context.WithCancel(t.Context())
		request := httptest.NewRequestWithContext(ctx, "GET", "/api/client/streaming", http.NoBody)
		request.Header.Set("Authorization", backendA)
		w := &written{ResponseWriter: httptest.NewRecorder()}
		served := make(chan struct{})
		go func() {
			f.handler.ServeHTTP(w, request)
			close(served)
		}()
		synctest.Wait()
		for i := range 100 {
			time.Sleep(2 * time.Second)
			f.put(t, []string{streamedB, streamedC}[i%2]) // of project b alone, after the first
		}
		w.mu.Lock()
		if silent := max(w.most, time.Since(w.last)); silent > 30*time.Second {
			t.Errorf("nothing for %s", silent)
		}
		w.mu.Unlock()
		cancel()
		<-served
		time.Sleep(10 * time.Second) // its goroutine ends
	})
}

// One address takes half of the streams at most.
func TestStreamsOfOneAddress(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.MaxStreams = 300 })
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	open := func(from string) int {
		dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
		conn, err := dialer.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Skip("this machine has one address of loopback")
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = fmt.Fprintf(conn, "GET /api/client/streaming HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", backend)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	for i := range 150 {
		if code := open("127.0.0.1"); code != http.StatusOK {
			t.Fatalf("stream %d: %d", i+1, code)
		}
	}
	if code := open("127.0.0.1"); code != http.StatusTooManyRequests {
		t.Errorf("one more from that address: %d, want 429", code)
	}
	if code := open("127.0.0.2"); code != http.StatusOK {
		t.Errorf("from another address: %d, want 200", code)
	}
}

// TestStreamBehindNginx: with the defaults of nginx events arrive at once.
func TestStreamBehindNginx(t *testing.T) {
	nginx := need.Debian(t, "nginx", "nginx-light")
	f, _ := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
  access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c;
  uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen %[2]s; location / { proxy_pass %[3]s; } }
}
`, dir, address, server.URL)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(nginx, "-p", dir, "-c", path)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	proxy := &httptest.Server{URL: "http://" + address}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not listen: %s", &out)
		}
		time.Sleep(10 * time.Millisecond)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", proxy.URL+"/api/client/streaming", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", backend)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	r := sse.NewReader(response.Body, 1<<20)
	for _, want := range []string{"unleash-connected", "unleash-updated"} {
		if e, err := r.Next(); err != nil || e.Type != want {
			t.Fatalf("%+v %v, want %s", e, err, want)
		}
		f.put(t, streamedB)
	}
}
