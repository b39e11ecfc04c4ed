package app

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// configured is a configuration with an upstream, tokens and targets.
func configured(t *testing.T, url, tokens string) *config.Config {
	t.Helper()
	variables := map[string]string{"UPSTREAM_URL": url, "TOKENS": tokens}
	c, err := config.Load("", config.Overrides{Lookup: func(name string) (string, bool) {
		v, ok := variables[name]
		return v, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEnvironmentsWithDots: what upstream says of a token counts, whatever its
// text looks like; without a word of upstream there is a warning.
func TestEnvironmentsWithDots(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct{ Tokens []string }
		if json.NewDecoder(r.Body).Decode(&question) != nil || r.URL.Path != "/edge/validate" ||
			len(question.Tokens) != 2 {
			t.Errorf("%s %v", r.URL, question)
		}
		_, _ = w.Write([]byte(`{"tokens":[{"token":"*:eu.prod.secret","type":"client","environment":"eu.prod",
			"projects":["*"]},
			{"token":"*:eu.test.secret","type":"client","environment":"eu.test","projects":["*"]}]}`))
	}))
	defer server.Close()
	var log bytes.Buffer
	tokens := "*:eu.prod.secret,*:eu.test.secret,*:plain.secret"
	core, err := New(configured(t, server.URL, tokens), ConfigFile{}, slog.New(slog.NewTextHandler(&log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := JoinNames(core.Followed()); got != "eu.prod, eu.test, plain" || log.Len() > 0 {
		t.Errorf("environments %s, log:\n%s", got, &log)
	}
	server.Close()
	core, err = New(configured(t, server.URL, tokens), ConfigFile{}, slog.New(slog.NewTextHandler(&log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := JoinNames(core.Followed()); got != "eu, plain" {
		t.Errorf("without upstream: environments %s", got)
	}
	if n := strings.Count(log.String(), `environment=eu other=eu.`); n != 2 ||
		strings.Contains(log.String(), "secret") {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	hex := strings.Repeat("0f", 32)
	core, err = New(configured(t, server.URL, "*:eu.prod."+hex+",*:eu.test."+hex), ConfigFile{},
		slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := JoinNames(core.Followed()); got != "eu.prod, eu.test" {
		t.Errorf("secrets of Unleash, without upstream: environments %s", got)
	}
}

func TestTargetWithoutToken(t *testing.T) {
	c := configured(t, "http://127.0.0.1:1", "*:eu.prod.secret")
	c.Targets = []config.Target{{Name: "pop", Environment: "eu.prod"}}
	err := resolveTokens(context.Background(), c, nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), `target "pop" publishes environment "eu.prod"`) {
		t.Errorf("%v", err)
	}
}
