package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/api"
)

// TestFrontendAnswersArePacked: by GET and POST, where the client takes gzip and
// the answer is not small, under the entity tag that it has without.
func TestFrontendAnswersArePacked(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	f.put(t, strings.Replace(many(300), `}],"segments":[],"meta"`, fmt.Sprintf(
		`},{"name":"large","project":"b","enabled":true,"strategies":[],`+
			`"variants":[{"name":"v","weight":1,"payload":{"type":"string","value":"%s"}}]}`,
		strings.Repeat("payload ", 200))+`],"segments":[],"meta"`, 1))
	const query = "?userId=7&sessionId=s"
	for _, tc := range []struct {
		method, path, encoding string
		packed                 bool
	}{
		{"GET", "/api/frontend/all" + query, "gzip, deflate, br", true},
		{"GET", "/api/frontend" + query, "gzip;q=0.5", true},
		{"POST", "/api/frontend/all", "gzip", true},
		{"POST", "/api/proxy", "br, *", true},
		{"GET", "/api/frontend/features/large" + query, "gzip", true},
		{"POST", "/api/proxy/features/large", "gzip", true},
		{"GET", "/api/frontend/features/team-1.flag-1" + query, "gzip", false}, // small
		{"GET", "/api/frontend/all" + query, "", false},
		{"GET", "/api/frontend/all" + query, "br", false},
		{"GET", "/api/frontend/all" + query, "gzip;q=0, identity", false},
	} {
		t.Run(tc.method+" "+tc.path+" "+tc.encoding, func(t *testing.T) {
			body := ""
			if tc.method == "POST" {
				body = `{"context":{"userId":"7","sessionId":"s"}}`
			}
			plain := f.ask(tc.method, tc.path, frontend, body)
			want := text(t, plain)
			r := f.ask(tc.method, tc.path, frontend, body, "Accept-Encoding", tc.encoding)
			got := text(t, r)
			if r.StatusCode != 200 || (r.Header.Get("Content-Encoding") == "gzip") != tc.packed ||
				r.Header.Get("Content-Length") != fmt.Sprint(len(got)) {
				t.Fatalf("%d %v", r.StatusCode, r.Header)
			}
			if tc.packed {
				if len(got) > len(want)/5 {
					t.Errorf("%d of %d bytes", len(got), len(want))
				}
				got = string(unzip(t, []byte(got)))
			}
			if got != want {
				t.Errorf("another answer: %.200s", got)
			}
			for _, one := range []string{plain.Header.Get("Vary"), r.Header.Get("Vary")} {
				if one != "Accept-Encoding, Authorization" {
					t.Errorf("Vary: %s", one)
				}
			}
			if r.Header.Get("ETag") != plain.Header.Get("ETag") || r.Header.Get("ETag") == "" {
				t.Errorf("ETag %s, not packed %s", r.Header.Get("ETag"), plain.Header.Get("ETag"))
			}
			if tc.method == "GET" {
				etag := plain.Header.Get("ETag")
				r = f.ask("GET", tc.path, frontend, "", "Accept-Encoding", tc.encoding, "If-None-Match", etag)
				if r.StatusCode != 304 || r.Header.Get("Content-Encoding") != "" ||
					r.Header.Get("Vary") != "Accept-Encoding, Authorization" {
					t.Errorf("%d %v", r.StatusCode, r.Header)
				}
			}
		})
	}
}

// TestOneDefinitionIsPacked: a single definition has what all of them have: POST, an
// entity tag, and a packed form.
func TestOneDefinitionIsPacked(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	want := `{"name":"large","enabled":true,"strategies":[],"description":"` + strings.Repeat("text ", 400) + `"}`
	f.put(t, `{"features":[`+want+`]}`)
	for _, method := range []string{"GET", "POST"} {
		plain := f.ask(method, "/api/client/features/large", backend, "")
		r := f.ask(method, "/api/client/features/large", backend, "", "Accept-Encoding", "gzip")
		packed := text(t, r)
		if r.StatusCode != 200 || text(t, plain) != want || r.Header.Get("Content-Encoding") != "gzip" ||
			len(packed) > len(want)/5 {
			t.Fatalf("%s: %d %v, %d bytes", method, r.StatusCode, r.Header, len(packed))
		}
		if got := string(unzip(t, []byte(packed))); got != want {
			t.Errorf("%s: %s", method, got)
		}
		etag := r.Header.Get("ETag")
		if etag == "" || etag != plain.Header.Get("ETag") {
			t.Errorf("%s: ETag %q, not packed %q", method, etag, plain.Header.Get("ETag"))
		}
		code := map[string]int{"GET": 304, "POST": 200}[method]
		if r := f.ask(method, "/api/client/features/large", backend, "", "If-None-Match", etag); r.StatusCode != code {
			t.Errorf("%s with If-None-Match: %d", method, r.StatusCode)
		}
	}
}
