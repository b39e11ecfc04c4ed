package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks/all"
)

// notified is a core whose services are a server of the test.
type notified struct {
	core *App
	dir  string
	log  bytes.Buffer

	mu    sync.Mutex
	calls []string // path and body
}

func newNotified(t *testing.T, settings string) *notified {
	t.Helper()
	n := &notified{dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n.mu.Lock()
		defer n.mu.Unlock()
		n.calls = append(n.calls, r.Method+" "+r.URL.Path+" "+string(body))
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(n.dir, "flagcast.yaml")
	settings = `
upstream: { url: "http://127.0.0.1:1", tokens: ["*:e.s3cr3t"] }
sinks: { s: { type: memory } }
targets: [{ name: web, sink: s, environment: e, format: rules/1, key: k }]
` + strings.ReplaceAll(settings, "SERVER", server.URL)
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()})
	if err != nil {
		t.Fatal(err)
	}
	if n.core, err = New(c, ConfigFile{}, slog.New(slog.NewTextHandler(&n.log, nil)), []string{"s"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if strings.Contains(n.log.String(), secretText) {
			t.Errorf("the log holds a secret:\n%s", &n.log)
		}
	})
	return n
}

// pass passes events to the listeners of a command, and ends their loops.
func (n *notified) pass(t *testing.T, by string, events ...publish.Event) (loops int) {
	t.Helper()
	listener, runs, err := n.core.listeners(by)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		listener.Event(e)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, run := range runs {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	}
	return len(runs)
}

func TestListenersFollowTheConfiguration(t *testing.T) {
	n := newNotified(t, `
audit: { file: audit.jsonl }
notify:
  - { type: json, url: "SERVER/s3cr3t/all" }
  - { type: slack, url: "SERVER/s3cr3t/held", events: [held], targets: ["w*"] }
healthcheck: { url: "SERVER/s3cr3t/well" }
`)
	failed := publish.Event{Kind: publish.Failed, Target: "web", Sink: "s", Failures: 1}
	held := publish.Event{Kind: publish.Held, Target: "web", Sink: "s"}
	if loops := n.pass(t, "serve", failed); loops != 3 || len(n.calls) != 0 {
		t.Errorf("serve: %d loops, want 3; one failure of serve is sent: %q", loops, n.calls)
	}
	if loops := n.pass(t, "sync", failed, held); loops != 2 || len(n.calls) != 2 {
		t.Errorf("sync: %d loops, want 2; calls %q, want one for each webhook", loops, n.calls)
	}
	for i, part := range []string{
		`POST /s3cr3t/all {"events":[{"time":`,
		`POST /s3cr3t/held {"mrkdwn":false,"text":"flagcast: target web (sink s) is held"}`,
	} {
		if !strings.HasPrefix(n.calls[i], part) {
			t.Errorf("call %d is %q, want %q", i+1, n.calls[i], part)
		}
	}
	if !strings.Contains(n.calls[0], `"event":"failed"`) {
		t.Errorf("sync does not tell its only failure: %q", n.calls[0])
	}
	n.core.Ping(t.Context())
	if last := n.calls[len(n.calls)-1]; last != "GET /s3cr3t/well " {
		t.Errorf("the healthcheck was called by %q", last)
	}
	audit, err := os.ReadFile(filepath.Join(n.dir, "audit.jsonl"))
	if err != nil || strings.Count(string(audit), "\n") != 1 || !strings.Contains(string(audit), `"event":"held"`) ||
		!strings.Contains(string(audit), `"by":"sync"`) {
		t.Errorf("audit file: %v\n%s", err, audit)
	}
}

// serve sends a failure that does not pass by itself before "after" others, and
// its messages name the configuration that --config has given.
func TestListenersOfServe(t *testing.T) {
	n := newNotified(t, `notify: [{ type: slack, url: "SERVER/s3cr3t/all", after: 9 }]`)
	n.core.ConfigFile = ConfigFile{Path: "conf/it's.yaml", flag: true}
	n.pass(t, "serve",
		publish.Event{Kind: publish.Failed, Target: "web", Sink: "s", Failures: 1, Text: "put: 503"},
		publish.Event{Kind: publish.Failed, Target: "app", Sink: "s", Failures: 1, Text: "put: 403", Permanent: true},
		publish.Event{Kind: publish.Held, Target: "web", Sink: "s", Digest: "4f0c29a7e1b3"})
	want := `POST /s3cr3t/all {"mrkdwn":false,"text":"flagcast: target app (sink s) has failed: put: 403\nflagcast: ` +
		`target web (sink s) is held: ` +
		`(if it is meant: flagcast sync --target web --accept 4f0c29a7e1b3 --config 'conf/it'\\''s.yaml')"}` + "\n"
	if len(n.calls) != 1 || n.calls[0] != want {
		t.Errorf("calls:\n%s\nwant:\n%s", n.calls, want)
	}
}

func TestListenersOfAnEmptyConfiguration(t *testing.T) {
	n := newNotified(t, "")
	if n := n.pass(t, "serve", publish.Event{Kind: publish.Failed, Target: "web"}); n != 0 {
		t.Errorf("%d loops of nothing", n)
	}
	n.core.Ping(t.Context())
	if n.log.Len() > 0 {
		t.Errorf("log: %s", &n.log)
	}
}

func TestWell(t *testing.T) {
	n := newNotified(t, "")
	troubles := notify.NewProblems()
	check := func(want string) {
		t.Helper()
		switch err := n.core.healthy(troubles); {
		case want == "" && err != nil:
			t.Errorf("not well: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("well is %v, want %q", err, want)
		}
	}
	check("no definitions yet")
	definitions, err := parse.Definitions([]byte(`{"features":[]}`), "e")
	if err != nil {
		t.Fatal(err)
	}
	n.core.Store.Put(definitions)
	check("")
	troubles.Event(publish.Event{Kind: publish.Stale, Target: "web"})
	check(`target "web": stale`)
	troubles.Event(publish.Event{Kind: publish.Recovered, Target: "web"})
	check("")
}
