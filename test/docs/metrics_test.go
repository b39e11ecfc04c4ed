package docs_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/memory"
)

// TestMetrics: the table in docs/metrics.md has what a process shows that
// has published once and answered one request.
func TestMetrics(t *testing.T) {
	got := map[string]string{}
	for name, cells := range rows(section(t, read(t, "docs/metrics.md"), "## Metrics")) {
		labels := strings.Split(strings.ReplaceAll(cells[2], "`", ""), ", ")
		slices.Sort(labels)
		got[name] = cells[1] + " by " + strings.Join(labels, " ")
	}
	if diff := cmp.Diff(exposed(t), got); diff != "" {
		t.Errorf("(-code +document):\n%s", diff)
	}
}

func exposed(t *testing.T) map[string]string {
	found := map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		const env edgecore.Environment = "e"
		log := slog.New(slog.DiscardHandler)
		registry := prometheus.NewRegistry()
		app.NewReloadGauge(registry)
		store := state.New(state.Options{Log: log})
		definitions, err := parse.Definitions([]byte(`{"features":[]}`), env)
		if err != nil {
			t.Fatal(err)
		}
		store.Put(definitions)
		reports, err := usage.New(usage.Options{
			URL: "https://unleash.example", Tokens: []edgecore.Token{{Environment: env}}, Log: log, Registry: registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		handler := api.New(api.Options{
			States: store, Access: access.New(access.Options{}), Environments: []edgecore.Environment{env}, Log: log,
			Registry: registry, Usage: reports,
			WebhookSecret: secret.New("s"), Trigger: func() {},
			Upstream: func(edgecore.Environment) api.Upstream { return api.Upstream{Failures: 1} },
		})
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/health", nil))

		spec := snapshot.Spec{Format: snapshot.Evaluated1, Environment: env, Target: "t"}
		target := publish.Target{
			Name: "t", Environment: env, Sink: sinks.Measured(memory.WithLimit(0), "s", sinks.NewMetrics(registry)),
			Outputs: []publish.Output{{Key: "k", Spec: spec}}, Probes: []publish.Probe{edge{}},
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		publisher := publish.New(target, store, publish.Options{Log: log, Metrics: publish.NewMetrics(registry)})
		go func() { done <- publisher.Run(ctx) }()
		time.Sleep(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}

		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			var labels []string
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			slices.Sort(labels)
			found[f.GetName()] = strings.ToLower(f.GetType().String()) + " by " + strings.Join(labels, " ")
		}
	})
	return found
}

// edge shows everything at once.
type edge struct{}

func (edge) Name() string { return "edge" }

func (edge) Seen(_ context.Context, want uint64) (uint64, error) { return want, nil }
