package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/strvals"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/sinks/all"
	"github.com/flagcast/flagcast/test/need"
)

// podTemplate is what checkPods looks at of a Deployment or a StatefulSet.
type podTemplate struct {
	Spec struct {
		Selector struct{ MatchLabels map[string]string }
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				ServiceAccountName string
				Volumes            []map[string]any
				Containers         []struct {
					Args         []string
					Env          []struct{ Name, Value string }
					Ports        []struct{ Name string }
					VolumeMounts []struct{ Name, MountPath string }

					LivenessProbe, ReadinessProbe, StartupProbe map[string]any
				}
			}
		}
	}
}

// checkPods checks what the API server requires and its schema does not say, and
// that objects select the pods of the chart.
func checkPods(t *testing.T, objects map[string]*unstructured.Unstructured) {
	t.Helper()
	var pods []map[string]string
	for key, o := range objects {
		if o.GetKind() != "Deployment" && o.GetKind() != "StatefulSet" {
			continue
		}
		var p podTemplate
		decode(t, o, &p)
		pods = append(pods, p.Spec.Template.Metadata.Labels)
		if !selects(p.Spec.Selector.MatchLabels, p.Spec.Template.Metadata.Labels) {
			t.Errorf("%s does not select its own pods", key)
		}
		checkContainer(t, key, &p)
	}
	for key, o := range objects {
		path := map[string][]string{
			"Service": {"spec", "selector"}, "PodDisruptionBudget": {"spec", "selector", "matchLabels"},
			"NetworkPolicy": {"spec", "podSelector", "matchLabels"},
		}[o.GetKind()]
		if path == nil {
			continue
		}
		selector, _, err := unstructured.NestedStringMap(o.Object, path...)
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		selected := 0
		for _, labels := range pods {
			if selects(selector, labels) {
				selected++
			}
		}
		if selected != 1 {
			t.Errorf("%s selects the pods of %d workloads, want 1", key, selected)
		}
	}
}

func selects(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

func checkContainer(t *testing.T, key string, p *podTemplate) {
	t.Helper()
	pod := p.Spec.Template.Spec
	c := pod.Containers[0]
	var variables, volumes, mounts, paths, ports []string
	for _, e := range c.Env {
		variables = append(variables, e.Name)
	}
	for _, v := range pod.Volumes {
		volumes = append(volumes, v["name"].(string))
	}
	for _, m := range c.VolumeMounts {
		mounts, paths = append(mounts, m.Name), append(paths, m.MountPath)
	}
	for _, port := range c.Ports {
		ports = append(ports, port.Name)
	}
	for what, names := range map[string][]string{
		"variable": variables, "volume": volumes, "path of a mount": paths, "port": ports,
	} {
		slices.Sort(names)
		if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
			t.Errorf("%s: a %s is there twice: %q", key, what, names)
		}
	}
	for _, name := range mounts {
		if !slices.Contains(volumes, name) {
			t.Errorf("%s mounts %s, which is not a volume", key, name)
		}
	}
	for name, probe := range map[string]map[string]any{
		"livenessProbe": c.LivenessProbe, "readinessProbe": c.ReadinessProbe, "startupProbe": c.StartupProbe,
	} {
		handlers := 0
		for _, handler := range []string{"exec", "grpc", "httpGet", "tcpSocket"} {
			if probe[handler] != nil {
				handlers++
			}
		}
		if probe != nil && handlers != 1 {
			t.Errorf("%s: %s has %d handlers, want 1: %v", key, name, handlers, probe)
		}
		if n, ok := probe["successThreshold"].(float64); ok && n != 1 && name != "readinessProbe" {
			t.Errorf("%s: successThreshold of %s is %v, want 1", key, name, n)
		}
	}
}

// TestHelmRuns: the command line and the configuration of each pod are those
// that flagcast takes.
func TestHelmRuns(t *testing.T) {
	flagcast := filepath.Join(t.TempDir(), "flagcast")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", flagcast, "./cmd/flagcast")
	build.Dir = need.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const core, publisher = "Deployment/flags-flagcast", "StatefulSet/flags-flagcast-publisher"
	for _, tc := range []struct {
		file, workload string
		args           []string
		secrets        map[string]string // variables from the Secret of envFrom
		url            string
		targets        int
	}{
		{
			"publisher.yaml", core,
			[]string{"edge", "--no-publish"},
			map[string]string{"TOKENS": "*:production.a"},
			"https://unleash.example", 0,
		},
		{
			"publisher.yaml", publisher,
			[]string{"serve"},
			map[string]string{"UNLEASH_TOKEN": "*:production.a"},
			"https://unleash.example", 1,
		},
		{
			"edge-defaults.yaml", core,
			[]string{"edge", "--no-publish"},
			map[string]string{"TOKENS": "*:production.a"},
			"http://unleash.unleash:4242", 0,
		},
		{
			"edge-production.yaml", "Deployment/edge",
			[]string{"edge", "--no-publish"},
			map[string]string{"TOKENS": "*:production.a"},
			"https://unleash.internal:4242", 0,
		},
		{
			"edge-offline.yaml", core,
			[]string{"offline"},
			map[string]string{"CLIENT_TOKENS": "*:development.trial"},
			"", 0,
		},
	} {
		t.Run(tc.file+" "+tc.workload, func(t *testing.T) {
			objects := release{}.objects(t, valuesFile(t, tc.file))
			var p podTemplate
			decode(t, objects[tc.workload], &p)
			c := p.Spec.Template.Spec.Containers[0]
			if !slices.Equal(c.Args, tc.args) {
				t.Errorf("the arguments are %q, want %q", c.Args, tc.args)
			}
			help := exec.CommandContext(t.Context(), flagcast, append(slices.Clone(c.Args), "--help")...)
			if out, err := help.CombinedOutput(); err != nil {
				t.Errorf("flagcast %q: %v\n%s", c.Args, err, out)
			}
			cfg := loadPod(t, objects, tc.workload, tc.secrets)
			if cfg.Upstream.URL != tc.url || len(cfg.Targets) != tc.targets {
				t.Errorf("upstream %q and %d targets, want %q and %d", cfg.Upstream.URL, len(cfg.Targets), tc.url,
					tc.targets)
			}
			mounted := func(m struct{ Name, MountPath string }) bool { return m.MountPath == cfg.State.Dir }
			if cfg.State.Dir != "" && !slices.ContainsFunc(c.VolumeMounts, mounted) {
				t.Errorf("nothing is mounted at state.dir %s", cfg.State.Dir)
			}
			if !strings.HasSuffix(cfg.API.Listen, ":3063") {
				t.Errorf("it listens on %s, and the container has port 3063", cfg.API.Listen)
			}
		})
	}
}

// loadPod loads the configuration of a pod as flagcast does: from its file and
// its variables.
func loadPod(
	t *testing.T, objects map[string]*unstructured.Unstructured, workload string, secrets map[string]string,
) *config.Config {
	t.Helper()
	var p podTemplate
	decode(t, objects[workload], &p)
	c := p.Spec.Template.Spec.Containers[0]
	variables := map[string]string{}
	for name, value := range secrets {
		variables[name] = value
	}
	for _, e := range c.Env {
		if e.Value != "" { // others are of a Secret, and in secrets
			variables[e.Name] = e.Value
		}
	}
	path := ""
	if variables["FLAGCAST_CONFIG"] != "" {
		path = filepath.Join(t.TempDir(), "flagcast.yaml")
		name := "ConfigMap/" + objects[workload].GetName()
		if objects[name] == nil {
			t.Fatalf("no %s", name)
		}
		data, _, err := unstructured.NestedString(objects[name].Object, "data", "flagcast.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(path, config.Overrides{
		Lookup: func(name string) (string, bool) {
			v, ok := variables[name]
			return v, ok
		},
		Offline: slices.Contains(c.Args, "offline"), SinkConfig: all.Settings, SinkTypes: all.Types(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestHelmDocument: the values of the document make a publisher whose
// configuration is one, and its commands name values of the chart.
func TestHelmDocument(t *testing.T) {
	_, section, found := strings.Cut(read(t, "docs/deploying.md"), "\n## Helm\n")
	section, _, closed := strings.Cut(section, "\n## ")
	_, values, hasValues := strings.Cut(section, "```yaml\n")
	values, _, _ = strings.Cut(values, "```")
	if !found || !closed || !hasValues {
		t.Fatal("docs/deploying.md has no values below Helm")
	}
	objects := release{}.objects(t, values)
	cfg := loadPod(t, objects, publisherObject, map[string]string{"TOKENS": "*:production.a"})
	if len(cfg.Targets) != 1 || cfg.API.Backstage.Listen != ":3064" {
		t.Errorf("%d targets, and the backstage at %q", len(cfg.Targets), cfg.API.Backstage.Listen)
	}
	set := map[string]any{}
	calls := run(t, "helm", "kubectl() { :; }\n"+blocks(t, "Helm"), "UNLEASH_TOKEN=*:production.a")
	for _, argument := range strings.Split(strings.Trim(calls, "<>\n"), "><") {
		if strings.Contains(argument, "=") {
			if err := strvals.ParseInto(argument, set); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(set) == 0 {
		t.Fatalf("helm is called without values: %s", calls)
	}
	given, err := yaml.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	objects = release{}.objects(t, string(given))
	checkFields(t, objects, []field{{coreObject, containerPath + "envFrom", "[{ secretRef: { name: flagcast } }]"}})
	cfg = loadPod(t, objects, coreObject, map[string]string{"TOKENS": "*:production.a"})
	if cfg.Upstream.URL != "https://unleash.example" {
		t.Errorf("upstream is %s", cfg.Upstream.URL)
	}
	// The first column of the tables names values of the chart.
	var known map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "deploy/helm/values.yaml")), &known); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		rows++
		for _, name := range regexp.MustCompile("`([a-z][A-Za-z.]*)`").FindAllStringSubmatch(row[1], -1) {
			parent, _, _ := strings.Cut(name[1], ".")
			if _, ok := known[parent]; !ok {
				t.Errorf("the document has %s, the chart does not", name[1])
			}
		}
	}
	if rows < 12 {
		t.Errorf("%d rows", rows)
	}
}
