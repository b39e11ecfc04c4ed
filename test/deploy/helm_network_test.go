package deploy

import "testing"

const (
	publishing = "\npublisher: { enabled: true, config: { sinks: { a: {} }, targets: [{}] } }\n"
	// backstage is a publisher and a core with metrics at a port of their own.
	backstage = "\nconfig: { api: { backstage: { listen: ':3064' } } }\npublisher: { enabled: true, config: " +
		"{ api: { backstage: { listen: '[::]:3065' } }, sinks: { a: {} }, targets: [{}] } }\n"
)

func TestHelmNetworkPolicy(t *testing.T) {
	const core, publisher = "NetworkPolicy/flags-flagcast", "NetworkPolicy/flags-flagcast-publisher"
	const clients = "{ namespaceSelector: { matchLabels: { flagcast/client: 'true' } } }"
	const prometheus = "{ namespaceSelector: { matchLabels: { name: monitoring } } }"
	const peers = "clients: [" + clients + "], prometheus: [" + prometheus + "] }"
	rule := func(port, from string) string {
		if from != "" {
			from = ", from: [" + from + "]"
		}
		return "{ ports: [{ protocol: TCP, port: " + port + " }]" + from + " }"
	}
	runHelmTests(t, []helmTest{
		{"off", "networkPolicy: { " + peers + publishing, []field{{core, "", ""}, {publisher, "", ""}}},
		{"every client", "networkPolicy: { enabled: true }" + publishing, []field{
			{core, "spec policyTypes", "[Ingress]"},
			{core, "spec ingress", "[" + rule("http", "") + "]"},
			{publisher, "spec policyTypes", "[Ingress]"},
			{publisher, "spec ingress", ""},
		}},
		{"without a publisher", "networkPolicy: { enabled: true }", []field{{publisher, "", ""}}},
		{"Prometheus is let in beside clients", "networkPolicy: { enabled: true, " + peers + publishing, []field{
			{core, "spec ingress", "[" + rule("http", clients+", "+prometheus) + "]"},
			{publisher, "spec ingress", "[" + rule("http", prometheus) + "]"},
		}},
		{
			"every client, and Prometheus",
			"networkPolicy: { enabled: true, prometheus: [" + prometheus + "] }" + publishing,
			[]field{
				{core, "spec ingress", "[" + rule("http", "") + "]"},
				{publisher, "spec ingress", "[" + rule("http", prometheus) + "]"},
			},
		},
		{"backstage is for Prometheus alone", "networkPolicy: { enabled: true, " + peers + backstage, []field{
			{core, "spec ingress", "[" + rule("http", clients) + ", " + rule("backstage", prometheus) + "]"},
			{publisher, "spec ingress", "[" + rule("backstage", prometheus) + "]"},
		}},
		{"backstage without Prometheus is closed", "networkPolicy: { enabled: true }" + backstage, []field{
			{core, "spec ingress", "[" + rule("http", "") + "]"},
			{publisher, "spec ingress", ""},
		}},
	})
}

func TestHelmServiceMonitor(t *testing.T) {
	const core, publisher = "ServiceMonitor/flags-flagcast", "ServiceMonitor/flags-flagcast-publisher"
	const service = "Service/flags-flagcast"
	endpoint := func(port string) string { return "[{ port: " + port + ", path: /internal-backstage/prometheus }]" }
	selector := func(component string) string {
		return "{ app.kubernetes.io/name: flagcast, app.kubernetes.io/instance: flags, app.kubernetes.io/component: " +
			component + " }"
	}
	const on = "serviceMonitor: { enabled: true }"
	runHelmTests(t, []helmTest{
		{"off", publishing, []field{{core, "", ""}, {publisher, "", ""}}},
		{"on", on, []field{
			{core, "spec selector matchLabels", selector("core")},
			{core, "spec endpoints", endpoint("http")},
			{service, "spec ports 0 name", "http"},
			{publisher, "", ""},
		}},
		{"with a publisher", on + publishing, []field{
			{publisher, "spec selector matchLabels", selector("publisher")},
			{publisher, "spec endpoints", endpoint("http")},
			{"Service/flags-flagcast-publisher", "spec ports 0 name", "http"},
		}},
		{"backstage", on + backstage, []field{
			{core, "spec endpoints", endpoint("backstage")},
			{publisher, "spec endpoints", endpoint("backstage")},
			{coreObject, containerPath + "ports 1", "{ name: backstage, containerPort: 3064 }"},
			{publisherObject, containerPath + "ports 1", "{ name: backstage, containerPort: 3065 }"},
			{"Service/flags-flagcast-backstage", "spec ports", "[{ name: backstage, port: 3064, targetPort: backstage }]"},
			{"Service/flags-flagcast-publisher", "spec ports", "[{ name: backstage, port: 3065, targetPort: backstage }]"},
		}},
		{"backstage is not in a Service that is open to others", "service: { type: LoadBalancer }" + backstage, []field{
			{service, "spec ports", "[{ name: http, port: 3063, targetPort: http, protocol: TCP }]"},
			{"Service/flags-flagcast-backstage", "spec clusterIP", "None"},
		}},
		{
			"labels",
			"serviceMonitor: { enabled: true, extraLabels: { release: prometheus, app.kubernetes.io/name: a }, " +
				"extraSelectorLabels: { app.kubernetes.io/part-of: unleash } }",
			[]field{
				{core, "metadata labels release", "prometheus"},
				{core, "metadata labels app.kubernetes.io/name", "a"},
				{core, "spec selector matchLabels app.kubernetes.io/part-of", "unleash"},
				// The Service that is selected has the label.
				{service, "metadata labels app.kubernetes.io/part-of", "unleash"},
			},
		},
	})
}

func TestHelmService(t *testing.T) {
	const service = "Service/flags-flagcast"
	runHelmTests(t, []helmTest{
		{"default", "", []field{
			{service, "spec type", "ClusterIP"},
			{service, "spec ports", "[{ name: http, port: 3063, targetPort: http, protocol: TCP }]"},
		}},
		{"another port of the container", "edge: { port: 8080 }", []field{
			{service, "spec ports 0 port", "3063"},
			{coreObject, containerPath + "ports 0 containerPort", "8080"},
			{coreObject, containerPath + "env 0", "{ name: PORT, value: '8080' }"},
		}},
		{"NodePort", "service: { type: NodePort, port: 80, nodePort: 30063 }", []field{
			{service, "spec type", "NodePort"},
			{service, "spec ports", "[{ name: http, port: 80, targetPort: http, protocol: TCP, nodePort: 30063 }]"},
		}},
		{"a node port that does not apply", "service: { nodePort: 30063 }", []field{
			{service, "spec ports 0 nodePort", ""},
		}},
	})
}

func TestHelmRoutes(t *testing.T) {
	const ingress, route = "Ingress/flags-flagcast", "HTTPRoute/flags-flagcast"
	runHelmTests(t, []helmTest{
		{"off", "", []field{{ingress, "", ""}, {route, "", ""}}},
		{
			"ingress",
			"ingress: { enabled: true, className: nginx, hosts: [{ host: a.example, paths: [{ path: /a }] }] }",
			[]field{
				{ingress, "spec ingressClassName", "nginx"},
				{ingress, "spec rules", "[{ host: a.example, http: { paths: [{ path: /a, pathType: Prefix, " +
					"backend: { service: { name: flags-flagcast, port: { name: http } } } }] } }]"},
			},
		},
		{"route", "httproute: { enabled: true, parentRefs: [{ name: gateway }], hostnames: [a.example] }", []field{
			{route, "spec parentRefs", "[{ name: gateway }]"},
			{route, "spec hostnames", "[a.example]"},
			{route, "spec rules", "[{ backendRefs: [{ name: flags-flagcast, port: 3063 }] }]"},
		}},
	})
}
