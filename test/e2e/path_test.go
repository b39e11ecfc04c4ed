// Package e2e_test walks the whole path with real parts: a real Unleash server
// on a real PostgreSQL, the flagcast binary, workers in a real workerd.
package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/test/rig"
)

// static is the context that the targets fix. Unleash's frontend API takes no
// other environment than "default", no other appName than "frontend-api" and
// no time, so that none of them is in it.
var static = map[string]string{
	"userId": "user-7", "sessionId": "session-1", "country": "no", "plan": "free", "age": "30",
	"email": "ann@example.com", "version": "1.2.3", "remoteAddress": "10.1.2.3",
}

// query writes a context as the frontend API takes it.
func query(context map[string]string) url.Values {
	q := url.Values{}
	for name, value := range context {
		switch name {
		case "userId", "sessionId", "remoteAddress":
			q.Set(name, value)
		default:
			q.Set("properties["+name+"]", value)
		}
	}
	return q
}

const namespace = "0123456789abcdef0123456789abcdef"

// world is everything that runs.
type world struct {
	unleash    *rig.Unleash
	cloudflare *rig.Worker
	alibaba    *alibaba
	rules      *rig.Worker // evaluates for each request
	edge, seed *rig.Worker
	binary     string
	dir        string // of configuration, state and the file sink
	flagcast   *rig.Flagcast
}

func TestFromAFlipToTheEdge(t *testing.T) {
	w := &world{dir: t.TempDir()}
	w.unleash = rig.StartUnleash(t)
	populate(t, w.unleash)
	w.cloudflare = rig.StartWorker(t, rig.WorkerOptions{
		Entry: "workers/src/entries/cloudflare.js", KV: map[string]string{"FLAGS": namespace},
		Vars: map[string]string{"FLAGCAST_MAX_AGE_MS": "0", "FLAGCAST_KEY": "unleash-flags"},
	})
	w.rules = rig.StartWorker(t, rig.WorkerOptions{
		Entry: "workers/src/entries/cloudflare.js", KV: map[string]string{"FLAGS": namespace},
		Vars: map[string]string{"FLAGCAST_MAX_AGE_MS": "0"},
	})
	w.alibaba = startAlibaba(t)
	w.edge = rig.StartWorker(t, rig.WorkerOptions{
		Entry: "workers/src/entries/edgeroutine.js", Prelude: edgeGlobals, ServiceWorker: true,
		Vars: map[string]string{"EDGE": w.alibaba.edge},
	})
	w.seed = rig.StartWorker(t, rig.WorkerOptions{
		Script: seedWorker, Prelude: edgeGlobals, ServiceWorker: true, Vars: map[string]string{"EDGE": w.alibaba.edge},
	})
	w.binary = rig.Build(t)

	w.noSnapshotIsNoAnswer(t)
	w.start(t)
	w.answersLikeUnleash(t)
	w.answersLikeUnleashForEverybody(t)
	w.servesSDKs(t)
	w.flips(t)
	w.tellsHowItIs(t)
	w.takesBack(t)
	w.survivesUnleash(t)
	w.restartsWithoutUnleash(t)
	for _, secret := range []string{"rig-backend", "e2e-api-token", accessKeySecret} {
		if strings.Contains(w.flagcast.Output(), secret) {
			t.Errorf("the log shows the secret %q", secret)
		}
	}
}

// noSnapshotIsNoAnswer: before the first publish a worker says so.
func (w *world) noSnapshotIsNoAnswer(t *testing.T) {
	for _, worker := range []*rig.Worker{w.cloudflare, w.rules, w.edge} {
		response, err := http.Get(worker.URL + "/api/frontend")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("without a snapshot the worker answers %s", response.Status)
		}
	}
}

func (w *world) start(t *testing.T) {
	t.Helper()
	context, err := json.Marshal(static)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
upstream: { url: %[1]q, tokens: ["${UNLEASH_TOKEN}"], poll_interval: 1s, usage_interval: 1s }
state: { dir: state }
api: { listen: "127.0.0.1:0" }
sinks:
  out: { type: file, dir: out }
  cf: { type: cloudflare, account: e2e, namespace: %[2]s, api_token: "${CF_TOKEN}", endpoint: %[3]q }
  rules: { type: cloudflare, account: e2e, namespace: %[2]s, api_token: "${CF_TOKEN}", endpoint: %[4]q }
  cn: { type: edgekv, namespace: flags, endpoint: %[5]q, credentials: { access_key_id: %[6]s,
      access_key_secret: "${SECRET}" } }
targets:
  - { name: folder, sink: out, environment: development, format: evaluated/1, context: %[7]s, key: unleash-flags,
      schedule: "@every 1s" }
  - { name: cloudflare, sink: cf, environment: development, format: evaluated/1, context: %[7]s, key: unleash-flags,
      schedule: "@every 2s", history: { sink: out }, worker_status: ["%[8]s/flagcast/status"] }
  - { name: rules, sink: rules, environment: development, format: rules/1, key: unleash-rules, schedule: "@every 1m" }
  - { name: edgekv, sink: cn, environment: development, format: evaluated/1, context: %[7]s, key: unleash-flags,
      schedule: "@every 1m" }
  - { name: edgeroutine, sink: cn, environment: development, format: evaluated/1, context: %[7]s, key: unleash-rules,
      schedule: "@every 1m" }
`, w.unleash.URL, namespace, w.cloudflare.API, w.rules.API, w.alibaba.api, accessKeyID, context, w.cloudflare.URL)
	if err := os.WriteFile(w.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.flagcast = rig.StartFlagcast(t, w.binary, w.config(), w.secrets())
}

func (w *world) config() string { return filepath.Join(w.dir, "flagcast.yaml") }

func (w *world) secrets() map[string]string {
	return map[string]string{"UNLEASH_TOKEN": w.unleash.Backend, "CF_TOKEN": "e2e-api-token", "SECRET": accessKeySecret}
}

// run calls flagcast beside the one that serves.
func (w *world) run(t *testing.T, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, append([]string{"--config", w.config()}, arguments...)...)
	cmd.Env = os.Environ()
	for name, value := range w.secrets() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("flagcast %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// answersLikeUnleash compares both workers with Unleash's own frontend API.
func (w *world) answersLikeUnleash(t *testing.T) {
	want := rig.Toggles(t, w.unleash.URL, w.unleash.Frontend, query(static))
	if len(want) < 15 {
		t.Fatalf("Unleash has only %d flags on", len(want))
	}
	for name, worker := range map[string]*rig.Worker{"Cloudflare": w.cloudflare, "EdgeRoutine": w.edge} {
		w.flagcast.Until(t, name+" has a snapshot", func() bool {
			_, err := rig.AskToggles(worker.URL, "", nil)
			return err == nil
		})
		if diff := cmp.Diff(want, rig.Toggles(t, worker.URL, "", nil)); diff != "" {
			t.Errorf("the %s worker and Unleash differ (-Unleash +worker):\n%s", name, diff)
		}
	}
	t.Logf("the workers answer like Unleash: %d flags on", len(want))
}

// answersLikeUnleashForEverybody compares the core's own frontend API, and the
// worker that evaluates rules, for many users.
func (w *world) answersLikeUnleashForEverybody(t *testing.T) {
	w.flagcast.Until(t, "the worker has rules", func() bool {
		_, err := rig.AskToggles(w.rules.URL, "", nil)
		return err == nil
	})
	countries, emails, versions := []string{"no", "cn", "se"}, []string{"ann@example.com", "bob@test.org"},
		[]string{"1.2.3", "1.2.4-beta", "2.0.0", "x"}
	answers := 0
	for i := range 60 {
		context := map[string]string{
			"userId": fmt.Sprintf("user-%d", i), "sessionId": fmt.Sprintf("session-%d", i), "country": countries[i%3],
			"email":   emails[i%2],
			"version": versions[i%4], "age": fmt.Sprint(20 + i), "plan": []string{"free", "gold"}[i%2],
			"remoteAddress": fmt.Sprintf("10.%d.2.3", i%3),
		}
		want := rig.Toggles(t, w.unleash.URL, w.unleash.Frontend, query(context))
		core := rig.Toggles(t, w.flagcast.URL, w.unleash.Frontend, query(context))
		for _, toggle := range core {
			delete(toggle, "impression_data") // Unleash Edge's spelling, beside the server's
		}
		if diff := cmp.Diff(want, core); diff != "" {
			t.Errorf("the core and Unleash differ for %v (-Unleash +core):\n%s", context, diff)
		}
		if diff := cmp.Diff(want, rig.Toggles(t, w.rules.URL, "", query(context))); diff != "" {
			t.Errorf("the worker with rules and Unleash differ for %v (-Unleash +worker):\n%s", context, diff)
		}
		answers += len(want)
	}
	t.Logf("the core and the worker with rules answer like Unleash for 60 users: %d flags on", answers)
}

// flips turns a flag off and on, and prints how long each step takes.
func (w *world) flips(t *testing.T) {
	for i, on := range []bool{false, true, false, true} {
		flipped := time.Now()
		w.unleash.Switch(t, "new-feature", on)
		published, edge := time.Duration(0), time.Duration(0)
		w.flagcast.Until(t, "the flip is seen in both workers", func() bool {
			if published == 0 && isOn(fileToggles(t, w.dir), "new-feature") == on {
				published = time.Since(flipped)
			}
			if edge == 0 {
				if toggles, err := rig.AskToggles(w.cloudflare.URL, "", nil); err == nil &&
					isOn(toggles, "new-feature") == on {
					edge = time.Since(flipped)
				}
			}
			return published > 0 && edge > 0
		})
		t.Logf("flip %d (%v): %4d ms from Unleash to published, %4d ms to seen in the worker", i+1, on,
			published.Milliseconds(), edge.Milliseconds())
		w.flagcast.Until(t, "the seed's worker sees the flip", func() bool {
			want := "true"
			if !on {
				want = "undefined" // flags that are off are not in the snapshot
			}
			return get(t, w.seed.URL) == want
		})
	}
	w.answersLikeUnleash(t)
	if text := w.flagcast.Output(); !strings.Contains(text,
		"published: !! new-feature on -> OFF for everyone target=") {
		t.Error("the log does not tell the change in flag terms")
	}
}

// tellsHowItIs: the core says of every target that it is well, and of the one
// with a probe that the worker has it.
func (w *world) tellsHowItIs(t *testing.T) {
	var lag int64
	w.flagcast.Until(t, "every target is well, and seen", func() bool {
		var report struct {
			Targets []struct {
				Target, State string
				SeenLagMs     *int64
			}
		}
		if err := json.Unmarshal([]byte(get(t, w.flagcast.URL+"/internal-backstage/targets")), &report); err != nil {
			t.Fatal(err)
		}
		for _, target := range report.Targets {
			if target.Target == "cloudflare" && target.SeenLagMs == nil || target.State != "ok" {
				return false
			}
			if target.Target == "cloudflare" {
				lag = *target.SeenLagMs
			}
		}
		return len(report.Targets) == 5
	})
	t.Logf("the probe saw the last change %d ms after its arrival\n%s", lag,
		w.run(t, "status", "--url", w.flagcast.URL))
}

// takesBack: a pin puts the content before the last flip back and holds it,
// whatever Unleash says; the others follow. unpin lets it follow again.
func (w *world) takesBack(t *testing.T) {
	worker := func() bool { return isOn(rig.Toggles(t, w.cloudflare.URL, "", nil), "new-feature") }
	if !worker() {
		t.Fatal("the flag is off before")
	}
	pinned := time.Now()
	w.run(t, "pin", "--target", "cloudflare", "--previous", "--reason", "e2e")
	w.flagcast.Until(t, "the worker has what was before", func() bool { return !worker() })
	t.Logf("a pin is seen in the worker after %d ms", time.Since(pinned).Milliseconds())
	for _, on := range []bool{false, true} {
		w.unleash.Switch(t, "new-feature", on)
		w.flagcast.Until(t, "the folder follows", func() bool {
			return isOn(fileToggles(t, w.dir), "new-feature") == on
		})
	}
	if worker() {
		t.Error("a pinned target has followed")
	}
	w.flagcast.Until(t, "the core knows of the pin", func() bool {
		return strings.Contains(w.run(t, "status", "--url", w.flagcast.URL), "pinned: unleash-flags (e2e)")
	})
	w.run(t, "unpin", "--target", "cloudflare")
	w.flagcast.Until(t, "the worker follows again", worker)
}

// survivesUnleash: with Unleash gone everything goes on answering.
func (w *world) survivesUnleash(t *testing.T) {
	want := rig.Toggles(t, w.flagcast.URL, w.unleash.Frontend, query(static))
	w.unleash.Stop()
	w.flagcast.Until(t, "flagcast notices", func() bool {
		return strings.Contains(w.flagcast.Output(), "serving the last good flags")
	})
	if diff := cmp.Diff(want, rig.Toggles(t, w.flagcast.URL, w.unleash.Frontend, query(static))); diff != "" {
		t.Errorf("the core answers otherwise without Unleash:\n%s", diff)
	}
	for name, worker := range map[string]*rig.Worker{"Cloudflare": w.cloudflare, "EdgeRoutine": w.edge} {
		if got := rig.Toggles(t, worker.URL, "", nil); len(got) != len(want) {
			t.Errorf("%s: %d flags on without Unleash, want %d", name, len(got), len(want))
		}
	}
}

// restartsWithoutUnleash: what was kept on disk is served and published.
func (w *world) restartsWithoutUnleash(t *testing.T) {
	before := w.flagcast
	want := fileToggles(t, w.dir)
	before.Stop()
	if err := os.RemoveAll(filepath.Join(w.dir, "out")); err != nil {
		t.Fatal(err)
	}
	w.start(t)
	w.flagcast.Until(t, "the last good flags are published", func() bool {
		_, err := os.Stat(filepath.Join(w.dir, "out", "unleash-flags.json"))
		return err == nil
	})
	if diff := cmp.Diff(want, fileToggles(t, w.dir)); diff != "" {
		t.Errorf("after the restart something else is published:\n%s", diff)
	}
	if !strings.Contains(w.flagcast.Output(), "restored the last good definitions") {
		t.Error("the log does not say that the flags are restored ones")
	}
	if got := get(t, w.flagcast.URL+"/ready"); !strings.Contains(got, "READY") || strings.Contains(got, "NOT") {
		t.Errorf("not ready after the restart: %s", got)
	}
	request, err := http.NewRequest(http.MethodGet, w.flagcast.URL+"/api/client/features", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", w.unleash.Backend)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK ||
		!strings.Contains(string(body), `"new-feature"`) {
		t.Errorf("the client API answers %s without Unleash", response.Status)
	}
}

// fileToggles reads what the file sink holds, by name; nil when nothing is
// there.
func fileToggles(t *testing.T, dir string) map[string]rig.Object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "out", "unleash-flags.json"))
	if err != nil {
		return nil
	}
	var snapshot struct{ Toggles []rig.Object }
	if err := json.Unmarshal(text, &snapshot); err != nil {
		t.Fatalf("the file sink shows a broken snapshot: %v", err)
	}
	toggles := map[string]rig.Object{}
	for _, toggle := range snapshot.Toggles {
		toggles[toggle["name"].(string)] = toggle
	}
	return toggles
}

func isOn(toggles map[string]rig.Object, name string) bool {
	return toggles[name] != nil && toggles[name]["enabled"] == true
}

func get(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
