package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
)

// FuzzQuery: any query is a context, or refused.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"userId=7&properties[country]=no", "properties%5B%5D=x&properties[=y&properties]=z", "currentTime=now",
		"a;b&%zz", "properties[a][b]=c", "\xff=\x00", strings.Repeat("a&", 30_000), strings.Repeat("[", 60_000),
	} {
		f.Add(query)
	}
	x := newFixture(f, "")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/api/frontend", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", frontend)
		w := httptest.NewRecorder()
		x.handler.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	})
}

// FuzzForwarded: headers of a proxy never panic, and give an address or that
// of the proxy.
func FuzzForwarded(f *testing.F) {
	f.Add("for=192.0.2.7;proto=https, for=\"[2001:db8::7]:1\"", "192.0.2.7, x")
	f.Add(";,=\"", ",,[::1%eth0]")
	f.Add(strings.Repeat("for=10.0.0.1,", 5000), strings.Repeat("[", 60_000))
	x, _ := with(f, func(o *api.Options) { o.Peers.Proxies = prefixes("10.0.0.0/8") })
	f.Fuzz(func(t *testing.T, forwarded, xff string) {
		for name, value := range map[string]string{"Forwarded": forwarded, "X-Forwarded-For": xff} {
			r := httptest.NewRequest("GET", "/health", nil)
			r.RemoteAddr = "10.0.0.1:1"
			r.Header[name] = []string{value}
			x.handler.ServeHTTP(httptest.NewRecorder(), r)
			if _, err := netip.ParseAddrPort(r.RemoteAddr); err != nil {
				t.Errorf("%s: %q gives %q", name, value, r.RemoteAddr)
			}
		}
	})
}

// FuzzValidate: any body is a question about tokens, or refused, and the answer
// names no token that was not asked about.
func FuzzValidate(f *testing.F) {
	for _, body := range []string{
		`{"tokens":["` + backend + `","` + frontendB + `","x"]}`, `{"tokens":["\u002a:production.backend","\ud800"]}`,
		`{"tokens":null}`,
		`{"tokens":[],"tokens":["` + backend + `"]}`, strings.Repeat("[", 1<<20), strings.Repeat("[", 250_000),
		`{"tokens":` + strings.Repeat("[", 17), `{"tokens":[` + strings.Repeat(`"",`, 80_000) + `""]}`,
	} {
		f.Add(body)
	}
	x := newFixture(f, "")
	f.Fuzz(func(t *testing.T, body string) {
		r := x.ask("POST", "/edge/validate", "", body)
		answer := text(t, r)
		switch r.StatusCode {
		case 400:
		case 413:
			if len(body) < 2*access.MaxTokens {
				t.Errorf("%q is too large", body)
			}
		case 200:
			var list struct{ Tokens []struct{ Token string } }
			if json.Unmarshal([]byte(answer), &list) != nil || !json.Valid([]byte(body)) {
				t.Fatalf("%q: %s", body, answer)
			}
			asked := map[string]bool{}
			decoder := json.NewDecoder(strings.NewReader(body))
			for part, err := decoder.Token(); err == nil; part, err = decoder.Token() {
				if text, ok := part.(string); ok {
					asked[text] = true
				}
			}
			for _, one := range list.Tokens {
				if !asked[one.Token] {
					t.Errorf("%q: %s", body, answer)
				}
			}
		default:
			t.Errorf("%d: %s", r.StatusCode, answer)
		}
	})
}

// FuzzPackedBody: bytes that say that they are gzip are unpacked, or refused.
func FuzzPackedBody(f *testing.F) {
	for _, body := range []string{
		packed(`{"userId":"7"}`), packed(`{"userId":"7"}`)[:20], packed("{") + packed("}"),
		packed(strings.Repeat("[", 1<<20)),
		packed(strings.Repeat(" ", 60_000)), strings.Repeat("\x1f\x8b\x08\x18", 300),
		"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\x00\xff\xff",
		strings.Repeat(packed(""), 2000), "",
	} {
		f.Add(body)
	}
	x := newFixture(f, "")
	f.Fuzz(func(t *testing.T, body string) {
		r := x.ask("POST", "/api/frontend", frontend, body, "Content-Encoding", "gzip")
		answer := text(t, r)
		if r.StatusCode != 200 && r.StatusCode != 400 && r.StatusCode != 413 || !json.Valid([]byte(answer)) {
			t.Errorf("%d: %s", r.StatusCode, answer)
		}
	})
}

// FuzzHeaders: whatever a client says that it has and takes, it gets the
// definitions, or that it has them.
func FuzzHeaders(f *testing.F) {
	f.Add("br, gzip;q=0.8, *;q=0", `W/"x", "y", *`)
	f.Add(";q=,gzip;q=1e999;q=NaN,*;q=-1", `",,"`)
	f.Add(strings.Repeat("gzip;q=0,", 7000), strings.Repeat(`"",`, 20_000))
	f.Add(strings.Repeat("[", 60_000), strings.Repeat("[", 60_000))
	x := newFixture(f, "")
	f.Fuzz(func(t *testing.T, accept, match string) {
		r := httptest.NewRequest("GET", "/api/client/features", nil)
		r.Header = map[string][]string{
			"Authorization": {backend}, "Accept-Encoding": {accept}, "If-None-Match": {match},
		}
		w := httptest.NewRecorder()
		x.handler.ServeHTTP(w, r)
		plain := w.Header().Get("Content-Encoding") == ""
		if w.Code != 200 && w.Code != 304 || w.Code == 304 && w.Body.Len() > 0 ||
			w.Code == 200 && plain != json.Valid(w.Body.Bytes()) {
			t.Errorf("%q, %q: %d", accept, match, w.Code)
		}
	})
}

// FuzzPath: a path leads to a route or to 404 or 405 in JSON, and never to a
// redirect.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/api/client/features/a%2Fb", "//base///api/frontend//", "/..;/x", "/%", "/%00", "/api/client/features/..%2f",
		"*", "/a/../b",
		strings.Repeat("/", 60_000), strings.Repeat("/..", 20_000),
		"/api/frontend/features/" + strings.Repeat("[", 60_000),
	} {
		f.Add(path)
	}
	x := newFixture(f, "production")
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return // which net/http answers
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = u
		w := httptest.NewRecorder()
		x.handler.ServeHTTP(w, r)
		switch w.Code {
		case 200, 400, 401, 404, 405, 503:
		default:
			t.Errorf("%q: %d", path, w.Code)
		}
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: %d %s", path, w.Code, w.Body)
		}
	})
}
