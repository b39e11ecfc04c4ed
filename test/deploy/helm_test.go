package deploy

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/sinks/all"
	"github.com/flagcast/flagcast/test/need"
)

// helm renders the chart with values, as helm template does. The error is that
// of values.schema.json, or of a template.
func helm(t *testing.T, values string) (map[string]*unstructured.Unstructured, [][]byte, error) {
	t.Helper()
	chart, err := loader.Load(filepath.Join(need.Root(), "deploy", "helm"))
	if err != nil {
		t.Fatal(err)
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v" + kubernetes + ".0", Major: "1", Minor: "30"}
	release := chartutil.ReleaseOptions{Name: "flags", Namespace: "flagcast", IsInstall: true}
	render, err := chartutil.ToRenderValues(chart, given, release, capabilities)
	if err != nil {
		return nil, nil, err
	}
	files, err := engine.Render(chart, render)
	if err != nil {
		return nil, nil, err
	}
	objects := map[string]*unstructured.Unstructured{}
	var documents [][]byte
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, document := range bytes.Split([]byte("\n"+files[name]), []byte("\n---\n")) {
			object := map[string]any{}
			if err := yaml.UnmarshalStrict(document, &object); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
			}
			if len(object) == 0 {
				continue
			}
			o := &unstructured.Unstructured{Object: object}
			key := o.GetKind() + "/" + o.GetName()
			if objects[key] != nil {
				t.Errorf("%s is there twice", key)
			}
			objects[key] = o
			documents = append(documents, document)
		}
	}
	return objects, documents, nil
}

// publisherValues are those of an installation that publishes, with everything on.
const publisherValues = `
existingSecrets: flagcast
existingConfigMap: more
edge: { upstreamUrl: "https://unleash.example" }
config: { api: { anonymous_environment: production }, upstream: { poll_interval: 5s } }
autoscaling: { enabled: true, targetMemoryUtilizationPercentage: 80 }
ingress: { enabled: true, className: nginx, tls: [{ secretName: tls, hosts: [flags.example.com] }] }
serviceMonitor: { enabled: true, extraLabels: { release: prometheus } }
networkPolicy:
  enabled: true
  clients: [{ namespaceSelector: { matchLabels: { flagcast/client: "true" } } }]
  prometheus: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }]
publisher:
  enabled: true
  serviceAccount: { annotations: { pod-identity.alibabacloud.com/role-name: flagcast } }
  config:
    upstream: { url: "https://unleash.example", tokens: ["${UNLEASH_TOKEN}"] }
    state: { dir: /var/lib/flagcast }
    sinks: { cn: { type: edgekv, product: esa, namespace: flags, credentials: { type: rrsa } } }
    targets: [{ name: web, sink: cn, environment: production, format: rules/1, key: unleash-flags }]
extraObjects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: "{{ .Release.Name }}-extra" }, data: { a: b } }]
`

// edgeValues are values as an installation of unleash-edge's chart has them, with
// its own names.
const edgeValues = `
replicaCount: 3
image: { repository: registry.example/flagcast, tag: "", pullPolicy: Always }
serviceAccount: { create: true, annotations: {}, name: "" }
podAnnotations: { team: flags }
podLabels: { team: flags }
service: { type: NodePort, port: 3063, targetPort: "", nodePort: 30063 }
resources: { requests: { cpu: 100m, memory: 64Mi }, limits: { cpu: 200m, memory: 128Mi } }
ingress: { enabled: true, hosts: [{ host: edge.example, paths: [{ path: /, pathType: ImplementationSpecific }] }] }
livenessProbe: { enabled: true, path: /internal-backstage/health, initialDelaySeconds: 30, timeoutSeconds: 10 }
readinessProbe: { enabled: true, path: /internal-backstage/health, periodSeconds: 10, successThreshold: 5 }
autoscaling: { enabled: true, minReplicas: 1, maxReplicas: 4, targetCPUUtilizationPercentage: 80 }
podDisruptionBudget: { enabled: true, minAvailable: 1 }
topologySpreadConstraints: {}
env: [{ name: STRICT, value: "true" }, { name: CORS_ORIGIN, value: "https://shop.example" }]
existingSecrets: "edge-tokens"
edge: { upstreamUrl: "http://unleash.unleash:4242", logLevel: warn, logFormat: json }
terminationGracePeriodSeconds: 60
lifecycle: { preStop: { exec: { command: [/bin/sleep, "30"] } } }
`

func TestHelm(t *testing.T) {
	v := builtIn(t)
	for name, tc := range map[string]struct {
		values string
		want   []string
	}{
		"defaults": {"", []string{
			"Deployment/flags-flagcast", "PodDisruptionBudget/flags-flagcast", "Service/flags-flagcast",
			"ServiceAccount/flags-flagcast",
		}},
		"everything": {publisherValues, []string{
			"ConfigMap/flags-extra", "ConfigMap/flags-flagcast", "ConfigMap/flags-flagcast-publisher",
			"Deployment/flags-flagcast",
			"HorizontalPodAutoscaler/flags-flagcast", "Ingress/flags-flagcast", "NetworkPolicy/flags-flagcast",
			"NetworkPolicy/flags-flagcast-publisher", "PodDisruptionBudget/flags-flagcast", "Service/flags-flagcast",
			"Service/flags-flagcast-publisher", "ServiceAccount/flags-flagcast",
			"ServiceAccount/flags-flagcast-publisher",
			"ServiceMonitor/flags-flagcast", "StatefulSet/flags-flagcast-publisher",
		}},
		"of unleash-edge": {edgeValues, []string{
			"Deployment/flags-flagcast", "HorizontalPodAutoscaler/flags-flagcast", "Ingress/flags-flagcast",
			"PodDisruptionBudget/flags-flagcast", "Service/flags-flagcast", "ServiceAccount/flags-flagcast",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			objects, documents, err := helm(t, tc.values)
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range documents {
				validate(t, v, document)
			}
			if got := slices.Sorted(maps.Keys(objects)); !slices.Equal(got, tc.want) {
				t.Errorf("the objects are %q, want %q", got, tc.want)
			}
		})
	}
}

// TestHelmPods: what the pods run with is what flagcast takes.
func TestHelmPods(t *testing.T) {
	objects, _, err := helm(t, publisherValues)
	if err != nil {
		t.Fatal(err)
	}
	var core, publisher workload
	decode(t, objects["Deployment/flags-flagcast"], &core)
	decode(t, objects["StatefulSet/flags-flagcast-publisher"], &publisher)
	if args := core.Spec.Template.Spec.Containers[0].Args; !slices.Equal(args, []string{"edge", "--no-publish"}) {
		t.Errorf("the core runs with %q", args)
	}
	if args := publisher.Spec.Template.Spec.Containers[0].Args; !slices.Equal(args, []string{"serve"}) {
		t.Errorf("the publisher runs with %q", args)
	}
	if *publisher.Spec.Replicas != 1 || core.Spec.Replicas != nil {
		t.Error("one process publishes, and the autoscaler has the number of the others")
	}
	known := []string{"FLAGCAST_CONFIG"}
	for _, s := range config.EdgeSettings() {
		known = append(known, s.Variable)
	}
	for _, w := range []*workload{&core, &publisher} {
		pod := w.Spec.Template.Spec
		c := pod.Containers[0]
		for _, e := range c.Env {
			if !slices.Contains(known, e.Name) {
				t.Errorf("flagcast does not read %s", e.Name)
			}
		}
		if !pod.SecurityContext.RunAsNonRoot || !c.SecurityContext.ReadOnlyRootFilesystem ||
			c.SecurityContext.AllowPrivilegeEscalation {
			t.Error("the container may do more than it must")
		}
		if objects["ServiceAccount/"+pod.ServiceAccountName] == nil {
			t.Errorf("no service account %q", pod.ServiceAccountName)
		}
	}
	// The publisher's file is a configuration.
	path := filepath.Join(t.TempDir(), "flagcast.yaml")
	data, _, _ := unstructured.NestedString(objects["ConfigMap/flags-flagcast-publisher"].Object, "data",
		"flagcast.yaml")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) {
		return map[string]string{"UNLEASH_TOKEN": "*:production.t"}[name], name == "UNLEASH_TOKEN"
	}
	o := config.Overrides{Lookup: lookup, SinkConfig: all.Settings, SinkTypes: all.Types()}
	cfg, err := config.Load(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Targets) != 1 {
		t.Errorf("the publisher has %d targets", len(cfg.Targets))
	}
}

func TestHelmRefuses(t *testing.T) {
	for values, want := range map[string]string{
		"publisher: { enabled: true }":          "publisher.config needs sinks and targets",
		`edge: { upstreamUrl: "unleash:4242" }`: "edge.upstreamUrl",
		"publisher: { enabledd: true }":         "enabledd",
		"replicaCount: two":                     "replicaCount",
	} {
		if _, _, err := helm(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one with %q", values, err, want)
		}
	}
}
