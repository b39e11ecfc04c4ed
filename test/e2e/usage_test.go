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
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flagcast/flagcast/test/rig"
)

const hookSecret = "e2e-hook-secret"

// TestUsageAndWebhook: SDKs report to a core at the edge, that to a core beside
// Unleash, and that to Unleash, whose webhook says when a flag was flipped.
func TestUsageAndWebhook(t *testing.T) {
	u := rig.StartUnleash(t)
	port := rig.FreePort(t)
	u.Do(t, http.MethodPost, "/addons", rig.Object{
		"provider": "webhook", "enabled": true, "description": "flagcast",
		"parameters": rig.Object{
			"url": fmt.Sprintf("http://127.0.0.1:%d/hooks/unleash", port), "authorization": "Bearer " + hookSecret,
		},
		"events": []string{"feature-environment-enabled", "feature-environment-disabled"},
	})
	u.FlagWith(t, "flipped", rollout("flipped", 100))
	u.FlagWith(t, "varied", rig.Object{
		"name": "flexibleRollout", "parameters": rolloutParameters("varied", 100),
		"variants": list(rig.Object{"name": "red", "weight": 1000, "weightType": "variable", "stickiness": "default"}),
	})
	u.CreateFlag(t, "off")
	binary := rig.Build(t)
	start := func(name, config string) *rig.Flagcast {
		path := filepath.Join(t.TempDir(), name+".yaml")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		f := rig.StartFlagcast(t, binary, path, map[string]string{
			"UNLEASH_TOKEN": u.Backend, "FRONTEND_TOKEN": u.Frontend, "HOOK_SECRET": hookSecret,
		})
		f.Until(t, name+" is ready", func() bool { return rig.Answers(f.URL + "/ready") })
		return f
	}
	unleash := startWitness(t, u.URL)
	startCore := func() *rig.Flagcast {
		return start("core", fmt.Sprintf(`
upstream: { url: %q, tokens: ["${UNLEASH_TOKEN}"], poll_interval: 1m, usage_interval: 1s }
api: { listen: "127.0.0.1:%d", webhook_secret: "${HOOK_SECRET}" }
`, unleash.URL, port))
	}
	core := startCore()
	edge := start("edge", fmt.Sprintf(`
upstream: { url: %q, tokens: ["${UNLEASH_TOKEN}"], poll_interval: 1s, usage_interval: 1s }
api: { listen: "127.0.0.1:0", frontend_tokens: ["${FRONTEND_TOKEN}"] }
`, core.URL))

	harmless(t, u, edge)
	flags := []string{"flipped", "varied", "off"}
	sent := askSDKs(t, u, edge.URL, flags)
	sent.arrives(t, u, edge)
	registered(t, u, edge)

	// While the core is away the edge keeps what it has been sent.
	core.Stop()
	again := askSDKs(t, u, edge.URL, flags)
	core = startCore()
	for app, counts := range again.Sent {
		for flag, n := range counts {
			before := sent.Sent[app][flag]
			n.Yes, n.No = n.Yes+before.Yes, n.No+before.No
			for name, v := range before.Variants {
				n.Variants[name] += v
			}
			again.Sent[app][flag] = n
		}
	}
	again.arrives(t, u, core)

	nudges(t, u, core, unleash)

	// What came last is sent at the end.
	if got := usageOf(t, u, "hostile", "flipped"); got.Yes != 1<<31-1 {
		t.Errorf("the hostile report: %+v", got)
	}
	last := askSDKs(t, u, core.URL, []string{"off"})
	core.Stop()
	for app, counts := range last.Sent {
		want := counts["off"].No + again.Sent[app]["off"].No
		rig.Eventually(t, "the last metrics are in Unleash", func() bool {
			return usageOf(t, u, app, "off").No == want
		})
	}
}

// harmless reports what Unleash would lose the reports of everybody for, if it
// came as it is.
func harmless(t *testing.T, u *rig.Unleash, f *rig.Flagcast) {
	t.Helper()
	now := time.Now().UTC().Format(time.RFC3339)
	flags := rig.Object{
		"nul\x00": rig.Object{"yes": 1}, strings.Repeat("x", 300): rig.Object{"yes": 1},
		"flipped": rig.Object{"yes": 1e12, "variants": rig.Object{"nul\x00": 1, "much": 1e12}},
	}
	for app, status := range map[string]int{
		"hostile": http.StatusAccepted, "nul\x00": http.StatusBadRequest,
		strings.Repeat("x", 300): http.StatusBadRequest,
	} {
		body, err := json.Marshal(rig.Object{
			"appName": app, "instanceId": "i\x00", "bucket": rig.Object{"start": now, "stop": now, "toggles": flags},
		})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/api/client/metrics",
			bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", u.Backend)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%.10q: %s", app, response.Status)
		}
	}
}

// nudges flips a flag and waits until a core serves it that polls once a
// minute.
func nudges(t *testing.T, u *rig.Unleash, core *rig.Flagcast, unleash *witness) {
	t.Helper()
	flipped, on := time.Time{}, true
	core.Until(t, "Unleash calls its new integration, for which it looks once a minute", func() bool {
		if time.Since(flipped) > 3*time.Second {
			flipped, on = time.Now(), !on
			u.Switch(t, "flipped", on)
		}
		return strings.Contains(get(t, core.URL+"/internal-backstage/prometheus"),
			`flagcast_webhook_requests_total{result="accepted"} 1`)
	})
	if !on {
		u.Switch(t, "flipped", true)
	}
	core.Until(t, "the flag is on", func() bool {
		return isOn(rig.Toggles(t, core.URL, u.Frontend, query(static)), "flipped")
	})
	var took, after []time.Duration
	for i := range 10 {
		on := i%2 == 1
		// Unleash ticks by the second: the flips are spread over it.
		core.Until(t, "the next flip", func() bool { return time.Now().UnixMilli()%1000/100 == int64(i) })
		flipped := time.Now()
		u.Switch(t, "flipped", on)
		core.Until(t, "the flip is served", func() bool {
			return isOn(rig.Toggles(t, core.URL, u.Frontend, query(static)), "flipped") == on
		})
		took, after = append(took, time.Since(flipped)), append(after, time.Since(*unleash.showed.Load()))
		t.Logf("flip %d (%v): %4d ms from Unleash to served, by webhook; %2d ms once Unleash showed it", i+1, on,
			took[i].Milliseconds(), after[i].Milliseconds())
	}
	slices.Sort(took)
	slices.Sort(after)
	if median := took[len(took)/2]; median > 15*time.Second {
		t.Errorf("the median is %s: that is no webhook", median)
	} else {
		t.Logf("median %d ms; %d ms once Unleash showed it", median.Milliseconds(), after[len(after)/2].Milliseconds())
	}
}

// witness is in front of a server and notes when that has shown new definitions.
type witness struct {
	*httptest.Server
	showed atomic.Pointer[time.Time]
}

func startWitness(t *testing.T, address string) *witness {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{}
	w.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(r *http.Response) error {
			if now := time.Now(); r.StatusCode == http.StatusOK && r.Request.URL.Path == "/api/client/features" {
				w.showed.Store(&now)
			}
			return nil
		},
	})
	t.Cleanup(w.Close)
	return w
}

// registered waits until Unleash lists the Node SDK as an instance that came
// through two cores.
func registered(t *testing.T, u *rig.Unleash, f *rig.Flagcast) {
	t.Helper()
	f.Until(t, "the Node SDK is registered", func() bool {
		var answer struct {
			Instances []struct{ SDKVersion string }
		}
		if err := json.Unmarshal(u.Do(t, http.MethodGet, "/metrics/instances/e2e-node/environment/development", nil),
			&answer); err != nil {
			t.Fatal(err)
		}
		return len(answer.Instances) == 1 && answer.Instances[0].SDKVersion != ""
	})
}
