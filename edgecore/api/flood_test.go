package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/test/need"
)

// inUse returns the bytes of heap and stacks that are in use.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// stable returns what is in use when it no longer changes by a megabyte.
func stable() int64 {
	last := inUse()
	for same := 0; same < 5; same++ {
		if now := inUse(); now > last+1<<20 || now < last-1<<20 {
			last, same = now, 0
		}
	}
	return last
}

// flooded is a server for floods.
type flooded struct {
	fixture
	*httptest.Server
	registry *prometheus.Registry

	mu     sync.Mutex
	active map[net.Conn]bool
}

func newFlooded(t *testing.T, change func(*api.Options)) *flooded {
	t.Helper()
	f := &flooded{active: map[net.Conn]bool{}}
	one, _ := with(t, func(o *api.Options) {
		f.registry = o.Registry
		o.Access = access.New(access.Options{
			Backend: tokens(t, backend), Frontend: tokens(t, frontend), Anonymous: "production",
		})
		change(o)
	})
	f.fixture = *one
	f.Server = httptest.NewUnstartedServer(one.handler)
	f.Config.ConnState = func(c net.Conn, state http.ConnState) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if state == http.StateActive {
			f.active[c] = true
		} else {
			delete(f.active, c)
		}
	}
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// busy returns the number of connections with a request that is not answered.
func (f *flooded) busy() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.active)
}

// open opens a connection and sends the start of a request.
func (f *flooded) open(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// post sends a whole request and returns the status.
func (f *flooded) post(t *testing.T, path, token, encoding, content string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+path, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	r.Header.Set("Content-Encoding", encoding)
	response, err := f.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// TestNestedBodies: a body of brackets needs no more memory than another one,
// unpacked or not, with a token or without: gjson calls itself once per bracket
// (tidwall/gjson#391). Stacks that have grown stay with their connections, since
// nothing is collected meanwhile.
func TestNestedBodies(t *testing.T) {
	f := newFlooded(t, func(*api.Options) {})
	const each, most = 8, 24 << 20
	for name, tc := range map[string]struct {
		path, content string
		gzip          bool
		code          int
	}{
		"1 MiB, gzip":           {"/api/frontend", strings.Repeat("[", 1<<20), true, 413},
		"64 kB, gzip":           {"/api/frontend", strings.Repeat("[", 64<<10), true, 400},
		"64 kB of objects":      {"/api/frontend/all", strings.Repeat(`{"context":`, 5<<10), true, 400},
		"64 kB":                 {"/api/proxy", strings.Repeat("[", 64<<10), false, 400},
		"one flag":              {"/api/frontend/features/on", strings.Repeat("[", 64<<10), true, 400},
		"256 kB of a question":  {"/edge/validate", strings.Repeat("[", 256<<10), true, 400},
		"1 MiB of a report":     {"/api/frontend/client/metrics", strings.Repeat("[", 1<<20), true, 400},
		"1 MiB of registration": {"/api/proxy/client/register", strings.Repeat("[", 1<<20), true, 400},
	} {
		content, encoding := tc.content, "identity"
		if tc.gzip {
			content, encoding = packed(content), "gzip"
		}
		before := inUse()
		percent := debug.SetGCPercent(-1)
		var asking sync.WaitGroup
		for i := range each {
			asking.Go(func() {
				token := frontend
				if i%2 == 0 {
					token = "" // anonymous
				}
				if code := f.post(t, tc.path, token, encoding, content); code != tc.code {
					t.Errorf("%s: %d, want %d", name, code, tc.code)
				}
			})
		}
		asking.Wait()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		debug.SetGCPercent(percent)
		grown := int64(m.HeapAlloc+m.StackInuse) - before
		t.Logf("%s: %d kB of heap and stack for %d requests of %d bytes", name, grown>>10, each, len(content))
		if grown > most {
			t.Errorf("%s: %d requests take %d MB", name, each, grown>>20)
		}
	}
}

// TestBodiesThatDoNotEnd: 1 kB of gzip that unpacks to 1 MB holds about as much
// memory as a connection that sends nothing, for as long as the rest of the body
// does not come.
func TestBodiesThatDoNotEnd(t *testing.T) {
	f := newFlooded(t, func(*api.Options) {})
	const connections, each = 1500, 40 << 10
	bomb := packed(`{"tokens":["` + strings.Repeat("x", 1<<20-100))
	for name, head := range map[string]string{
		"validate, chunked": "POST /edge/validate HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n", len(bomb), bomb),
		"a context, a byte is missing": "POST /api/frontend HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(bomb)+1, bomb),
	} {
		before := stable()
		var open []net.Conn
		for range connections {
			open = append(open, f.open(t, head))
		}
		eventually(t, "all requests are in hand", func() bool { return f.busy() == connections })
		grown := stable() - before
		t.Logf("%s: %d connections that have sent %d bytes each take %d MB", name, connections, len(bomb), grown>>20)
		if grown > connections*each {
			t.Errorf("%s: want at most %d MB", name, connections*each>>20)
		}
		for _, encoding := range []string{"identity", "gzip"} {
			content := `{"userId":"7"}`
			if encoding == "gzip" {
				content = packed(content)
			}
			if code := f.post(t, "/api/frontend", frontend, encoding, content); code != 200 {
				t.Errorf("%s: an ordinary context (%s) gets %d", name, encoding, code)
			}
		}
		for _, c := range open {
			_ = c.Close()
		}
		eventually(t, "all requests are over", func() bool { return f.busy() == 0 })
	}
}

// TestBudgetOfBodies: slow bodies take no more than the budget, and what is
// public half of it. Beyond it the answer is 503 before the body is read. What
// is small, and what comes from backends, is taken as ever; and all of it is
// given back.
func TestBudgetOfBodies(t *testing.T) {
	// A body of 200,000 bytes takes a buffer of 256 kB, of which 4 kB are free.
	const each, connections, sent = 252 << 10, 300, 200_000
	const budget = 32 * each
	f := newFlooded(t, func(o *api.Options) {
		o.MaxBodies = budget
		o.Usage = forgetful{}
	})
	held := func() float64 { return values(t, f.registry)["flagcast_http_body_bytes{}"] }
	head := fmt.Sprintf("POST /edge/validate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 250_000)
	before := stable()
	var open []net.Conn
	taken, refused := 0, 0
	for range connections {
		c := f.open(t, head)
		open = append(open, c)
		_, err := io.WriteString(c, strings.Repeat("x", sent))
		// A body that is taken gets no answer: the rest of it is missing.
		eventually(t, "a body is taken or refused", func() bool {
			switch {
			case held() == float64((taken+1)*each):
				taken++
			case err != nil || answers(c):
				refused++
			}
			return taken+refused == len(open)
		})
	}
	if taken != 16 || refused != connections-16 {
		t.Errorf("%d bodies are taken, %d refused", taken, refused)
	}
	grown := stable() - before
	if grown > budget/2+connections*(40<<10) {
		t.Errorf("%d bodies of %d bytes take %d MB", connections, sent, grown>>20)
	}
	t.Logf("%d bodies of %d bytes: %d MB in use, %.0f kB of the budget", connections, sent, grown>>20, held()/1024)

	for _, tc := range []struct {
		what, path, token, content string
		code                       int
	}{
		{"a context", "/api/frontend", frontend, `{"userId":"7"}`, 200},
		{"a small question", "/edge/validate", "", `{"tokens":["` + backend + `"]}`, 200},
		{"a large context", "/api/frontend", frontend, strings.Repeat(" ", 60_000), 503},
		{"a large question", "/edge/validate", "", strings.Repeat(" ", 200_000), 503},
		{"a large report of a browser", "/api/frontend/client/metrics", frontend, strings.Repeat(" ", 800_000), 503},
		{"a large report of a backend", "/api/client/metrics/bulk", backend, strings.Repeat(" ", 800_000), 202},
	} {
		if code := f.post(t, tc.path, tc.token, "identity", tc.content); code != tc.code {
			t.Errorf("%s: %d, want %d", tc.what, code, tc.code)
		}
	}
	for _, c := range open {
		_ = c.Close()
	}
	eventually(t, "everything is given back", func() bool { return held() == 0 })
	if code := f.post(t, "/edge/validate", "", "identity", `{"tokens":[]}`+strings.Repeat(" ", 200_000)); code != 200 {
		t.Errorf("after the flood: %d", code)
	}
}

// answers reports whether there is an answer to read.
func answers(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, _ := c.Read(make([]byte, 1))
	return n > 0
}

// forgetful takes every report.
type forgetful struct{}

func (forgetful) Metrics(usage.Source, []byte) error       { return nil }
func (forgetful) Bulk(usage.Source, []byte) error          { return nil }
func (forgetful) Register(usage.Source, []byte) error      { return nil }
func (forgetful) Evaluated(usage.Source, usage.Evaluation) {}

// TestTooLargeIsRefusedAtOnce: what says that it is too large is not read, and
// what does not say it is read to its limit.
func TestTooLargeIsRefusedAtOnce(t *testing.T) {
	f := newFlooded(t, func(*api.Options) {})
	for path, limit := range map[string]int{
		"/api/frontend": 64 << 10, "/api/proxy/features/on": 64 << 10, "/edge/validate": 256 << 10,
		"/api/frontend/client/metrics": 1 << 20,
	} {
		c := f.open(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, limit+1))
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || response.StatusCode != 413 || !response.Close {
			t.Errorf("%s: %+v %v", path, response, err)
		}
		_ = c.Close()
		for n, code := range map[int]int{limit: 400, limit + 1: 413} {
			// Without a length, and unpacked to it.
			r := f.ask("POST", path, "", packed(strings.Repeat("x", n)), "Content-Encoding", "gzip")
			if r.StatusCode != code {
				t.Errorf("%s: %d bytes, unpacked: %d, want %d", path, n, r.StatusCode, code)
			}
			request := httptest.NewRequest("POST", path, io.LimitReader(bytes.NewReader(make([]byte, n)), int64(n)))
			w := httptest.NewRecorder()
			if f.handler.ServeHTTP(w, request); w.Code != code || request.ContentLength >= 0 {
				t.Errorf("%s: %d bytes without a length: %d, want %d", path, n, w.Code, code)
			}
		}
	}
}

// TestManyMembers: what has many members needs many times its bytes when it is
// decoded. Their number is bounded.
func TestManyMembers(t *testing.T) {
	f := newFixture(t, "")
	list := func(n int, one, between string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			fmt.Fprintf(&b, one, i)
		}
		return b.String()
	}
	for _, tc := range []struct {
		name, method, path, body string
		code                     int
	}{
		{"1,000 fields", "POST", "/api/frontend", `{` + list(1000, `"f%d":1`, ",") + `}`, 200},
		{"1,001 fields", "POST", "/api/frontend", `{` + list(1001, `"f%d":1`, ",") + `}`, 400},
		{"one field 1,001 times", "POST", "/api/frontend", `{` + strings.Repeat(`"f":1,`, 1000) + `"f":1}`, 400},
		{
			"1,001 properties", "POST", "/api/proxy", `{"context":{"properties":{` + list(1001, `"f%d":1`, ",") + `}}}`,
			400,
		},
		{"1,000 parameters", "GET", "/api/frontend?" + list(1000, "f%d=1", "&"), "", 200},
		{"1,001 parameters", "GET", "/api/frontend?" + list(1001, "f%d=1", "&"), "", 400},
		{"30,000 parameters", "GET", "/api/frontend/all?" + strings.Repeat("&", 30_000), "", 400},
		{"parameters of definitions", "GET", "/api/client/features?" + strings.Repeat("&", 30_000), "", 400},
		{"80,000 tokens", "POST", "/edge/validate", `{"tokens":[` + strings.Repeat(`"",`, 80_000) + `""]}`, 413},
		{"500 tokens", "POST", "/edge/validate", `{"tokens":[` + strings.Repeat(`"",`, 499) + `""]}`, 200},
		{"numbers", "POST", "/edge/validate", `{"tokens":[1]}`, 400},
	} {
		token := frontend
		if strings.HasPrefix(tc.path, "/api/client") {
			token = backend
		}
		var r *http.Response
		ask := func() { r = f.ask(tc.method, tc.path, token, tc.body) }
		ask() // and again, when the pools are filled
		if allocated := need.Allocated(ask); allocated > 3<<20 {
			t.Errorf("%s: %d kB are allocated for %d bytes", tc.name, allocated>>10, len(tc.path)+len(tc.body))
		}
		if r.StatusCode != tc.code {
			t.Errorf("%s: %d, want %d: %s", tc.name, r.StatusCode, tc.code, text(t, r))
		}
	}
}
