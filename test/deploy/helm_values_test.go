package deploy

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	coreObject      = "Deployment/flags-flagcast"
	publisherObject = "StatefulSet/flags-flagcast-publisher"
	podPath         = "spec template spec "
	containerPath   = podPath + "containers 0 "
)

// field is what a member of a rendered object must be.
type field struct {
	object string
	path   string // names and indices, separated by spaces; "": the object itself
	want   string // YAML; "": the member is not there
}

// checkFields compares members of rendered objects.
func checkFields(t *testing.T, objects map[string]*unstructured.Unstructured, fields []field) {
	t.Helper()
	for _, f := range fields {
		var got any
		if o := objects[f.object]; o != nil {
			got = member(o.Object, strings.Fields(f.path))
		} else if f.path != "" {
			t.Errorf("no %s", f.object)
			continue
		}
		var want any
		if err := yaml.Unmarshal([]byte(f.want), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s is\n%v, want\n%v", f.object, f.path, got, want)
		}
	}
}

// member returns the value at a path, or nil.
func member(value any, path []string) any {
	for _, name := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// helmTest is one row of a table: values, and what they make.
type helmTest struct {
	name, values string
	fields       []field
}

func runHelmTests(t *testing.T, tests []helmTest) {
	t.Helper()
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			checkFields(t, release{}.objects(t, tc.values), tc.fields)
		})
	}
}

func TestHelmReplicas(t *testing.T) {
	const hpa = "HorizontalPodAutoscaler/flags-flagcast"
	cpu := "{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } } }"
	memory := "{ type: Resource, resource: { name: memory, target: { type: Utilization, averageUtilization: 80 } } }"
	runHelmTests(t, []helmTest{
		{"default", "", []field{{coreObject, "spec replicas", "2"}, {hpa, "", ""}}},
		{"a number", "replicaCount: 5", []field{{coreObject, "spec replicas", "5"}}},
		{"none", "replicaCount: 0", []field{{coreObject, "spec replicas", "0"}}},
		{"autoscaler", "{ replicaCount: 5, autoscaling: { enabled: true } }", []field{
			{coreObject, "spec replicas", ""},
			{hpa, "spec scaleTargetRef", "{ apiVersion: apps/v1, kind: Deployment, name: flags-flagcast }"},
			{hpa, "spec minReplicas", "2"},
			{hpa, "spec maxReplicas", "12"},
			{hpa, "spec metrics", "[" + cpu + "]"},
		}},
		{
			"autoscaler by CPU and memory",
			"autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 3, targetMemoryUtilizationPercentage: 80 }",
			[]field{
				{hpa, "spec minReplicas", "3"},
				{hpa, "spec maxReplicas", "3"},
				{hpa, "spec metrics", "[" + cpu + ", " + memory + "]"},
			},
		},
		{
			"autoscaler by memory",
			"autoscaling: { enabled: true, targetCPUUtilizationPercentage: , targetMemoryUtilizationPercentage: 80 }",
			[]field{{hpa, "spec metrics", "[" + memory + "]"}},
		},
	})
}

func TestHelmPodDisruptionBudget(t *testing.T) {
	const pdb = "PodDisruptionBudget/flags-flagcast"
	runHelmTests(t, []helmTest{
		{"default", "", []field{{pdb, "spec maxUnavailable", "1"}, {pdb, "spec minAvailable", ""}}},
		{"off", "podDisruptionBudget: { enabled: false }", []field{{pdb, "", ""}}},
		{"none may be away", "podDisruptionBudget: { maxUnavailable: 0 }", []field{{pdb, "spec maxUnavailable", "0"}}},
		{"a share", "podDisruptionBudget: { maxUnavailable: 25% }", []field{{pdb, "spec maxUnavailable", "25%"}}},
		{"minAvailable replaces maxUnavailable", "podDisruptionBudget: { minAvailable: 2, maxUnavailable: 1 }", []field{
			{pdb, "spec minAvailable", "2"}, {pdb, "spec maxUnavailable", ""},
		}},
		{"minAvailable 0", "podDisruptionBudget: { minAvailable: 0 }", []field{
			{pdb, "spec minAvailable", "0"}, {pdb, "spec maxUnavailable", ""},
		}},
	})
}

func TestHelmTopologySpread(t *testing.T) {
	const path = podPath + "topologySpreadConstraints"
	core := "{ matchLabels: { app.kubernetes.io/name: flagcast, app.kubernetes.io/instance: flags, " +
		"app.kubernetes.io/component: core } }"
	one := func(key, when, more string) string {
		return "{ topologyKey: " + key + ", maxSkew: 1, whenUnsatisfiable: " + when + ", labelSelector: " + core + more + " }"
	}
	const revision = ", matchLabelKeys: [pod-template-hash]"
	zone, node := "topology.kubernetes.io/zone", "kubernetes.io/hostname"
	runHelmTests(t, []helmTest{
		{"default", "", []field{
			{coreObject, path, "[" + one(zone, "ScheduleAnyway", revision) + ", " + one(node, "ScheduleAnyway", revision) + "]"},
		}},
		{"none", "topologySpreadConstraints: []", []field{{coreObject, path, ""}}},
		{"none, as in unleash-edge's chart", "topologySpreadConstraints: {}", []field{{coreObject, path, ""}}},
		{
			"given",
			"topologySpreadConstraints: [{ topologyKey: " + zone + ", maxSkew: 1, whenUnsatisfiable: DoNotSchedule }]",
			[]field{{coreObject, path, "[" + one(zone, "DoNotSchedule", revision) + "]"}},
		},
		{
			"with a selector",
			"topologySpreadConstraints: [{ topologyKey: a, maxSkew: 1, whenUnsatisfiable: DoNotSchedule, " +
				"labelSelector: { matchLabels: { team: flags } } }]",
			[]field{{coreObject, path, "[{ topologyKey: a, maxSkew: 1, whenUnsatisfiable: DoNotSchedule, " +
				"labelSelector: { matchLabels: { team: flags } } }]"}},
		},
	})
	t.Run("before Kubernetes 1.27", func(t *testing.T) {
		objects := release{kubernetes: "1.26"}.objects(t, "")
		checkFields(t, objects, []field{
			{coreObject, path, "[" + one(zone, "ScheduleAnyway", "") + ", " + one(node, "ScheduleAnyway", "") + "]"},
		})
	})
}

func TestHelmExistingSecrets(t *testing.T) {
	const envFrom, publishing = containerPath + "envFrom", `
publisher: { enabled: true, config: { sinks: { a: {} }, targets: [{}] }`
	runHelmTests(t, []helmTest{
		{"none", "", []field{{coreObject, envFrom, ""}}},
		{"a Secret", "existingSecrets: edge-tokens", []field{
			{coreObject, envFrom, "[{ secretRef: { name: edge-tokens } }]"},
		}},
		{"a ConfigMap", "existingConfigMap: settings", []field{
			{coreObject, envFrom, "[{ configMapRef: { name: settings } }]"},
		}},
		{"both", "{ existingSecrets: edge-tokens, existingConfigMap: settings }", []field{
			{coreObject, envFrom, "[{ configMapRef: { name: settings } }, { secretRef: { name: edge-tokens } }]"},
		}},
		{"the publisher has that of the core", "existingSecrets: edge-tokens" + publishing + " }", []field{
			{publisherObject, envFrom, "[{ secretRef: { name: edge-tokens } }]"},
		}},
		{"the publisher has its own", "existingSecrets: edge-tokens" + publishing + ", existingSecrets: cdn }", []field{
			{coreObject, envFrom, "[{ secretRef: { name: edge-tokens } }]"},
			{publisherObject, envFrom, "[{ secretRef: { name: cdn } }]"},
		}},
		{"the publisher has none", publishing + " }", []field{{publisherObject, envFrom, ""}}},
	})
}

func TestHelmExtraObjects(t *testing.T) {
	const a, b = "ConfigMap/flags-a", "ConfigMap/b"
	object := `{ apiVersion: v1, kind: ConfigMap, metadata: { name: "{{ .Release.Name }}-a" }, data: { a: "1" } }`
	text := "|\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: { name: b }\n" +
		"    data: { image: '{{ include \"flagcast.image\" . }}' }\n"
	runHelmTests(t, []helmTest{
		{"none", "", []field{{a, "", ""}, {b, "", ""}}},
		{"an object", "extraObjects: [" + object + "]", []field{{a, "data", `{ a: "1" }`}}},
		{"an object and a text", "extraObjects:\n  - " + object + "\n  - " + text, []field{
			{a, "data", `{ a: "1" }`}, {b, "data image", "flagcast/flagcast:v0.1.0"},
		}},
	})
}
