package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestOneSessionOfARequest: without a session id a request has one of its own.
// The same share of the same group is the same draw then, whatever it sticks to.
func TestOneSessionOfARequest(t *testing.T) {
	const half = `"enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",` +
		`"stickiness":"%s","groupId":"g"}}]`
	var flags []string
	for _, stickiness := range []string{"random", "sessionId", "default"} {
		flags = append(flags, fmt.Sprintf(`{"name":"%s",`+half+`}`, stickiness, stickiness))
	}
	f := newFixture(t, "")
	f.put(t, `{"features":[`+strings.Join(flags, ",")+`,
		{"name":"everybody","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"100",
			"stickiness":"sessionId"}}]},
		{"name":"both","enabled":true,"strategies":[],"dependencies":[{"feature":"random"},{"feature":"sessionId"}]},
		{"name":"torn","enabled":true,"strategies":[],"dependencies":[{"feature":"random"},{"feature":"sessionId",
			"enabled":false}]}]}`)
	count := func(path string) (on int) {
		for range 200 {
			var doc struct {
				Name    string
				Enabled bool
				Toggles []struct {
					Name    string
					Enabled bool
				}
			}
			body := text(t, f.ask("GET", path, frontend, ""))
			if err := json.Unmarshal([]byte(body), &doc); err != nil {
				t.Fatal(err)
			}
			is := map[string]bool{doc.Name: doc.Enabled}
			for _, toggle := range doc.Toggles {
				is[toggle.Name] = toggle.Enabled
			}
			if is["random"] != is["sessionId"] || is["random"] != is["default"] || is["torn"] {
				t.Fatalf("%s: the draws do not fit together: %s", path, body)
			}
			if doc.Name == "" && !is["everybody"] {
				t.Fatalf("%s: off for somebody: %s", path, body)
			}
			if is["both"] {
				on++
			}
		}
		return on
	}
	for path, drawn := range map[string]bool{
		"/api/frontend": true, "/api/frontend/all": true, "/api/frontend/features/both": true,
		"/api/frontend/features/torn": false,
	} {
		if on := count(path); drawn && (on < 50 || on > 150) || !drawn && on != 0 {
			t.Errorf("%s: on for %d of 200", path, on)
		}
	}
	// A given one counts, and sticks.
	first := text(t, f.ask("GET", "/api/frontend/features/sessionId?sessionId=7", frontend, ""))
	for range 20 {
		if text(t, f.ask("GET", "/api/frontend/features/sessionId?sessionId=7", frontend, "")) != first {
			t.Fatal("a session does not stick")
		}
	}
}
