package deploy

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flagcast/flagcast/test/need"
)

func chartDir() string { return filepath.Join(need.Root(), "deploy", "helm") }

// release is an installation of the chart. The zero value is the release
// "flags" on the version of Kubernetes that the validator has.
type release struct{ name, kubernetes string }

// helm renders the chart with values, as helm template does. The error is that
// of values.schema.json or of a template. Files that are not manifests have
// their own map.
func (r release) helm(t *testing.T, values string) (manifests, others map[string]string, err error) {
	t.Helper()
	chart, err := loader.Load(chartDir())
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	version, err := chartutil.ParseKubeVersion("v" + cmp.Or(r.kubernetes, kubernetes) + ".0")
	if err != nil {
		t.Fatal(err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	options := chartutil.ReleaseOptions{Name: cmp.Or(r.name, "flags"), Namespace: "flagcast", IsInstall: true}
	input, err := chartutil.ToRenderValues(chart, given, options, capabilities)
	if err != nil {
		return nil, nil, err
	}
	files, err := engine.Render(chart, input)
	if err != nil {
		return nil, nil, err
	}
	manifests, others = map[string]string{}, map[string]string{}
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			manifests[name] = text
		} else {
			others[filepath.Base(name)] = text
		}
	}
	return manifests, others, nil
}

// objects are the rendered manifests by kind and name. Each was validated as
// those of deploy/ack are, and checked by checkPods.
func (r release) objects(t *testing.T, values string) map[string]*unstructured.Unstructured {
	t.Helper()
	manifests, _, err := r.helm(t, values)
	if err != nil {
		t.Fatal(err)
	}
	v := builtIn(t)
	objects := map[string]*unstructured.Unstructured{}
	for _, name := range slices.Sorted(maps.Keys(manifests)) {
		for _, document := range bytes.Split([]byte("\n"+manifests[name]), []byte("\n---\n")) {
			object := map[string]any{}
			if err := yaml.UnmarshalStrict(document, &object); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
			}
			if len(object) == 0 {
				continue
			}
			validate(t, v, document)
			o := &unstructured.Unstructured{Object: object}
			key := o.GetKind() + "/" + o.GetName()
			if objects[key] != nil {
				t.Errorf("%s is rendered twice", key)
			}
			objects[key] = o
		}
	}
	checkPods(t, objects)
	return objects
}

// valuesFile returns a file of testdata/helm.
func valuesFile(t *testing.T, name string) string {
	t.Helper()
	return read(t, "test/deploy/testdata/helm/"+name)
}

// TestHelm renders the chart with its defaults, with our values and with values
// of unleash-edge's chart.
func TestHelm(t *testing.T) {
	for file, want := range map[string][]string{
		"": {
			"Deployment/flags-flagcast", "PodDisruptionBudget/flags-flagcast", "Service/flags-flagcast",
			"ServiceAccount/flags-flagcast",
		},
		"publisher.yaml": {
			"ConfigMap/flags-extra", "ConfigMap/flags-flagcast", "ConfigMap/flags-flagcast-publisher",
			"Deployment/flags-flagcast", "HorizontalPodAutoscaler/flags-flagcast", "Ingress/flags-flagcast",
			"NetworkPolicy/flags-flagcast", "NetworkPolicy/flags-flagcast-publisher",
			"PodDisruptionBudget/flags-flagcast", "Service/flags-flagcast", "Service/flags-flagcast-backstage",
			"Service/flags-flagcast-publisher", "ServiceAccount/flags-flagcast",
			"ServiceAccount/flags-flagcast-publisher", "ServiceMonitor/flags-flagcast",
			"ServiceMonitor/flags-flagcast-publisher", "StatefulSet/flags-flagcast-publisher",
		},
		"edge-defaults.yaml": {
			"Deployment/flags-flagcast", "Service/flags-flagcast", "ServiceAccount/flags-flagcast",
		},
		"edge-production.yaml": {
			"Deployment/edge", "HTTPRoute/edge", "HorizontalPodAutoscaler/edge", "Ingress/edge",
			"PodDisruptionBudget/edge", "Service/edge", "ServiceMonitor/edge",
		},
		"edge-offline.yaml": {
			"ConfigMap/edge-features", "Deployment/flags-flagcast", "PodDisruptionBudget/flags-flagcast",
			"Secret/edge-offline", "Service/flags-flagcast", "ServiceAccount/flags-flagcast",
		},
	} {
		t.Run(cmp.Or(file, "defaults"), func(t *testing.T) {
			values := ""
			if file != "" {
				values = valuesFile(t, file)
			}
			objects := release{}.objects(t, values)
			if got := slices.Sorted(maps.Keys(objects)); !slices.Equal(got, want) {
				t.Errorf("the objects are\n%q, want\n%q", got, want)
			}
		})
	}
}

// TestHelmValuesFiles: TestHelm renders every file of testdata/helm.
func TestHelmValuesFiles(t *testing.T) {
	files, err := os.ReadDir(filepath.Join("testdata", "helm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.Contains(read(t, "test/deploy/helm_test.go"), `"`+file.Name()+`": {`) {
			t.Errorf("TestHelm does not render %s", file.Name())
		}
	}
}

// TestHelmLint: helm lint has no complaint but that the chart has no icon.
func TestHelmLint(t *testing.T) {
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(valuesFile(t, "publisher.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	for _, m := range lint.All(chartDir(), values, "flagcast", true).Messages {
		if m.Severity > support.InfoSev {
			t.Errorf("%s: %v", m.Path, m.Err)
		}
	}
}

// TestHelmLongName: names that Kubernetes derives from a long name of a release
// have at most 63 characters.
func TestHelmLongName(t *testing.T) {
	r := release{name: strings.Repeat("release-of-53-characters", 3)[:53]}
	objects := r.objects(t, valuesFile(t, "publisher.yaml"))
	publishers := 0
	for key, o := range objects {
		if len(o.GetName()) > 63 {
			t.Errorf("%s has %d characters", key, len(o.GetName()))
		}
		if o.GetKind() == "StatefulSet" {
			publishers++
			// The label controller-revision-hash has the name, "-" and ten characters.
			if n := len(o.GetName()) + 11; n > 63 {
				t.Errorf("%s: the label of its pods has %d characters", key, n)
			}
		}
	}
	if publishers != 1 {
		t.Errorf("%d publishers", publishers)
	}
}

// TestHelmNotes: an installation without a token says how to give one.
func TestHelmNotes(t *testing.T) {
	for values, want := range map[string]bool{
		"":                                   true,
		"existingSecrets: edge-tokens":       false,
		"existingConfigMap: settings":        false,
		"env: [{ name: TOKENS, value: a }]":  false,
		"config: { upstream: { file: /a } }": false,
	} {
		_, others, err := release{}.helm(t, values)
		if err != nil {
			t.Fatal(err)
		}
		notes := others["NOTES.txt"]
		if !strings.Contains(notes, "http://flags-flagcast.flagcast:3063/api") {
			t.Errorf("%q: the notes have no address:\n%s", values, notes)
		}
		if got := strings.Contains(notes, "create secret generic"); got != want {
			t.Errorf("%q: the notes ask for a token: %v, want %v", values, got, want)
		}
	}
}
