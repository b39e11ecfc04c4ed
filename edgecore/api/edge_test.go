package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/secret"
)

// with makes a fixture with other options.
func with(t testing.TB, change func(*api.Options)) (*fixture, *api.Handler) {
	t.Helper()
	f := &fixture{log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.store = state.New(state.Options{Log: log})
	f.put(t, definitions)
	o := api.Options{
		MaxStreams: 4, States: f.store, Environments: []edgecore.Environment{"production", "empty"}, Log: log,
		Registry: prometheus.NewRegistry(),
		Access: access.New(access.Options{
			Backend: tokens(t, backend, backendA), Frontend: tokens(t, frontend, frontendB),
		}),
		Usage: newCollector(t),
	}
	change(&o)
	h := api.New(o)
	f.handler = h
	return f, h
}

// newCollector sends nothing, since it does not run.
func newCollector(t testing.TB) *usage.Collector {
	t.Helper()
	collector, err := usage.New(usage.Options{
		URL: "https://unleash.example", Tokens: []edgecore.Token{{Environment: "production"}},
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return collector
}

func TestValidate(t *testing.T) {
	f := newFixture(t, "")
	for body, want := range map[string]string{
		`{"tokens":["` + backend + `","` + frontendB + `","*:production.unknown","garbage",""]}`: `{"tokens":[` +
			`{"token":"` + backend + `","type":"client","environment":"production","projects":["*"]},` +
			`{"token":"` + frontendB + `","type":"frontend","environment":"production","projects":["b"]}]}` + "\n",
		`{"tokens":[]}`: `{"tokens":[]}` + "\n",
		`{}`:            `{"tokens":[]}` + "\n",
	} {
		if r := f.ask("POST", "/edge/validate", "", body); r.StatusCode != 200 {
			t.Errorf("%s: %d", body, r.StatusCode)
		} else if got := text(t, r); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	for body, code := range map[string]int{
		"": 400, "{": 400, `{"tokens":{}}`: 400, `{"tokens":[` + strings.Repeat(`"x",`, access.MaxTokens) +
			`"x"]}`: 413,
	} {
		if r := f.ask("POST", "/edge/validate", "", body); r.StatusCode != code {
			t.Errorf("%.20s: %d, want %d", body, r.StatusCode, code)
		}
	}
}

func TestPackedBodies(t *testing.T) {
	f := newFixture(t, "")
	pack := func(content []byte) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(content)
		_ = z.Close()
		return b.String()
	}
	bomb := pack(make([]byte, 20<<20))
	for _, tc := range []struct {
		name, encoding, body string
		code                 int
	}{
		{"packed", "gzip", pack([]byte(`{"userId":"7"}`)), 200},
		{"not packed", "identity", `{"userId":"7"}`, 200},
		{"a bomb", "gzip", bomb, 413},
		{"not what it says", "gzip", `{"userId":"7"}`, 400},
		{"cut off", "gzip", pack([]byte(`{"userId":"7"}`))[:12], 400},
		{"another packing", "br", "x", 415},
		{"packed twice", "gzip, gzip", pack([]byte(pack([]byte(`{}`)))), 415},
		{"ten megabytes", "", `{"userId":"` + strings.Repeat("7", 10<<20) + `"}`, 413},
	} {
		r := f.ask("POST", "/api/frontend/features/for-7", frontend, tc.body, "Content-Encoding", tc.encoding)
		answer := text(t, r)
		if r.StatusCode != tc.code {
			t.Errorf("%s: %d, want %d: %s", tc.name, r.StatusCode, tc.code, answer)
		}
		if tc.code == 200 && !strings.Contains(answer, `"enabled":true`) {
			t.Errorf("%s: the context is not read: %s", tc.name, answer)
		}
	}
}

// TestPathTricks: a path leads to one place or to none, however it is written.
func TestPathTricks(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.BasePath, o.Backstage.Separate = "/base", true })
	f.put(t, strings.Replace(definitions, `"name":"off"`, `"name":"a/b c"`, 1))
	for path, code := range map[string]int{
		"/api/client/features/a%2Fb%20c":                          200,
		"/base/api/client/features/a%2Fb%20c/":                    200,
		"/api/client/features/a/b%20c":                            404,
		"/api/client/../client/features":                          404,
		"/api/client/%2e%2e/client/features":                      404,
		"/base/../api/client/features":                            404,
		"/api/client/features/..":                                 404,
		"/api/client/features/%2e%2e%2f":                          404,
		"/health/../internal-backstage/prometheus":                404,
		"//internal-backstage//prometheus":                        404,
		"/%69nternal-backstage/prometheus":                        404,
		"/API/client/features":                                    404,
		"/api/client/features%00":                                 404,
		"/api/client/features;x=1":                                404,
		"/" + strings.Repeat("/", 60_000) + "api/client/features": 200,
		"/" + strings.Repeat("a/", 30_000):                        404,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		r.Header.Set("Authorization", backend)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != code {
			t.Errorf("%.60s: %d, want %d: %.200s", path, w.Code, code, w.Body)
		}
	}
}

func TestCORS(t *testing.T) {
	open, _ := with(t, func(o *api.Options) { o.CORS.MaxAge = 48 * time.Hour })
	for path, method := range map[string]string{"/api/frontend": "GET", "/api/proxy/all": "OPTIONS"} {
		h := open.ask(method, path, frontend, "", "Origin", "https://any.example").Header
		if h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %v", method, path, h)
		}
	}
	if h := open.ask("OPTIONS", "/api/frontend", "", "").Header; h.Get("Access-Control-Max-Age") != "172800" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%v", h)
	}
	if h := open.ask("GET", "/api/client/features", backend, "", "Origin", "https://any.example").Header; h.Get(
		"Access-Control-Allow-Origin") != "" {
		t.Errorf("a browser may ask for definitions: %v", h)
	}
	closed, _ := with(t, func(o *api.Options) {
		o.CORS = api.CORS{
			Origins: []string{"https://a.example", "https://b.example"}, AllowedHeaders: []string{"X-A", "X-B"},
			ExposedHeaders: []string{"X-C"}, Methods: []string{"GET"}, MaxAge: time.Minute,
		}
	})
	for origin, want := range map[string]string{
		"https://b.example": "https://b.example", "https://c.example": "", "": "",
	} {
		h := closed.ask("GET", "/api/frontend", frontend, "", "Origin", origin).Header
		if got := h.Get("Access-Control-Allow-Origin"); got != want ||
			!strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
			t.Errorf("%s: %q, Vary %q", origin, got, h.Values("Vary"))
		}
	}
	h := closed.ask("OPTIONS", "/api/frontend", "", "").Header
	if got := fmt.Sprint(h["Access-Control-Allow-Methods"], h["Access-Control-Allow-Headers"],
		h["Access-Control-Expose-Headers"], h["Access-Control-Max-Age"]); got != "[GET] [X-A, X-B] [X-C] [60]" {
		t.Errorf("%v", got)
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// TestPeers: whom a request comes from, as a strategy by address sees it.
func TestPeers(t *testing.T) {
	const byAddress = `{"features":[{"name":"here","enabled":true,"strategies":[{"name":"remoteAddress",` +
		`"parameters":{"IPs":"192.0.2.7, 2001:db8::7"}}]}]}`
	f, _ := with(t, func(o *api.Options) {
		o.Peers = api.Peers{Proxies: prefixes("10.0.0.0/8", "fd00::/8"), Deny: prefixes("203.0.113.0/24")}
	})
	f.put(t, byAddress)
	for _, tc := range []struct {
		name, peer, header, value string
		on                        bool
	}{
		{"straight", "192.0.2.7:1", "", "", true},
		{"another", "192.0.2.8:1", "", "", false},
		{"another who lies", "192.0.2.8:1", "X-Forwarded-For", "192.0.2.7", false},
		{"by a proxy", "10.0.0.1:1", "X-Forwarded-For", "192.0.2.7", true},
		{"by two proxies", "10.0.0.1:1", "X-Forwarded-For", "192.0.2.7, 10.0.0.2", true},
		{"a liar by a proxy", "10.0.0.1:1", "X-Forwarded-For", "192.0.2.7, 192.0.2.8", false},
		{"by a proxy, garbage", "10.0.0.1:1", "X-Forwarded-For", "192.0.2.7, unknown, 10.0.0.2", false},
		{"by a proxy that says nothing", "10.0.0.1:1", "", "", false},
		{"in the standard's form", "10.0.0.1:1", "Forwarded", `for=192.0.2.7;proto=https, for="10.0.0.2:4711"`, true},
		{"in the standard's form, a liar", "10.0.0.1:1", "Forwarded", `for=192.0.2.7, for=192.0.2.8`, false},
		{"in the standard's form, hidden", "10.0.0.1:1", "Forwarded", `for=192.0.2.7, proto=https`, false},
		{"IPv6", "[2001:db8::7]:1", "", "", true},
		{"IPv6 by a proxy", "[fd00::1]:1", "X-Forwarded-For", "2001:db8::7", true},
		{"IPv6 in the standard's form", "[fd00::1]:1", "Forwarded", `for="[2001:db8::7]:4711"`, true},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", "X-Forwarded-For", "192.0.2.7", true},
	} {
		r := httptest.NewRequest("GET", "/api/frontend/features/here", nil)
		r.Header.Set("Authorization", frontend)
		r.RemoteAddr = tc.peer
		if tc.header != "" {
			r.Header.Set(tc.header, tc.value)
		}
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if on := strings.Contains(w.Body.String(), `"enabled":true,"variant"`); on != tc.on || w.Code != 200 {
			t.Errorf("%s: %d %s", tc.name, w.Code, w.Body)
		}
	}
	closed, _ := with(t, func(o *api.Options) { o.Peers.Allow = prefixes("192.0.2.0/24") })
	for _, tc := range []struct {
		f    *fixture
		peer string
		code int
	}{
		{f, "203.0.113.9:1", 403},
		{f, "203.0.114.9:1", 200},
		{closed, "192.0.2.1:1", 200},
		{closed, "192.0.3.1:1", 403},
		{closed, "@", 403}, // no address, as of a socket
	} {
		r := httptest.NewRequest("GET", "/health", nil)
		r.RemoteAddr = tc.peer
		w := httptest.NewRecorder()
		if tc.f.handler.ServeHTTP(w, r); w.Code != tc.code {
			t.Errorf("%s: %d, want %d", tc.peer, w.Code, tc.code)
		}
	}
}

func TestTokenHeader(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.TokenHeader = "X-Unleash" })
	if r := f.ask("GET", "/api/client/features", "Basic of-a-proxy", "", "X-Unleash",
		"Bearer "+backend); r.StatusCode != 200 {
		t.Errorf("%d", r.StatusCode)
	}
	if r := f.ask("GET", "/api/client/features", backend, ""); r.StatusCode != 401 {
		t.Errorf("the other header counts, too: %d", r.StatusCode)
	} else if answer := text(t, r); !strings.Contains(answer, "the X-Unleash header") {
		t.Errorf("the answer does not name the header: %s", answer)
	}
}

// TestTokenHeaderIsForTokens: what is not asked with a token of an SDK keeps its
// Authorization: Unleash's webhook sends the secret there and nowhere else, and
// /edge/validate takes no token at all.
func TestTokenHeaderIsForTokens(t *testing.T) {
	triggers := 0
	f, _ := with(t, func(o *api.Options) {
		o.TokenHeader, o.WebhookSecret, o.Trigger = "X-Unleash", secret.New("hook-secret"), func() { triggers++ }
	})
	for _, tc := range []struct {
		authorization, header string
		code                  int
	}{
		{"hook-secret", "", 202},
		{"hook-secret", backend, 202},
		{"Bearer hook-secret", "x", 202},
		{"", "hook-secret", 401},
		{backend, "hook-secret", 401},
	} {
		if r := f.ask("POST", "/hooks/unleash", tc.authorization, "", "X-Unleash", tc.header); r.StatusCode != tc.code {
			t.Errorf("Authorization %q, X-Unleash %q: %d, want %d", tc.authorization, tc.header, r.StatusCode, tc.code)
		}
	}
	if triggers != 3 {
		t.Errorf("%d triggers, want 3", triggers)
	}
	for _, authorization := range []string{"", "Basic of-a-proxy", backend} {
		r := f.ask("POST", "/edge/validate", authorization, `{"tokens":["`+backend+`"]}`)
		if answer := text(t, r); r.StatusCode != 200 || !strings.Contains(answer, backend) {
			t.Errorf("validate with Authorization %q: %d %s", authorization, r.StatusCode, answer)
		}
	}
	r := httptest.NewRequest("GET", "/api/client/features", nil)
	r.Header.Set("Authorization", "Basic of-a-proxy")
	r.Header.Set("X-Unleash", backend)
	f.handler.ServeHTTP(httptest.NewRecorder(), r)
	if got := r.Header.Get("Authorization"); got != "Basic of-a-proxy" {
		t.Errorf("the request is changed: Authorization is %q", got)
	}
}

func TestBackstage(t *testing.T) {
	f, h := with(t, func(*api.Options) {})
	for path, code := range map[string]int{
		"features": 404, "tokens": 404, "metrics": 200, "prometheus": 200, "health": 200, "ready": 503,
	} {
		if r := f.ask("GET", "/internal-backstage/"+path, "", ""); r.StatusCode != code {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, code)
		}
	}
	if h.Backstage != nil {
		t.Error("the backstage is apart, although nobody has asked for it")
	}
	f, h = with(t, func(o *api.Options) {
		o.Backstage = api.Backstage{Separate: true, DisableMetrics: true, Features: true, Tokens: true}
		o.DisableAll = true
	})
	inside := &fixture{handler: h.Backstage}
	for _, tc := range []struct {
		path        string
		front, back int
	}{
		{"/internal-backstage/health", 200, 200},
		{"/health", 200, 200},
		{"/internal-backstage/features", 404, 200},
		{"/internal-backstage/tokens", 404, 200},
		{"/internal-backstage/metrics", 404, 404},
		{"/api/client/features", 200, 404},
		{"/api/frontend/all", 404, 404},
		{"/api/proxy/all", 404, 404},
	} {
		if r := f.ask("GET", tc.path, backend, ""); r.StatusCode != tc.front {
			t.Errorf("%s: %d, want %d", tc.path, r.StatusCode, tc.front)
		}
		if r := inside.ask("GET", tc.path, backend, ""); r.StatusCode != tc.back {
			t.Errorf("%s apart: %d, want %d", tc.path, r.StatusCode, tc.back)
		}
	}
	known := text(t, inside.ask("GET", "/internal-backstage/tokens", "", ""))
	if strings.Contains(known, "production.") || strings.Count(known, `"sha256"`) != 4 {
		t.Errorf("tokens: %s", known)
	}
	var all map[string]struct{ Features []struct{ Name string } }
	if err := json.Unmarshal([]byte(text(t, inside.ask("GET", "/internal-backstage/features", "", ""))),
		&all); err != nil || len(all) != 1 || len(all["production"].Features) != 8 {
		t.Errorf("features: %v %v", all, err)
	}
}

func TestDrain(t *testing.T) {
	f, h := with(t, func(o *api.Options) { o.Environments = o.Environments[:1] })
	if r := f.ask("GET", "/ready", "", ""); r.StatusCode != 200 {
		t.Fatalf("%d", r.StatusCode)
	}
	h.Drain(0)
	for path, code := range map[string]int{
		"/ready": 503, "/internal-backstage/ready": 503, "/health": 200, "/api/client/features": 200,
	} {
		if r := f.ask("GET", path, backend, ""); r.StatusCode != code {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, code)
		} else if code == 503 && r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: 503 without Retry-After", path)
		}
	}
}

// A token that cannot be validated, or is for another environment, is asked to
// come again: after a 401 or 403 Unleash's Node SDK never does.
func TestNotAskedIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := with(t, func(o *api.Options) {
			o.Access = access.New(access.Options{
				Validator: away{}, Served: map[edgecore.Environment][]string{"production": nil},
			})
		})
		for _, token := range []string{"*:production.new", "*:elsewhere.new"} {
			r := f.ask("GET", "/api/client/features", token, "")
			if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %v", token, r.StatusCode, r.Header)
			}
		}
		if r := f.ask("POST", "/edge/validate", "", `{"tokens":["*:production.new"]}`); r.StatusCode != 503 ||
			r.Header.Get("Retry-After") == "" {
			t.Errorf("validate: %d", r.StatusCode)
		}
	})
}

// away is an upstream that does not answer.
type away struct{}

func (away) Validate(context.Context, []secret.Secret) ([]*access.TokenInfo, error) {
	return nil, errors.New("connection refused")
}
