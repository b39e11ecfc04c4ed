package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/api"
)

const sharing = `{"features":[
 {"name":"on","project":"b","enabled":true,"strategies":[]},
 {"name":"half","project":"b","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
 	"stickiness":"default","groupId":"g"}}]},
 {"name":"session","project":"b","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
 	"stickiness":"sessionId","groupId":"g"}}]},
 {"name":"here","project":"b","enabled":true,"strategies":[{"name":"remoteAddress","parameters":{"IPs":"192.0.2.1"}}]},
 {"name":"norway","project":"b","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"country",
 	"operator":"IN","values":["no"]}]}]},
 {"name":"lot","project":"b","enabled":true,"strategies":[],"variants":[{"name":"red","weight":1},{"name":"blue",
 	"weight":1}]}]}`

// TestSharedAnswers: what a CDN may keep holds nothing of who asked first.
func TestSharedAnswers(t *testing.T) {
	f, _ := with(t, func(o *api.Options) {
		o.SharedCache = api.SharedCache{
			MaxAge: 30 * time.Second, StaleWhileRevalidate: time.Minute, StaleIfError: 24 * time.Hour,
		}
	})
	f.put(t, sharing)
	const shared = "public, max-age=0, s-maxage=30, stale-while-revalidate=60, stale-if-error=86400"
	for _, tc := range []struct{ method, path, want string }{
		{"GET", "/api/frontend", shared},
		{"HEAD", "/api/frontend", shared},
		{"GET", "/api/proxy", shared},
		{"GET", "/api/frontend/all", shared},
		{"GET", "/api/frontend/features/half", shared},
		{"GET", "/api/frontend?appName=web&properties[country]=no", shared},
		{"GET", "/api/frontend?userId=7", "no-cache"},
		{"GET", "/api/frontend?properties[userId]=7", "no-cache"},
		{"GET", "/api/frontend?sessionId=7", "no-cache"},
		{"GET", "/api/frontend?remoteAddress=192.0.2.1", "no-cache"},
		{"POST", "/api/frontend", "no-cache"},
		{"GET", "/api/frontend/features/none", "no-store"},
		{"GET", "/api/frontend?currentTime=soon", shared},
	} {
		r := f.ask(tc.method, tc.path, frontendB, "")
		if got := r.Header.Get("Cache-Control"); got != tc.want {
			t.Errorf("%s %s: Cache-Control %q, want %q", tc.method, tc.path, got, tc.want)
		}
		if r.StatusCode == 200 && r.Header.Get("Vary") != "Accept-Encoding, Authorization" {
			t.Errorf("%s %s: Vary %q", tc.method, tc.path, r.Header["Vary"])
		}
	}
	for path, want := range map[string][]string{
		"/api/frontend":                        {"lot", "on"},
		"/api/frontend?properties[country]=no": {"lot", "norway", "on"},
		"/api/frontend/all":                    {"half", "here", "lot", "norway", "on", "session"},
	} {
		first := f.ask("GET", path, frontendB, "")
		body := text(t, first)
		var doc struct{ Toggles []struct{ Name string } }
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, toggle := range doc.Toggles {
			names = append(names, toggle.Name)
		}
		if fmt.Sprint(names) != fmt.Sprint(want) || strings.Contains(body, "red") || strings.Contains(body, "blue") {
			t.Errorf("%s: %s", path, body)
		}
		for i := range 50 {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Authorization", frontendB)
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i+1)
			w := httptest.NewRecorder()
			if f.handler.ServeHTTP(w, r); w.Body.String() != body ||
				w.Header().Get("ETag") != first.Header.Get("ETag") {
				t.Fatalf("%s: another answer: %s", path, w.Body)
			}
		}
		r := f.ask("GET", path, frontendB, "", "If-None-Match", "W/"+first.Header.Get("ETag"))
		if r.StatusCode != 304 || r.Header.Get("Cache-Control") != shared {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
	// A user still has draws and an address.
	if body := text(t, f.ask("GET", "/api/frontend?userId=7", frontendB, "")); !strings.Contains(body, `"here"`) {
		t.Errorf("a user has no address: %s", body)
	}
}

func TestAnswersAreNotSharedUnasked(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.TokenHeader = "X-Unleash" })
	f.put(t, sharing)
	r := f.ask("GET", "/api/frontend", "", "", "X-Unleash", frontendB)
	if got := r.Header.Get("Cache-Control"); got != "no-cache" || r.Header.Get("Vary") != "Accept-Encoding, X-Unleash" {
		t.Errorf("%v", r.Header)
	}
	if body := text(t, r); !strings.Contains(body, `"here"`) {
		t.Errorf("no address: %s", body)
	}
	for _, path := range []string{"/api/client/features", "/api/client/features/on"} {
		r := f.ask("GET", path, "", "", "X-Unleash", backend)
		if r.StatusCode != 200 || r.Header.Get("Vary") != "Accept-Encoding, X-Unleash" ||
			r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
}
