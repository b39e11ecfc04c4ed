package api_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	metricsBody = `{"appName":"a","instanceId":"i","environment":"elsewhere",` +
		`"bucket":{"start":"2026-11-26T05:00:00Z","stop":"2026-11-26T05:01:00Z","toggles":{"on":{"yes":3,"no":2}}}}`
	registerBody = `{"appName":"a","instanceId":"i","interval":10,"started":"2026-11-26T05:00:00Z",` +
		`"strategies":["default"]}`
	bulkBody = `{"applications":[` + registerBody +
		`],"metrics":[{"appName":"a","featureName":"on","environment":"elsewhere","timestamp":"2026-11-26T05:00:00Z",` +
		`"yes":1,"no":1}]}`
)

// The statuses are those of Unleash 8.2, but for success: Unleash Edge answers
// 202 where Unleash's frontend API has 200.
func TestUsageStatusCodes(t *testing.T) {
	f := newFixture(t, "production")
	for _, tc := range []struct {
		path, token, body string
		code              int
	}{
		{"/api/client/metrics", backend, metricsBody, 202},
		{"/api/client/metrics", backendA, metricsBody, 202},
		{"/api/client/metrics", notReady, metricsBody, 202}, // flags do not matter
		{"/api/client/metrics", backend, `{"appName":"a"}`, 202},
		{"/api/client/metrics", backend, `{"appName":"a","bucket":null}`, 202},
		{"/api/client/metrics", backend, "", 400},
		{"/api/client/metrics", backend, "{", 400},
		{"/api/client/metrics", backend, "[]", 400},
		{"/api/client/metrics", backend, `{"bucket":null}`, 400},
		{"/api/client/metrics", backend, strings.Repeat(" ", 1<<20+1), 413},
		{"/api/client/metrics", "", metricsBody, 401},
		{"/api/client/metrics", "*:production.unknown", metricsBody, 401},
		{"/api/client/metrics", frontend, metricsBody, 403},
		{"/api/client/metrics/bulk", backend, bulkBody, 202},
		{"/api/client/metrics/bulk", backend, "{}", 400},
		{"/api/client/metrics/bulk", frontend, bulkBody, 403},
		{"/api/client/register", backend, registerBody, 202},
		{"/api/client/register", backend, `{"appName":"a"}`, 400},
		{"/api/frontend/client/metrics", frontend, metricsBody, 202},
		{"/api/proxy/all/client/metrics", frontend, metricsBody, 202},
		{"/api/frontend/client/metrics", "", metricsBody, 202}, // anonymous
		{"/api/frontend/client/metrics", backend, metricsBody, 403},
		{"/api/frontend/client/register", frontend, registerBody, 202},
		{"/api/proxy/client/register", frontend, "{", 400},
	} {
		if r := f.ask("POST", tc.path, tc.token, tc.body); r.StatusCode != tc.code {
			t.Errorf("%s with %q, %.60s: %d, want %d: %s", tc.path, tc.token, tc.body, r.StatusCode, tc.code,
				text(t, r))
		}
	}
	if r := f.ask("GET", "/api/client/metrics", backend, ""); r.StatusCode != 405 {
		t.Errorf("GET: %d", r.StatusCode)
	}
	// Five reports of five evaluations and a bulk one of two are for the
	// environment of their tokens; one environment has no token at upstream.
	want := map[string]float64{
		`flagcast_usage_received_total{kind="evaluations"}`:                     32,
		`flagcast_usage_dropped_total{kind="evaluations",reason="nowhere"}`:     5,
		`flagcast_usage_waiting{environment="production",kind="evaluations"}`:   27,
		`flagcast_usage_waiting{environment="production",kind="registrations"}`: 2,
		`flagcast_usage_received_total{kind="registrations"}`:                   3,
		`flagcast_usage_consecutive_failures{environment="production"}`:         0,
		`flagcast_usage_dropped_total{kind="evaluations",reason="shutdown"}`:    0,
	}
	got := values(t, f.registry)
	for name := range got {
		if _, ok := want[name]; !ok {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestWrongSecrets: a flood of wrong secrets gets 429 and costs little, and never
// keeps the right one out.
func TestWrongSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, "")
		call := func(secret string) (code int, retry string) {
			r := f.ask("POST", "/hooks/unleash", secret, "")
			return r.StatusCode, r.Header.Get("Retry-After")
		}
		for second := range 3 {
			codes := map[int]int{}
			for i := range 1000 {
				secret := fmt.Sprint("wrong-", i)
				if i%2 == 0 {
					secret = strings.Repeat("x", 60_000)
				}
				code, retry := call(secret)
				if codes[code]++; (code == 429) != (retry != "") {
					t.Fatalf("%d with Retry-After %q", code, retry)
				}
				if code, _ := call("Bearer hook-secret"); code != 202 {
					t.Fatalf("the right secret gets %d after %d wrong ones", code, i+1)
				}
			}
			if codes[401] != 10 || codes[429] != 990 {
				t.Errorf("second %d: %v", second, codes)
			}
			time.Sleep(time.Second)
		}
		got := values(t, f.registry)
		for result, want := range map[string]float64{"accepted": 3000, "refused": 30, "limited": 2970} {
			if n := got[`flagcast_webhook_requests_total{result="`+result+`"}`]; n != want {
				t.Errorf("%s: %v, want %v", result, n, want)
			}
		}
		if strings.Contains(f.log.String(), "wrong") || strings.Contains(f.log.String(), "level=WARN") {
			t.Errorf("wrong secrets are logged:\n%.500s", f.log)
		}
	})
}

// TestManyRegistrations: one report has a bounded number of registrations.
func TestManyRegistrations(t *testing.T) {
	f := newFixture(t, "")
	for n, code := range map[int]int{5000: 202, 5001: 400} {
		body := `{"metrics":[],"applications":[` + strings.Repeat(`{"appName":"a"},`, n-1) + `{"appName":"a"}]}`
		if r := f.ask("POST", "/api/client/metrics/bulk", backend, body); r.StatusCode != code {
			t.Errorf("%d registrations: %d, want %d", n, r.StatusCode, code)
		}
	}
}

// values gathers counters and gauges by their names and labels.
func values(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+`="`+l.GetValue()+`"`)
			}
			found[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() +
				m.GetGauge().GetValue()
		}
	}
	return found
}

func TestHook(t *testing.T) {
	f := newFixture(t, "")
	for authorization, code := range map[string]int{
		"hook-secret": 202, "Bearer hook-secret": 202, "bearer hook-secret": 202,
		"": 401, "hook-secret2": 401, "Bearer ": 401, "Bearer Bearer hook-secret": 401, backend: 401,
	} {
		before := f.triggers
		r := f.ask("POST", "/hooks/unleash", authorization, `{"type":"feature-environment-enabled"}`)
		if r.StatusCode != code || (f.triggers > before) != (code == 202) {
			t.Errorf("%q: %d and %d triggers, want %d", authorization, r.StatusCode, f.triggers-before, code)
		}
	}
	if strings.Contains(f.log.String(), "hook-secret") {
		t.Errorf("the secret is in the log:\n%s", f.log)
	}
	got := values(t, f.registry)
	if got[`flagcast_webhook_requests_total{result="accepted"}`] != 3 ||
		got[`flagcast_webhook_requests_total{result="refused"}`] != 5 {
		t.Errorf("%v", got)
	}
	if r := f.ask("GET", "/hooks/unleash", "hook-secret", ""); r.StatusCode != 405 {
		t.Errorf("GET: %d", r.StatusCode)
	}
}

// Whatever a body holds, the answer is 202 or a 400 that says why.
func FuzzUsage(f *testing.F) {
	for _, body := range []string{
		metricsBody, registerBody, bulkBody,
		`{"appName":"a","bucket":{"start":1,"stop":1e30,"toggles":{"":{"yes":"1e400","variants":{"\ud800":-0}}}}}`,
		strings.Repeat("[", 20000),
		strings.Repeat("[", 1<<20), `{"appName":"a","impactMetrics":[` + strings.Repeat("0,", 500_000) + `0]}`,
		`{"applications":[` + strings.Repeat("{},", 300_000) + `{}],"metrics":[]}`,
	} {
		f.Add(body)
	}
	x := newFixture(f, "")
	paths := []string{"/api/client/metrics", "/api/client/metrics/bulk", "/api/client/register"}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range paths {
			r := x.ask("POST", path, backend, body)
			if answer := text(t, r); r.StatusCode != 202 &&
				(r.StatusCode != 400 || !strings.Contains(answer, `"error":"`)) {
				t.Errorf("%s: %d: %s", path, r.StatusCode, answer)
			}
		}
	})
}
