package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/api"
)

// streamed is one server-sent event.
type streamed struct {
	event, id string
	types     []string // of the events in its data
	data      string
}

// openStream connects with an id, "" for none.
func openStream(t *testing.T, server *httptest.Server, token, id string) (*http.Response, func() streamed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/client/streaming", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	if id != "" {
		r.Header.Set("Last-Event-ID", id)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewReader(response.Body)
	return response, func() (e streamed) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return streamed{event: err.Error()}
			}
			line = strings.TrimSuffix(line, "\n")
			field, value, _ := strings.Cut(line, ": ")
			switch field {
			case "event":
				e.event = value
			case "id":
				e.id = value
			case "data":
				e.data = value
				var body struct{ Events []event }
				if err := json.Unmarshal([]byte(value), &body); err != nil {
					t.Fatalf("%v: %s", err, value)
				}
				for _, one := range body.Events {
					e.types = append(e.types, one.Type)
				}
			case "":
				if line == "" && e.event != "" {
					return e
				}
			}
		}
	}
}

// Lines in definitions must not end an event.
const (
	streamedA = `{"version":2,"features":[{"name":"one","project":"a","enabled":true,` + "\r\n\r\n" + `"strategies":[]},
		{"name":"two","project":"b","enabled":true,"strategies":[]}]}`
	streamedB = `{"version":2,"features":[{"name":"one","project":"a","enabled":false,"strategies":[]},
		{"name":"two","project":"b","enabled":true,"strategies":[]}]}`
	streamedC = `{"version":2,"features":[{"name":"one","project":"a","enabled":false,"strategies":[]},
		{"name":"two","project":"b","enabled":false,"strategies":[]}]}`
)

func (e *streamed) check(t *testing.T, name string, types ...string) {
	t.Helper()
	if e.event != name || !slices.Equal(e.types, types) {
		t.Errorf("%s %v, want %s %v: %s", e.event, e.types, name, types, e.data)
	}
}

// TestStream: a client has all flags first, then what changes in its projects, and after a
// disconnection what it has missed, also of another replica.
func TestStream(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.put(t, streamedA)
	response, next := openStream(t, server, backend, "")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	first := next()
	first.check(t, "unleash-connected", "hydration")
	_, ofA := openStream(t, server, backendA, "")
	e := ofA()
	if e.check(t, "unleash-connected", "hydration"); strings.Contains(e.data, `"two"`) {
		t.Errorf("a flag of another project: %s", e.data)
	}
	f.put(t, streamedB)
	e = next()
	e.check(t, "unleash-updated", "feature-updated")
	e = ofA()
	e.check(t, "unleash-updated", "feature-updated")
	f.put(t, streamedC) // which is not for project a
	last := next()
	last.check(t, "unleash-updated", "feature-updated")
	f.put(t, streamedA)
	e = ofA()
	if e.check(t, "unleash-updated", "feature-updated"); strings.Contains(e.data, `"two"`) {
		t.Errorf("a flag of another project: %s", e.data)
	}
	f.put(t, streamedC)

	_, resumed := openStream(t, server, backend, last.id)
	e = resumed()
	e.check(t, "unleash-connected")
	_, resumed = openStream(t, server, backend, first.id)
	e = resumed()
	e.check(t, "unleash-connected", "feature-updated", "feature-updated")
}

// TestStreamBounds: beyond max_streams clients are refused, until one disconnects.
func TestStreamBounds(t *testing.T) {
	f, handler := with(t, func(o *api.Options) { o.MaxStreams = 2 })
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	_, first := openStream(t, server, backend, "")
	first()
	second, next := openStream(t, server, backend, "")
	next()
	refused, _ := openStream(t, server, backend, "")
	if refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q", refused.Status, refused.Header.Get("Retry-After"))
	}
	_ = second.Body.Close()
	for {
		response, next := openStream(t, server, backend, "")
		if response.StatusCode == http.StatusOK {
			e := next()
			e.check(t, "unleash-connected", "hydration")
			break
		}
		_, _ = io.Copy(io.Discard, response.Body)
	}
	for token, want := range map[string]int{"": 401, frontend: 403} {
		if response, _ := openStream(t, server, token, ""); response.StatusCode != want {
			t.Errorf("token %q: %s, want %d", token, response.Status, want)
		}
	}
	handler.Drain(0)
	if e := first(); e.event != "EOF" {
		t.Errorf("%+v, want the end", e)
	}
	if response, _ := openStream(t, server, backend, ""); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while it drains: %s", response.Status)
	}
	off, _ := with(t, func(o *api.Options) { o.MaxStreams = 0 })
	if response := off.ask("GET", "/api/client/streaming", backend, ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("switched off: %s", response.Status)
	}
}
