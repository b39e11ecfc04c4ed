package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/internal/sse"
	"github.com/flagcast/flagcast/test/need"
)

// allFlags asks for all flags, and returns the address of the stream and the entity tag.
func allFlags(t *testing.T, f *fixture) (uri, etag string) {
	t.Helper()
	r := f.ask("POST", "/ofrep/v1/evaluate/flags", frontend, "{}")
	var body struct {
		EventStreams []struct {
			Type     string
			Endpoint struct{ RequestURI string }
		}
	}
	if err := json.Unmarshal([]byte(text(t, r)), &body); err != nil || len(body.EventStreams) != 1 ||
		body.EventStreams[0].Type != "sse" {
		t.Fatalf("%+v %v", body, err)
	}
	return body.EventStreams[0].Endpoint.RequestURI, r.Header.Get("ETag")
}

// notices opens a stream of notices.
func notices(t *testing.T, server *httptest.Server, uri, last string) (*http.Response, *sse.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+uri, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://shop.example")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response, sse.NewReader(response.Body, 1<<20)
}

// TestOFREPNotices: an answer with all flags names a stream of notices, whose address
// has no token; a notice comes with each change, and first where one may have been missed.
func TestOFREPNotices(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	uri, etag := allFlags(t, f)
	if !strings.HasPrefix(uri, "/ofrep/v1/events?ticket=") || strings.Contains(uri, "frontend") {
		t.Errorf("address %s", uri)
	}
	if again, same := allFlags(t, f); again != uri || same != etag {
		t.Errorf("%s %s, then %s %s: a browser would connect again", uri, etag, again, same)
	}
	response, r := notices(t, server, uri, "")
	if response.StatusCode != 200 || response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s %v", response.Status, response.Header)
	}
	next := func(r *sse.Reader) string {
		t.Helper()
		e, err := r.Next()
		var notice struct{ Type, Etag string }
		if err == nil {
			err = json.Unmarshal([]byte(e.Data), &notice)
		}
		if err != nil || e.Type != "message" || notice.Type != "refetchEvaluation" || notice.Etag != e.ID {
			t.Fatalf("%+v %v", e, err)
		}
		return e.ID
	}
	first := next(r) // the flags have come just now
	f.put(t, streamedB)
	second := next(r)
	if first == second {
		t.Error("two notices with one id")
	}
	_, missed := notices(t, server, uri, first)
	if id := next(missed); id != second {
		t.Errorf("%s, want %s", id, second)
	}
	_, current := notices(t, server, uri, second)
	f.put(t, streamedC)
	if id := next(current); id == second {
		t.Error("a notice of what the client has")
	}
	if next(r) == second || next(missed) == second {
		t.Error("a notice twice")
	}
	for _, wrong := range []string{uri + "x", "/ofrep/v1/events", "/ofrep/v1/events?ticket=" + frontend} {
		response, _ := notices(t, server, wrong, "")
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", wrong, response.Status)
		}
	}
	_, ticket, _ := strings.Cut(uri, "ticket=")
	if strings.Contains(f.log.String(), ticket) {
		t.Errorf("the log has a ticket:\n%s", f.log)
	}
}

// webPage follows a flag by OpenFeature's provider for browsers, and posts its value.
const webPage = `
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk'
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider'

const baseUrl = %q
const client = OpenFeature.getClient()
const show = () => fetch(baseUrl + '/seen?' + client.getBooleanValue('one', false))
client.addHandler(ProviderEvents.ConfigurationChanged, show)
await OpenFeature.setContext({ targetingKey: '7' })
await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl, headers: [['Authorization', %q]] }))
show()
`

// followed runs a client that posts what it sees of flag "one", and flips the flag.
func followed(t *testing.T, start func(server string) *exec.Cmd) {
	t.Helper()
	f, handler := with(t, func(*api.Options) {})
	seen := make(chan string, 10)
	var page atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/seen":
			w.Header().Set("Access-Control-Allow-Origin", "*")
			seen <- r.URL.RawQuery
		case "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(*page.Load())
		case "/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html><script type=module src=/page.js></script>"))
		default:
			f.handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { handler.Drain(0) })
	f.put(t, streamedA)
	script := bundled(t, fmt.Sprintf(webPage, server.URL, frontend))
	page.Store(&script)
	cmd := start(server.URL)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
			t.Log(err)
		}
	})
	sees := func(want string) {
		t.Helper()
		for timeout := time.After(30 * time.Second); ; {
			select {
			case got := <-seen:
				if got == want {
					return
				}
			case <-timeout:
				said, _ := os.ReadFile(out.Name())
				t.Fatalf("the client does not see %s: %s", want, said)
			}
		}
	}
	sees("true")
	for _, on := range []bool{false, true, false} {
		document := streamedB
		if on {
			document = streamedA
		}
		began := time.Now()
		f.put(t, document)
		sees(fmt.Sprint(on))
		t.Logf("the client has a flip after %d ms, of which up to %d are spread", time.Since(began).Milliseconds(),
			2000)
	}
}

// bundled links a module for browsers.
func bundled(t *testing.T, source string) []byte {
	t.Helper()
	for _, name := range []string{"@openfeature/web-sdk", "@openfeature/ofrep-web-provider"} {
		need.Module(t, name)
	}
	esbuild := filepath.Join(need.Module(t, "esbuild"), "bin", "esbuild")
	cmd := exec.CommandContext(t.Context(), need.Node(t), esbuild, "--bundle", "--format=esm", "--log-level=error")
	cmd.Dir, cmd.Stdin = filepath.Join(need.Root(), "test"), strings.NewReader(source)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("esbuild: %v", err)
	}
	return out
}

// TestOFREPNoticesInNode: the provider for browsers in Node.js, which has EventSource, too.
func TestOFREPNoticesInNode(t *testing.T) {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || arch == "" {
		t.Skip("npm has Node.js 22 for Linux here")
	}
	node := filepath.Join(need.Module(t, "node-linux-"+arch), "bin", "node")
	followed(t, func(server string) *exec.Cmd {
		path := filepath.Join(t.TempDir(), "page.mjs")
		response, err := http.Get(server + "/page.js")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var page bytes.Buffer
		if _, err := page.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, page.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(node, "--experimental-eventsource", path)
	})
}
