package docs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// alertRule is a rule of deploy/prometheus/alerts.yml.
type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string      `yaml:"name"`
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "deploy/prometheus/alerts.yml")), &file,
		yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var rules []alertRule
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no rules")
	}
	return rules
}

// TestAlerts: every alert says what it means, and docs/runbook.md what to
// do, under a heading of its name, and what its metrics are; no heading is of
// an alert that is gone.
func TestAlerts(t *testing.T) {
	const page = "https://github.com/flagcast/flagcast/blob/main/docs/runbook.md#"
	metrics := rows(section(t, read(t, "docs/metrics.md"), "## Metrics"))
	var names []string
	for _, r := range alertRules(t) {
		names = append(names, r.Alert)
		if got, want := r.Annotations["runbook_url"], page+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, got, want)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || len(r.Annotations) != 3 {
			t.Errorf("%s: the annotations are not summary, description and runbook_url", r.Alert)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
		named := words(`(flagcast_\w+)`, r.Expr)
		if len(named) == 0 {
			t.Errorf("%s: the expression %q has no metric of flagcast", r.Alert, r.Expr)
		}
		for _, metric := range named {
			// A histogram has series of other names.
			if whole, series := strings.CutSuffix(metric, "_count"); series && metrics[whole] != nil &&
				metrics[whole][1] == "histogram" {
				continue
			}
			if metrics[metric] == nil {
				t.Errorf("%s: the metric %q is not in docs/metrics.md", r.Alert, metric)
			}
		}
	}
	headings := words(`(?m)^### (\S+)$`, section(t, read(t, "docs/runbook.md"), "## Alerts"))
	slices.Sort(names)
	if !slices.Equal(names, headings) {
		t.Errorf("alerts %q, headings %q", names, headings)
	}
}
