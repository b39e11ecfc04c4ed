package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/test/rig"
)

// line is the way to something that a test can cut: what listens goes on to
// listen, and answers nothing that is of use.
type line struct {
	*httptest.Server
	cut atomic.Bool
}

func newLine(t *testing.T, address string) *line {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.cut.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// edgeWorld is Unleash, flagcast serve, EdgeKV and two workers: one reads
// EdgeKV, one asks the core first.
type edgeWorld struct {
	unleash        *rig.Unleash
	alibaba        *alibaba
	upstream, kv   *line // Unleash as flagcast sees it, EdgeKV as workers see it
	core           *line // the core as workers see it
	flagcast       *rig.Flagcast
	stored, asking *rig.Worker
	binary, config string
	variables      map[string]string
}

func startEdgeWorld(t *testing.T) *edgeWorld {
	w := &edgeWorld{unleash: rig.StartUnleash(t), alibaba: startAlibaba(t), binary: rig.Build(t)}
	w.unleash.FlagWith(t, "flipped", rollout("flipped", 100))
	w.unleash.FlagWith(t, "half", rollout("half", 50))
	w.upstream, w.kv = newLine(t, w.unleash.URL), newLine(t, w.alibaba.edge)
	dir := t.TempDir()
	w.config = filepath.Join(dir, "flagcast.yaml")
	port := rig.FreePort(t)
	text := fmt.Sprintf(`
upstream: { url: %q, tokens: ["${UNLEASH_TOKEN}"], poll_interval: 1s }
state: { dir: state }
api: { listen: "127.0.0.1:%d" }
sinks:
  cn: { type: edgekv, namespace: flags, endpoint: %q, credentials: { access_key_id: %s,
      access_key_secret: "${SECRET}" } }
  back: { type: file, dir: history }
targets:
  - { name: edge, sink: cn, environment: development, format: rules/1, key: unleash-rules, schedule: "@every 1s",
      history: { sink: back } }
`, w.upstream.URL, port, w.alibaba.api, accessKeyID)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.variables = map[string]string{"UNLEASH_TOKEN": w.unleash.Backend, "SECRET": accessKeySecret}
	w.core = newLine(t, fmt.Sprintf("http://127.0.0.1:%d", port))
	w.serve(t)
	// EdgeKV has the flags before a worker reads it for the first time.
	w.flagcast.Until(t, "the first publish", func() bool {
		_, ok := w.alibaba.server.Value("flags", "unleash-rules")
		return ok
	})
	worker := func(ask string) *rig.Worker {
		return rig.StartWorker(t, rig.WorkerOptions{
			Entry: "test/e2e/testdata/worker.js", Prelude: edgeGlobals, ServiceWorker: true,
			Vars: map[string]string{
				"EDGE": w.kv.URL, "CORE": w.core.URL, "UNLEASH": w.unleash.URL, "TOKEN": w.unleash.Frontend, "ASK": ask,
			},
		})
	}
	w.stored, w.asking = worker(""), worker("yes")
	return w
}

func (w *edgeWorld) serve(t *testing.T) {
	t.Helper()
	w.flagcast = rig.StartFlagcast(t, w.binary, w.config, w.variables)
}

func (w *edgeWorld) workers() map[string]*rig.Worker {
	return map[string]*rig.Worker{"EdgeKV": w.stored, "core, then EdgeKV": w.asking}
}

// flip turns a flag over and waits until both workers answer so, also the one
// that asks the core from what it has read of EdgeKV.
func (w *edgeWorld) flip(t *testing.T, on bool) {
	t.Helper()
	w.unleash.Switch(t, "flipped", on)
	for _, cut := range []bool{false, true} {
		w.core.cut.Store(cut)
		for name, worker := range w.workers() {
			w.flagcast.Until(t, "the flip is seen by "+name, func() bool {
				toggles, err := rig.AskToggles(worker.URL, "", nil)
				return err == nil && isOn(toggles, "flipped") == on
			})
		}
	}
	w.core.cut.Store(false)
	rig.Eventually(t, "the core is asked again", func() bool {
		_, err := rig.AskToggles(w.asking.URL, "", nil)
		return err == nil && workerStatus(t, w.asking)["source"] == "core"
	})
}

// run runs a command of flagcast with the same configuration.
func (w *edgeWorld) run(t *testing.T, arguments ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, append(arguments, "--config", w.config)...)
	cmd.Env = os.Environ()
	for name, value := range w.variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("flagcast %s: %v\n%s", arguments[0], err, out)
	}
}

func workerStatus(t *testing.T, worker *rig.Worker) map[string]any {
	t.Helper()
	var status map[string]any
	if err := json.Unmarshal([]byte(get(t, worker.URL+"/flagcast/status")), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestWorkersGoOnAnswering(t *testing.T) {
	w := startEdgeWorld(t)
	w.flip(t, false)
	w.flip(t, true)
	w.countsForUnleash(t)
	w.losesOneAfterTheOther(t)
	w.followsAPin(t)
}

// countsForUnleash: what SDKs send to a worker arrives in Unleash.
func (w *edgeWorld) countsForUnleash(t *testing.T) {
	body := `{"appName":"shop","instanceId":"browser","bucket":{"start":"2026-01-01T00:00:00Z",` +
		`"stop":"2026-01-01T00:01:00Z","toggles":{"flipped":{"yes":41,"no":1,"variants":{}}}}}`
	response, err := http.Post(w.stored.URL+"/api/frontend/client/metrics", "application/json",
		bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		t.Fatalf("metrics: %s", response.Status)
	}
	rig.Eventually(t, "Unleash has the counts", func() bool {
		var answer struct {
			Data []struct {
				AppName, Environment string
				Yes, No              int
			}
		}
		if err := json.Unmarshal(w.unleash.Do(t, http.MethodGet, "/client-metrics/features/flipped/raw", nil),
			&answer); err != nil {
			t.Fatal(err)
		}
		for _, row := range answer.Data {
			if row.AppName == "shop" && row.Environment == "development" && row.Yes == 41 && row.No == 1 {
				return true
			}
		}
		return false
	})
	if status := workerStatus(t, w.stored); status["usageError"] != nil {
		t.Errorf("the worker says of metrics: %v", status["usageError"])
	}
}

// losesOneAfterTheOther cuts off the core, EdgeKV and Unleash in every order:
// the workers go on answering the same, and follow again once all are back.
func (w *edgeWorld) losesOneAfterTheOther(t *testing.T) {
	parts := map[string]struct{ lose, mend func() }{
		"core": {func() {
			w.core.cut.Store(true)
			w.flagcast.Stop()
		}, func() { w.serve(t); w.core.cut.Store(false) }},
		"EdgeKV":  {func() { w.kv.cut.Store(true) }, func() { w.kv.cut.Store(false) }},
		"Unleash": {func() { w.upstream.cut.Store(true) }, func() { w.upstream.cut.Store(false) }},
	}
	on := true
	for _, order := range [][]string{
		{"core", "EdgeKV", "Unleash"},
		{"core", "Unleash", "EdgeKV"},
		{"EdgeKV", "core", "Unleash"},
		{"EdgeKV", "Unleash", "core"},
		{"Unleash", "core", "EdgeKV"},
		{"Unleash", "EdgeKV", "core"},
	} {
		context := query(map[string]string{"userId": "user-7", "sessionId": strings.Join(order, "-")})
		want := rig.Toggles(t, w.unleash.URL, w.unleash.Frontend, context)
		for i, part := range order {
			parts[part].lose()
			for name, worker := range w.workers() {
				for range 5 {
					if diff := cmp.Diff(want, withoutSpelling(rig.Toggles(t, worker.URL, "", context))); diff != "" {
						t.Fatalf("without %v the worker over %s answers otherwise:\n%s", order[:i+1], name, diff)
					}
				}
			}
		}
		rig.Eventually(t, "the status says why", func() bool { return workerStatus(t, w.stored)["lastError"] != nil })
		if status := workerStatus(t, w.asking); status["source"] != "edgekv" ||
			!strings.Contains(fmt.Sprint(status["lastError"]), "core: ") {
			t.Errorf("the status of the worker that asks the core: %v", status)
		}
		for _, part := range order {
			parts[part].mend()
		}
		on = !on
		w.flip(t, on)
	}
}

// withoutSpelling drops impression_data, which the core writes as Unleash Edge does.
func withoutSpelling(toggles map[string]rig.Object) map[string]rig.Object {
	for _, toggle := range toggles {
		delete(toggle, "impression_data")
	}
	return toggles
}

// followsAPin: older content under a new seq reaches a warm isolate.
func (w *edgeWorld) followsAPin(t *testing.T) {
	w.flip(t, true)
	w.flip(t, false)
	before := workerStatus(t, w.stored)["seq"].(float64)
	w.run(t, "pin", "--target", "edge", "--previous", "--reason", "INC-7")
	rig.Eventually(t, "the worker follows the pin", func() bool {
		toggles, err := rig.AskToggles(w.stored.URL, "", nil)
		return err == nil && isOn(toggles, "flipped")
	})
	if status := workerStatus(t, w.stored); status["pinned"] != "INC-7" || status["seq"].(float64) <= before {
		t.Errorf("the status under a pin: %v, before seq %v", status, before)
	}
	w.run(t, "unpin", "--target", "edge")
	rig.Eventually(t, "the worker follows upstream again", func() bool {
		toggles, err := rig.AskToggles(w.stored.URL, "", nil)
		return err == nil && !isOn(toggles, "flipped")
	})
	if status := workerStatus(t, w.stored); status["pinned"] != nil {
		t.Errorf("the status after the pin: %v", status)
	}
}
