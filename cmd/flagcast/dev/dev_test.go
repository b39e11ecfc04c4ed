package dev

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/test/need"
)

// TestChangesLoseNoRequest: while flags change, requests are answered, and what a
// change has written is in the answers that begin after it.
func TestChangesLoseNoRequest(t *testing.T) {
	engine := node{need.Node(t)}
	log := slog.New(slog.DiscardHandler)
	store := state.New(state.Options{Log: log})
	put := func(n int) {
		d, err := parse.Definitions(fmt.Appendf(nil,
			`{"version":2,"features":[{"name":"flag-%d","enabled":true,"strategies":[{"name":"default"}]}]}`, n), "e")
		if err != nil {
			t.Fatal(err)
		}
		if err := store.PutContext(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Listener: listener, Engine: engine, Platform: bundles.ESA, Store: store, Key: "unleash-rules",
			Spec: snapshot.Spec{Format: snapshot.Rules1, Environment: "e"}, Log: log,
		})
	}()
	url := "http://" + listener.Addr().String() + "/api/frontend"
	if code, _ := get(t, url); code != http.StatusServiceUnavailable {
		t.Errorf("without flags it answers %d, want 503", code)
	}
	put(0)
	shows(t, url, 0)

	var asking sync.WaitGroup
	var over atomic.Bool
	for range 3 {
		asking.Go(func() {
			for !over.Load() {
				if code, body := get(t, url); code != http.StatusOK {
					t.Errorf("a request got %d %s", code, body)
					return
				}
			}
		})
	}
	for n := 1; n <= 3; n++ {
		put(n)
		shows(t, url, n)
	}
	over.Store(true)
	asking.Wait()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// shows waits until the answer has flag n, and no other.
func shows(t *testing.T, url string, n int) {
	t.Helper()
	want, body := fmt.Sprintf(`"name":"flag-%d"`, n), ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if _, body = get(t, url); strings.Contains(body, want) && strings.Count(body, `"name":"flag-`) == 1 {
			return
		}
	}
	t.Fatalf("the answer is %s, want %s", body, want)
}

func get(t *testing.T, url string) (code int, body string) {
	response, err := http.Get(url)
	if err != nil {
		t.Errorf("ask the worker: %v", err)
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("read the answer of the worker: %v", err)
	}
	return response.StatusCode, string(text)
}

func TestStore(t *testing.T) {
	s, err := openStore()
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	s.publish("rules", []byte("snapshot"))
	large := strings.Repeat("x", maxValue+1)
	for _, tt := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/rules?urlencoded=true", "", 200, "snapshot"},
		{"GET", "/rules?namespace=n", "", 200, "snapshot"},
		{"PUT", "/rules", "mine", 403, "does not overwrite the snapshot"},
		{"PUT", "/a%2Fb", "kv", 200, ""},
		{"PUT", "/a%2Fb?namespace=n", "edgekv", 200, ""},
		{"GET", "/a%2Fb", "", 200, "kv"},
		{"GET", "/a%2Fb?namespace=n", "", 200, "edgekv"},
		{"PUT", "/large", large, 413, "25 MiB"},
		{"GET", "/large", "", 404, "no such key"},
		{"DELETE", "/a%2Fb", "", 200, ""},
		{"GET", "/a%2Fb", "", 404, "no such key"},
		{"GET", "/a%2Fb?namespace=n", "", 200, "edgekv"},
		{"GET", "/", "", 400, "want /KEY"},
		{"POST", "/bulk/get", "", 501, "GET, PUT and DELETE"},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, w.Code, w.Body, tt.code, tt.want)
		}
	}
	for i := range maxWritten {
		s.put("k", fmt.Sprint("n/", i), nil)
	}
	if s.put("k", "n/more", []byte("x")) {
		t.Errorf("the store has more than %d keys", maxWritten)
	}
}

// TestConsole: a long line is cut, and a worker's output moves no cursor.
func TestConsole(t *testing.T) {
	var b strings.Builder
	c := &console{log: slog.New(slog.NewTextHandler(&b, nil))}
	fmt.Fprintf(c, "a\x1b[2J\n%s\nb", strings.Repeat("x", maxLine+5))
	c.flush()
	if lines := strings.Count(b.String(), "\n"); lines != 4 {
		t.Errorf("%d lines, want 4: %.200s", lines, b.String())
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("an escape sequence was passed on")
	}
}
