package deploy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestHelmRefuses: the error names the value, and says what is wrong with it.
func TestHelmRefuses(t *testing.T) {
	for values, want := range map[string][]string{
		// Of another type.
		"replicaCount: two":                              {"replicaCount: Invalid type. Expected: integer, given: string"},
		"replicaCount: -1":                               {"replicaCount: Must be greater than or equal to 0"},
		"autoscaling: { enabled: 'yes' }":                {"autoscaling.enabled: Invalid type. Expected: boolean"},
		"autoscaling: { maxReplicas: many }":             {"autoscaling.maxReplicas: Invalid type. Expected: integer"},
		"service: { port: 70000 }":                       {"service.port: Must be less than or equal to 65535"},
		"service: { type: ExternalName }":                {"service.type", `"ClusterIP", "NodePort", "LoadBalancer"`},
		"image: { pullPolicy: always }":                  {"image.pullPolicy", `"Always", "IfNotPresent", "Never"`},
		"edge: { upstreamUrl: 'unleash:4242' }":          {"edge.upstreamUrl: Does not match pattern '^https?://'"},
		"edge: { command: edge }":                        {"edge.command: Invalid type. Expected: array, given: string"},
		"env: { TOKENS: a }":                             {"env: Invalid type. Expected: array, given: object"},
		"env: [{ name: A, value: 1 }]":                   {"env.0.value: Invalid type. Expected: [string,null]"},
		"env: [{ value: a }]":                            {"env.0: name is required"},
		"existingSecrets: [{ name: TOKENS }]":            {"existingSecrets: Invalid type. Expected: [string,null]"},
		"existingSecrets: '- name: TOKENS'":              {"existingSecrets: Does not match pattern"},
		"podAnnotations: { a: 1 }":                       {"podAnnotations.a: Invalid type. Expected: string"},
		"podDisruptionBudget: { minAvailable: most }":    {"podDisruptionBudget.minAvailable: Does not match pattern"},
		"state: { sizeLimit: 1 GB }":                     {"state.sizeLimit: Does not match pattern"},
		"topologySpreadConstraints: { topologyKey: a }":  {"topologySpreadConstraints: Must have at most 0 properties"},
		"topologySpreadConstraints: [{ maxSkew: 1 }]":    {"topologySpreadConstraints.0: topologyKey is required"},
		"httproute: { enabled: true }":                   {"httproute.parentRefs: Array must have at least 1 items"},
		"extraObjects: [1]":                              {"extraObjects.0: Invalid type"},
		"networkPolicy: { clients: { a: b } }":           {"networkPolicy.clients: Invalid type. Expected: array"},
		"ingress: { enabled: true, hosts: [a.example] }": {"ingress.hosts.0: Invalid type. Expected: object"},

		// Of another name.
		"replicacount: 2": {"Additional property replicacount is not allowed"},
		"edge: { upstreamURL: 'https://a.example'}": {"edge: Additional property upstreamURL is not allowed"},
		"publisher: { enabledd: true }":             {"publisher: Additional property enabledd is not allowed"},
		"livenessProbe: { httpget: {} }":            {"livenessProbe: Additional property httpget is not allowed"},
		"serviceMonitor: { labels: {} }":            {"serviceMonitor: Additional property labels is not allowed"},
		"networkPolicy: { client: [] }":             {"networkPolicy: Additional property client is not allowed"},
		"podDisruptionBudget: { maxAvailable: 1 }":  {"podDisruptionBudget: Additional property maxAvailable"},

		// Of values that do not go together.
		"publisher: { enabled: true }": {"publisher.config needs sinks and targets"},
		"image: { repository: unleashorg/unleash-edge }": {
			"image.repository: unleashorg/unleash-edge is the image of Unleash Edge: want one of flagcast",
		},
		"image: { repository: registry.example/mirror/unleash-edge }": {"is the image of Unleash Edge"},
		"env: [{ name: PORT, value: '80' }]": {
			"env: PORT is 80 and the port of the container 3063: set edge.port in place of PORT",
		},
		"autoscaling: { enabled: true, minReplicas: 20 }": {"minReplicas is 20, want at most maxReplicas, 12"},
		"autoscaling: { enabled: true, targetCPUUtilizationPercentage: null }": {
			"autoscaling: want targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or both",
		},
	} {
		_, _, err := release{}.helm(t, values)
		if err == nil {
			t.Errorf("%s: no error, want one with %q", values, want)
			continue
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v\nwant an error with %q", values, err, text)
			}
		}
	}
}

// TestHelmSchemaIsComplete: the schema has each value of values.yaml and no
// other, and refuses others beside those of the chart.
func TestHelmSchemaIsComplete(t *testing.T) {
	type object struct {
		Properties           map[string]json.RawMessage
		AdditionalProperties any
	}
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/helm/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	compared := 0
	var compare func(path string, values map[string]any, schema json.RawMessage)
	compare = func(path string, values map[string]any, schema json.RawMessage) {
		var s object
		if err := json.Unmarshal(schema, &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Properties) == 0 {
			return // members are those of Kubernetes or of flagcast
		}
		compared++
		if s.AdditionalProperties != false {
			t.Errorf("%s: the schema takes values of any name", path)
		}
		for name, value := range values {
			if s.Properties[name] == nil {
				t.Errorf("the schema does not have %s%s", path, name)
			} else if members, ok := value.(map[string]any); ok {
				compare(path+name+".", members, s.Properties[name])
			}
		}
		// Objects of Kubernetes have members that values.yaml does not list.
		kubernetes := []string{"startupProbe.", "livenessProbe.", "readinessProbe.", "lifecycle.", "resources."}
		for name := range s.Properties {
			_, known := values[name]
			open := slices.ContainsFunc(kubernetes, func(k string) bool { return strings.HasSuffix(path, k) })
			if !known && !open && path+name != "global" {
				t.Errorf("values.yaml does not have %s%s", path, name)
			}
		}
	}
	compare("", values, json.RawMessage(read(t, "deploy/helm/values.schema.json")))
	if compared < 15 {
		t.Errorf("%d objects were compared", compared)
	}
}
