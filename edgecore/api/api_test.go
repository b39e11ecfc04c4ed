package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/secret"
)

const (
	backend    = "*:production.backend"
	backendA   = "a:production.backend"
	frontend   = "*:production.frontend"
	frontendB  = "b:production.frontend"
	notReady   = "*:empty.backend"
	notReadyUI = "*:empty.frontend"
)

const definitions = `{"features":[
 {"name":"on","project":"a","enabled":true,"strategies":[],"impressionData":true,"later":{"kept":1}},
 {"name":"off","project":"a","enabled":false,"strategies":[]},
 {"name":"for-7","project":"b","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"7"}}],
 	"variants":[{"name":"red","weight":1,"payload":{"type":"string","value":"r"}}]},
 {"name":"in-no","project":"b","enabled":true,"strategies":[{"name":"default","segments":[1]}]},
 {"name":"in-production","project":"b","enabled":true,"strategies":[{"name":"default",
 	"constraints":[{"contextName":"environment","operator":"IN","values":["production"]}]}]},
 {"name":"half","project":"c","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
 	"stickiness":"random","groupId":"g"}}]},
 {"name":"half-child","project":"c","enabled":true,"strategies":[],"dependencies":[{"feature":"half"}]},
 {"name":"soon","project":"c","enabled":true,"strategies":[{"name":"default",
 	"constraints":[{"contextName":"currentTime","operator":"DATE_AFTER","value":"2999-01-01T00:00:00Z"}]}]}
],"segments":[{"id":1,"constraints":[{"contextName":"country","operator":"IN","values":["no"]}]},{"id":2,
	"constraints":[]}],"meta":{"revisionId":7}}`

type fixture struct {
	handler  http.Handler
	store    *state.Store
	log      *bytes.Buffer
	registry *prometheus.Registry
	triggers int
}

func newFixture(t testing.TB, anonymous edgecore.Environment) *fixture {
	t.Helper()
	f := &fixture{log: &bytes.Buffer{}, registry: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.store = state.New(state.Options{Log: log})
	f.put(t, definitions)
	allowed := access.New(access.Options{
		Backend:   tokens(t, backend, backendA, notReady),
		Frontend:  tokens(t, frontend, frontendB, notReadyUI),
		Anonymous: anonymous,
	})
	collector, err := usage.New(usage.Options{
		URL: "https://unleash.example", Tokens: tokens(t, backend), Interval: time.Minute, Log: log,
		Registry: f.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = api.New(api.Options{
		MaxStreams: 4, States: f.store, Access: allowed, Environments: []edgecore.Environment{"production"}, Log: log,
		Registry: f.registry, BasePath: "/base", Usage: collector,
		WebhookSecret: secret.New("hook-secret"), Trigger: func() { f.triggers++ },
	})
	return f
}

func tokens(t testing.TB, texts ...string) []edgecore.Token {
	t.Helper()
	var list []edgecore.Token
	for _, text := range texts {
		token, err := edgecore.ParseToken(secret.New(text))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, token)
	}
	return list
}

func (f *fixture) put(t testing.TB, document string) {
	t.Helper()
	d, err := parse.Definitions([]byte(document), "production")
	if err != nil {
		t.Fatal(err)
	}
	f.store.Put(d)
}

// ask returns a response; of a stream its first event.
func (f *fixture) ask(method, target, token, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if strings.Contains(target, "/streaming") || strings.Contains(target, "/events") {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		r = r.WithContext(ctx)
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStatusCodes(t *testing.T) {
	f := newFixture(t, "")
	for _, tc := range []struct {
		method, path, token string
		code                int
	}{
		{"GET", "/health", "", 200},
		{"GET", "/internal-backstage/health", "", 200},
		{"GET", "/ready", "", 200},
		{"GET", "/internal-backstage/ready", "", 200},
		{"GET", "/internal-backstage/prometheus", "", 200},
		{"GET", "/internal-backstage/metrics", "", 200},
		{"GET", "/api/client/features", backend, 200},
		{"HEAD", "/api/client/features", backend, 200},
		{"POST", "/api/client/features", backend, 200},
		{"GET", "/base//api/client/features/", backend, 200},
		{"GET", "/api/client/features", "Bearer " + backend, 200},
		{"GET", "/api/client/features", "", 401},
		{"GET", "/api/client/features", "*:production.unknown", 401},
		{"GET", "/api/client/features", "garbage", 401},
		{"GET", "/api/client/features", frontend, 403},
		{"GET", "/api/frontend", backend, 403},
		{"GET", "/api/client/features", notReady, 503},
		{"GET", "/api/frontend", notReadyUI, 503},
		{"GET", "/api/client/features/on", backend, 200},
		{"GET", "/api/client/features/for-7", backendA, 404},
		{"GET", "/api/client/features/none", backend, 404},
		{"GET", "/api/frontend", frontend, 200},
		{"GET", "/api/proxy", frontend, 200},
		{"GET", "/api/frontend/all", frontend, 200},
		{"GET", "/api/proxy/all", frontend, 200},
		{"GET", "/api/frontend/features/on", frontend, 200},
		{"GET", "/api/frontend/features/on", frontendB, 404},
		{"GET", "/api/frontend?currentTime=soon", frontend, 200},
		{"POST", "/api/client/metrics/edge", backend, 202},
		{"POST", "/api/client/metrics/edge", frontend, 403},
		{"OPTIONS", "/api/frontend", "", 204},
		{"OPTIONS", "/api/frontend/client/metrics", "", 204},
		{"DELETE", "/api/frontend", frontend, 405},
		{"GET", "/nothing", "", 404},
	} {
		if r := f.ask(tc.method, tc.path, tc.token, ""); r.StatusCode != tc.code {
			t.Errorf("%s %s with %q: %d, want %d: %s", tc.method, tc.path, tc.token, r.StatusCode, tc.code, text(t, r))
		}
	}
	if strings.Contains(f.log.String(), "production.") {
		t.Errorf("a token is in the log:\n%s", f.log)
	}
	if r := f.ask("GET", "/api/client/features", notReady, ""); r.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestClientFeatures(t *testing.T) {
	f := newFixture(t, "")
	names := func(r *http.Response) string {
		d, err := parse.Definitions([]byte(text(t, r)), "")
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, feature := range d.Features {
			list = append(list, feature.Name)
		}
		return fmt.Sprint(list, len(d.Segments))
	}
	for _, tc := range []struct{ path, token, want string }{
		{"/api/client/features", backend, "[for-7 half half-child in-no in-production off on soon] 2"},
		{"/api/client/features", backendA, "[off on] 0"},
		{"/api/client/features?namePrefix=in-", backend, "[in-no in-production] 1"},
		{"/api/client/features?project=none", backend, "[] 0"},
		{"/api/client/features?project=a", backend, "[off on] 0"},
		{"/api/client/features?project=a&project=none&project=a", backend, "[off on] 0"},
		{"/api/client/features?project=a&namePrefix=of", backend, "[off] 0"},
		{"/api/client/features?project=a&project=b", backendA, "[off on] 0"}, // never wider than the token
		{"/api/client/features?project=b", backendA, "[] 0"},
		{"/api/client/features?project=*", backendA, "[off on] 0"},
		{"/api/client/features?project=", backendA, "[off on] 0"},
		{"/api/client/features?tag=simple:x", backendA, "[off on] 0"},
	} {
		if got := names(f.ask("GET", tc.path, tc.token, "")); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.path, got, tc.want)
		}
	}
	if body := text(t, f.ask("GET", "/api/client/features", backend, "")); !strings.Contains(body,
		`"later":{"kept":1}`) || !strings.Contains(body, `"revisionId":7`) {
		t.Errorf("a member is lost: %s", body)
	}
}

func TestEntityTagsAndCompression(t *testing.T) {
	f := newFixture(t, "")
	first := f.ask("GET", "/api/client/features", backend, "", "Accept-Encoding", "br, gzip;q=0.8")
	etag := first.Header.Get("ETag")
	z, err := gzip.NewReader(first.Body)
	if err != nil || first.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", err)
	}
	unzipped, err := io.ReadAll(z)
	if err != nil ||
		string(unzipped) != text(t, f.ask("GET", "/api/client/features", backend, "", "Accept-Encoding", "gzip;q=0")) {
		t.Errorf("the compressed body is another: %v", err)
	}
	for _, match := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if r := f.ask("GET", "/api/client/features", backend, "", "If-None-Match", match); r.StatusCode != 304 ||
			r.Header.Get("ETag") != etag || text(t, r) != "" {
			t.Errorf("If-None-Match %s: %d", match, r.StatusCode)
		}
	}
	scoped := f.ask("GET", "/api/client/features", backendA, "").Header.Get("ETag")
	f.put(t, strings.Replace(definitions, `"name":"for-7","project":"b","enabled":true`,
		`"name":"for-7","project":"b","enabled":false`, 1))
	if r := f.ask("GET", "/api/client/features", backend, "", "If-None-Match", etag); r.StatusCode != 200 {
		t.Errorf("a change is not seen: %d", r.StatusCode)
	}
	if r := f.ask("GET", "/api/client/features", backendA, "", "If-None-Match", scoped); r.StatusCode != 304 {
		t.Errorf("a change in another project is seen: %d", r.StatusCode)
	}
	ui := f.ask("GET", "/api/frontend/all?userId=7", frontendB, "").Header.Get("ETag")
	if r := f.ask("GET", "/api/frontend/all?userId=7", frontendB, "", "If-None-Match", ui); r.StatusCode != 304 {
		t.Errorf("frontend: %d", r.StatusCode)
	}
}

func TestFrontendContext(t *testing.T) {
	f := newFixture(t, "")
	for _, tc := range []struct{ name, method, path, body, want string }{
		{"nobody", "GET", "/api/frontend", "", "in-production on"},
		{"a user", "GET", "/api/frontend?userId=7", "", "for-7 in-production on"},
		{"a property", "GET", "/api/frontend?properties[country]=no", "", "in-no in-production on"},
		{"an encoded property", "GET", "/api/frontend?properties%5Bcountry%5D=no", "", "in-no in-production on"},
		{"a property at the top", "GET", "/api/frontend?country=no", "", "in-no in-production on"},
		{"a user among the properties", "GET", "/api/frontend?properties[userId]=7", "", "for-7 in-production on"},
		{"an environment of its own", "GET", "/api/frontend?environment=test", "", "on"},
		{"another time", "GET", "/api/frontend?currentTime=2999-02-01T00:00:00Z", "", "in-production on soon"},
		{
			"a body", "POST", "/api/frontend", `{"context":{"userId":7,"properties":{"country":"no"}}}`,
			"for-7 in-no in-production on",
		},
		{
			"a bare context", "POST", "/api/proxy", `{"userId":"7","country":null,"nested":{"x":1}}`,
			"for-7 in-production on",
		},
		{"no body", "POST", "/api/frontend", "", "in-production on"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var doc struct{ Toggles []struct{ Name string } }
			if err := json.Unmarshal([]byte(text(t, f.ask(tc.method, tc.path, frontend, tc.body))), &doc); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, toggle := range doc.Toggles {
				if !strings.HasPrefix(toggle.Name, "half") {
					names = append(names, toggle.Name)
				}
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	for _, body := range []string{"{", "[1]", `"x"`} {
		if r := f.ask("POST", "/api/frontend", frontend, body); r.StatusCode != 400 {
			t.Errorf("body of %d bytes: %d", len(body), r.StatusCode)
		}
	}
}

func TestFrontendShape(t *testing.T) {
	f := newFixture(t, "")
	got := text(t, f.ask("GET", "/api/frontend/features/for-7?userId=7", frontend, ""))
	want := `{"name":"for-7","enabled":true,"variant":{"name":"red","enabled":true,"payload":{"type":"string",` +
		`"value":"r"},` +
		`"feature_enabled":true,"featureEnabled":true},"impressionData":false,"impression_data":false}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A random draw is one for a request: a child never disagrees with its parent.
func TestAnswersOfOneRequestFitTogether(t *testing.T) {
	f := newFixture(t, "")
	on := 0
	for range 200 {
		body := text(t, f.ask("GET", "/api/frontend", frontend, ""))
		parent, child := strings.Contains(body, `"half"`), strings.Contains(body, `"half-child"`)
		if parent != child {
			t.Fatalf("parent %v, child %v", parent, child)
		}
		if parent {
			on++
		}
	}
	if on < 50 || on > 150 {
		t.Errorf("on for %d of 200, want about half", on)
	}
}

func TestAnonymous(t *testing.T) {
	f := newFixture(t, "production")
	if r := f.ask("GET", "/api/frontend", "", ""); r.StatusCode != 200 {
		t.Errorf("without a token: %d", r.StatusCode)
	}
	if r := f.ask("GET", "/api/frontend", "*:production.unknown", ""); r.StatusCode != 401 {
		t.Errorf("with a wrong token: %d", r.StatusCode)
	}
	if r := f.ask("GET", "/api/client/features", "", ""); r.StatusCode != 401 {
		t.Errorf("definitions without a token: %d", r.StatusCode)
	}
}

func TestBasePathEndsAtASlash(t *testing.T) {
	f := newFixture(t, "")
	for path, want := range map[string]int{
		"/base/health": 200, "/health": 200, "/basehealth": 404, "/base/base/health": 404,
	} {
		if r := f.ask("GET", path, "", ""); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
}

func TestReadyWaitsForEveryEnvironment(t *testing.T) {
	store := state.New(state.Options{Log: slog.New(slog.DiscardHandler)})
	allowed := access.New(access.Options{})
	h := api.New(api.Options{
		States: store, Access: allowed, Usage: &usage.Collector{}, Environments: []edgecore.Environment{"a"},
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	f := &fixture{handler: h}
	if r := f.ask("GET", "/ready", "", ""); r.StatusCode != 503 || !strings.Contains(text(t, r), "NOTREADY") {
		t.Errorf("%d before there are flags", r.StatusCode)
	}
	d, _ := parse.Definitions([]byte(`{"features":[]}`), "a")
	store.Put(d)
	if r := f.ask("GET", "/ready", "", ""); r.StatusCode != 200 {
		t.Errorf("%d although an empty environment is a valid one", r.StatusCode)
	}
}

func TestStatesSwapUnderLoad(t *testing.T) {
	f := newFixture(t, "")
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 50 {
				for _, path := range []string{"/api/client/features", "/api/frontend/all"} {
					token := backend
					if strings.Contains(path, "frontend") {
						token = frontend
					}
					if r := f.ask("GET", path, token, "", "Accept-Encoding", "gzip, br"); r.StatusCode != 200 {
						t.Errorf("%s: %d", path, r.StatusCode)
					}
				}
			}
		})
	}
	for i := range 50 {
		f.put(t, strings.Replace(definitions, `"revisionId":7`, fmt.Sprintf(`"revisionId":%d`, 8+i), 1))
	}
	asking.Wait()
}

// Whatever a context holds, the answer is JSON, a 400 or, above 64 kB, a 413, and prototype names
// of JavaScript are names like any other.
func FuzzContext(f *testing.F) {
	f.Add(`{"context":{"userId":"7"}}`)
	f.Add(`{"__proto__":{"x":1},"constructor":"y","properties":{"hasOwnProperty":true}}`)
	f.Add(`{"userId":1e400}`)
	f.Add("{\"userId\":\"\xff\"}")
	f.Add(strings.Repeat("[", 1<<20))
	f.Add(strings.Repeat("[", 60_000))
	f.Add(`{` + strings.Repeat(`"":0,`, 10_000) + `"":0}`)
	f.Add(`{"userId":"` + strings.Repeat("7", 1<<20) + `"}`)
	x := newFixture(f, "")
	f.Fuzz(func(t *testing.T, body string) {
		r := x.ask("POST", "/api/frontend", frontend, body)
		answer := text(t, r)
		large := len(body) > 64<<10
		if r.StatusCode != 200 && r.StatusCode != 400 && !large || (r.StatusCode == 413) != large ||
			!json.Valid([]byte(answer)) {
			t.Errorf("%d: %s", r.StatusCode, answer)
		}
	})
}
