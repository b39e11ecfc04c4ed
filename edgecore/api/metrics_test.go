package api_test

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore/api"
)

// What Prometheus has to know about a replica: which build it is, and whether
// it is ready.
func TestInstanceMetrics(t *testing.T) {
	var registry *prometheus.Registry
	f, h := with(t, func(o *api.Options) {
		registry = o.Registry
		o.Environments = o.Environments[:1]
		o.Build = api.Build{Version: "v1.2.3", Revision: "abc"}
	})
	build := `flagcast_build_info{goversion="` + runtime.Version() + `",revision="abc",version="v1.2.3"}`
	if found := values(t, registry); found[build] != 1 || found["flagcast_ready{}"] != 1 {
		t.Errorf("%s is %v, flagcast_ready %v, want 1", build, found[build], found["flagcast_ready{}"])
	}
	h.Drain(0)
	if code, ready := f.ask("GET", "/ready", "", "").StatusCode, values(t, registry)["flagcast_ready{}"]; code != 503 ||
		ready != 0 {
		t.Errorf("draining: /ready is %d, flagcast_ready %v", code, ready)
	}
	_, _ = with(t, func(o *api.Options) { registry = o.Registry }) // an environment has no flags
	if ready, exposed := values(t, registry)["flagcast_ready{}"]; ready != 0 || !exposed {
		t.Errorf("without flags: flagcast_ready is %v, %v", ready, exposed)
	}
}

// Requests of 30 µs to 5 ms, which most are, fall into different buckets.
func TestDurationsCanBeTold(t *testing.T) {
	f := newFixture(t, "")
	f.ask("GET", "/base/health", "", "")
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var bounds []float64
	for _, family := range families {
		for _, b := range family.GetMetric()[0].GetHistogram().GetBucket() {
			bounds = append(bounds, b.GetUpperBound())
		}
	}
	last := 0
	for _, d := range []time.Duration{
		30 * time.Microsecond, 80 * time.Microsecond, 150 * time.Microsecond, 300 * time.Microsecond,
		800 * time.Microsecond,
		1500 * time.Microsecond, 4 * time.Millisecond, 8 * time.Millisecond, 80 * time.Millisecond, 5 * time.Second,
	} {
		bucket, _ := slices.BinarySearch(bounds, d.Seconds())
		if bucket <= last || bucket == len(bounds) {
			t.Errorf("%s is not told from what is shorter: %v", d, bounds)
		}
		last = bucket
	}
}
