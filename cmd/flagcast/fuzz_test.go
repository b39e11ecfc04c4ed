package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// FuzzPlan: a plan that is accepted writes whole snapshots only.
func FuzzPlan(f *testing.F) {
	for _, text := range []string{
		`{"flagcastPlan":1,"writes":[]}`, `{"flagcastPlan":1,"writes":[{"target":"a","key":"k",` +
			`"content":{"flagcast":{}}}]}`, `{"flagcastPlan":2}`,
		"", strings.Repeat("[", 1<<20), `{"flagcastPlan":1,"writes":[{"content":` + strings.Repeat("[", 1<<20),
		`{"flagcastPlan":1,"writes":[` + strings.Repeat(`{},`, 1<<16) + `{}]}`,
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "plan.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		plan, err := readPlan(path)
		if err != nil {
			return
		}
		for _, w := range plan.Writes {
			if _, err := snapshot.Open(w.Content); err != nil {
				t.Errorf("accepted %.100q: %v", w.Content, err)
			}
		}
	})
}

// FuzzProbe: whatever answers instead of a worker's status, the probe ends with a seq
// or an error that names it.
func FuzzProbe(f *testing.F) {
	for _, text := range []string{
		`{"seq":7}`, `{"seq":-1}`, `{"seq":1e400}`, "{}", "<html>", strings.Repeat("[", 1<<20),
		`{"seq":1,"x":"` + strings.Repeat("y", 1<<20) + `"}`,
	} {
		f.Add(text)
	}
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answer))
	}))
	f.Cleanup(server.Close)
	p := app.NewProbe(server.URL + "/status")
	f.Fuzz(func(t *testing.T, text string) {
		answer = text
		if seq, err := p.Seen(t.Context(), 1); err != nil && (seq != 0 || !strings.HasPrefix(err.Error(), "probe ")) {
			t.Errorf("%d, %v", seq, err)
		}
	})
}
