package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// Unleash is a real Unleash server with a database of its own.
type Unleash struct {
	*Process
	URL string
	// Tokens for the environment "development": of everything, of the client
	// API, of the frontend API.
	Admin, Backend, Frontend string
	session                  *http.Client // of a user, instead of the admin token
}

// StartUnleash starts npm unleash-server. It serves the default project with
// the environments "development" and "production".
func StartUnleash(t testing.TB) *Unleash {
	t.Helper()
	return StartUnleashIn(t, need.Module(t, "unleash-server"))
}

// StartUnleashIn starts the server in the folder of its npm package.
func StartUnleashIn(t testing.TB, dir string) *Unleash {
	t.Helper()
	server := filepath.Join(dir, "dist", "server.js")
	return start(t, filepath.Dir(server), server)
}

// StartUnleashStreams starts npm unleash-server with its delta engine, and with routes to
// it that the open-source server does not have.
func StartUnleashStreams(t testing.TB) *Unleash {
	t.Helper()
	dir := need.Module(t, "unleash-server")
	return start(t, filepath.Join(dir, "dist"), need.File(t, "test/rig/streams.mjs"), dir)
}

// start runs a script of Node.js that starts the server.
func start(t testing.TB, dir, server string, arguments ...string) *Unleash {
	t.Helper()
	database := Postgres(t)
	port := FreePort(t)
	u := &Unleash{
		URL:   fmt.Sprintf("http://127.0.0.1:%d", port),
		Admin: "*:*.rig-admin", Backend: "default:development.rig-backend",
		Frontend: "default:development.rig-frontend",
	}
	cmd := exec.Command(node22(t), append([]string{server}, arguments...)...)
	cmd.Dir = dir
	cmd.Env = environment(map[string]string{
		"DATABASE_URL": database, "DATABASE_SSL": "false",
		"HTTP_HOST": "127.0.0.1", "HTTP_PORT": strconv.Itoa(port),
		"INIT_ADMIN_API_TOKENS": u.Admin, "INIT_BACKEND_API_TOKENS": u.Backend, "INIT_FRONTEND_API_TOKENS": u.Frontend,
		"INIT_CLIENT_API_TOKENS": u.Backend, // their name before 7
		"CHECK_VERSION":          "false", "SEND_TELEMETRY": "false", "LOG_LEVEL": "warn", "NODE_ENV": "production",
		// Webhooks to this machine, which the server refuses by default (8.1 and later).
		"UNLEASH_ALLOW_PRIVATE_URL_IN_INTEGRATION": "true",
	})
	u.Process = Start(t, cmd)
	u.Until(t, "Unleash is healthy", func() bool { return Answers(u.URL + "/health") })
	return u
}

// node22 is the Node.js that npm ships for the server, which needs 22.
func node22(t testing.TB) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	if runtime.GOOS != "linux" {
		return need.Node(t)
	}
	return filepath.Join(need.Module(t, "node-linux-"+arch), "bin", "node")
}

// Do calls the admin API and returns the answer, which must be a success.
func (u *Unleash) Do(t testing.TB, method, path string, body any) []byte {
	t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, u.URL+"/api/admin"+path, content)
	if err != nil {
		t.Fatal(err)
	}
	client := http.DefaultClient
	if u.session != nil {
		client = u.session
	} else {
		request.Header.Set("Authorization", u.Admin)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, path, response.Status, answer, err)
	}
	return answer
}

// LogIn lets Do act as the first user: what is imported needs an owner.
func (u *Unleash) LogIn(t testing.TB) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	response, err := client.Post(u.URL+"/auth/simple/login", "application/json",
		strings.NewReader(`{"username":"admin","password":"unleash4all"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("log in: %s %s %v", response.Status, answer, err)
	}
	u.session = client
}

// Object is a JSON object of the admin API.
type Object = map[string]any

// CreateFlag makes a flag that is off.
func (u *Unleash) CreateFlag(t testing.TB, name string) {
	t.Helper()
	u.Do(t, http.MethodPost, "/projects/default/features", Object{
		"name": name, "type": "release", "impressionData": strings.HasPrefix(name, "impression"),
	})
}

// FlagWith makes a flag that is on, with strategies.
func (u *Unleash) FlagWith(t testing.TB, name string, strategies ...Object) {
	t.Helper()
	u.CreateFlag(t, name)
	for _, s := range strategies {
		u.AddStrategy(t, name, s)
	}
	u.Switch(t, name, true)
}

// CreateSegment makes a segment of constraints and returns its id.
func (u *Unleash) CreateSegment(t testing.TB, name string, constraints ...Object) int {
	t.Helper()
	var answer struct{ ID int }
	if err := json.Unmarshal(u.Do(t, http.MethodPost, "/segments", Object{"name": name, "constraints": constraints}),
		&answer); err != nil {
		t.Fatal(err)
	}
	return answer.ID
}

// AddStrategy adds a strategy in development and returns its id.
func (u *Unleash) AddStrategy(t testing.TB, flag string, strategy Object) string {
	t.Helper()
	var answer struct{ ID string }
	if err := json.Unmarshal(u.Do(t, http.MethodPost, environmentOf(flag)+"/strategies", strategy),
		&answer); err != nil {
		t.Fatal(err)
	}
	return answer.ID
}

// Switch turns a flag on or off in development.
func (u *Unleash) Switch(t testing.TB, flag string, on bool) {
	t.Helper()
	word := "off"
	if on {
		word = "on"
	}
	u.Do(t, http.MethodPost, environmentOf(flag)+"/"+word, nil)
}

func environmentOf(flag string) string {
	return "/projects/default/features/" + flag + "/environments/development"
}
