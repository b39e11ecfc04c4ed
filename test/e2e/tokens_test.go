package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/rig"
)

// TestTokens: a manifest of Unleash Edge runs flagcast against a real Unleash,
// with real tokens of every kind, through one core and through two.
func TestTokens(t *testing.T) {
	t.Setenv("UNLEASH_EXPERIMENTAL_SECURE_TOKEN", "true") // secrets of the second version
	u := rig.StartUnleash(t)
	u.FlagWith(t, "new-feature", rollout("new-feature", 100))
	create := func(kind, environment string, projects ...string) string {
		var made struct{ Secret string }
		body := rig.Object{
			"type": kind, "tokenName": kind + environment + "-" + projects[0], "environment": environment,
			"projects": projects,
		}
		if err := json.Unmarshal(u.Do(t, http.MethodPost, "/api-tokens", body), &made); err != nil ||
			made.Secret == "" {
			t.Fatalf("create a token: %v", err)
		}
		return made.Secret
	}
	all := create("backend", "development", "*")
	backend := create("backend", "development", "default")
	frontend := create("frontend", "development", "default")
	elsewhere := create("frontend", "production", "*")
	if !strings.Contains(frontend, ".v2_") {
		t.Error("Unleash makes no secrets of the second version any more")
	}

	binary := rig.Build(t)
	// Tokens as Unleash Edge takes them: a frontend token among them.
	core := startEdge(t, binary, "UPSTREAM_URL="+u.URL, "TOKENS="+all+","+u.Frontend, "BACKUP_FOLDER="+t.TempDir())
	further := startEdge(t, binary, "UPSTREAM_URL="+core, "TOKENS="+backend,
		"BACKUP_FOLDER="+filepath.Join(t.TempDir(), "backup"))

	for name, address := range map[string]string{"a core": core, "a core behind a core": further} {
		for _, tc := range []struct {
			path, token string
			code        int
		}{
			{"/api/client/features", backend, 200},
			{"/api/client/features", u.Backend, 200},
			{"/api/client/features", "Bearer " + backend, 200},
			{"/api/client/features", frontend, 403},
			{"/api/frontend", frontend, 200},
			{"/api/frontend", u.Frontend, 200},
			{"/api/frontend", "Bearer " + frontend, 200},
			{"/api/frontend", backend, 403},
			{"/api/frontend", strings.ToLower(frontend) + "x", 401},
			{"/api/frontend", u.Admin, 401},
			{"/api/frontend", elsewhere, 503},
		} {
			if code, body := ask(t, address+tc.path, tc.token); code != tc.code {
				t.Errorf("%s: GET %s: %d, want %d: %s", name, tc.path, code, tc.code, body)
			} else if code == 200 && !strings.Contains(body, `"new-feature"`) {
				t.Errorf("%s: GET %s has no flag: %s", name, tc.path, body)
			}
		}
	}
	// What one core says of tokens is what Unleash says.
	for _, token := range []string{all, backend, frontend, u.Frontend, "default:development.unknown"} {
		want, got := validate(t, u.URL, token), validate(t, core, token)
		if !slices.Equal(want, got) {
			t.Errorf("a token is %v for Unleash, %v for flagcast", want, got)
		}
	}
}

// startEdge runs flagcast edge as a manifest of Unleash Edge does, and returns
// its address once it is ready.
func startEdge(t *testing.T, binary string, variables ...string) string {
	t.Helper()
	cmd := exec.Command(binary, "edge")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PORT=0", "INTERFACE=127.0.0.1", "FEATURES_REFRESH_INTERVAL_SECONDS=1")
	cmd.Env = append(cmd.Env, variables...)
	p := rig.Start(t, cmd)
	address, listens := "", regexp.MustCompile(`frontend API: (http://[^/\s]+)`)
	p.Until(t, "flagcast edge is ready", func() bool {
		if found := listens.FindStringSubmatch(p.Output()); found != nil {
			address = found[1]
		}
		return address != "" && exec.Command(binary, "ready", "--edge-url", address).Run() == nil
	})
	return address
}

func ask(t *testing.T, url, token string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// validate is the environment, the projects and the type of a token, or
// nothing.
func validate(t *testing.T, server, token string) []string {
	t.Helper()
	question, err := json.Marshal(map[string][]string{"tokens": {token}})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(server+"/edge/validate", "application/json", bytes.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Tokens []struct {
			Token, Type, Environment string
			Projects                 []string
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != 200 {
		t.Fatalf("%s: %v", response.Status, err)
	}
	var list []string
	for _, known := range answer.Tokens {
		if known.Token != token {
			t.Error("another token is answered")
		}
		kind := strings.Replace(known.Type, "backend", "client", 1) // two names of one
		list = append(list, kind, known.Environment, strings.Join(known.Projects, ","))
	}
	return list
}
