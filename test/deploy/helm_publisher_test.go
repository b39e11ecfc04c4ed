package deploy

import (
	"strings"
	"testing"
)

func TestHelmPublisher(t *testing.T) {
	const account = "ServiceAccount/flags-flagcast-publisher"
	const sinks = "sinks: { a: {} }, targets: [{}] }"
	const variables = containerPath + "env"
	own := "{ name: PORT, value: '3063' }, { name: UPSTREAM_URL, value: 'http://unleash.unleash:4242' }, " +
		"{ name: BACKUP_FOLDER, value: /var/lib/flagcast }, { name: RUST_LOG, value: warn }, " +
		"{ name: LOG_FORMAT, value: json }, { name: FLAGCAST_CONFIG, value: /etc/flagcast/flagcast.yaml }"
	runHelmTests(t, []helmTest{
		{"off", "", []field{{publisherObject, "", ""}, {account, "", ""}}},
		{"on", publishing, []field{
			{publisherObject, "spec replicas", "1"},
			{publisherObject, containerPath + "args", "[serve]"},
			{publisherObject, variables, "[" + own + "]"},
			{publisherObject, podPath + "serviceAccountName", "flags-flagcast-publisher"},
			{publisherObject, podPath + "securityContext runAsNonRoot", "true"},
			{publisherObject, containerPath + "securityContext readOnlyRootFilesystem", "true"},
			{publisherObject, containerPath + "securityContext allowPrivilegeEscalation", "false"},
			{account, "automountServiceAccountToken", "false"},
			{account, "metadata annotations", ""},
			{coreObject, containerPath + "args", "[edge, --no-publish]"},
		}},
		{"many replicas of the core, one publisher", "replicaCount: 9" + publishing, []field{
			{coreObject, "spec replicas", "9"}, {publisherObject, "spec replicas", "1"},
		}},
		{"the core has no role", publishing[:len(publishing)-2] + ", serviceAccount: { annotations: { role: a } } }", []field{
			{account, "metadata annotations", "{ role: a }"},
			{"ServiceAccount/flags-flagcast", "metadata annotations", ""},
		}},
		{
			"what its file sets is not overridden",
			"publisher: { enabled: true, config: { upstream: { url: 'https://a.example' }, state: { dir: /data }, " +
				"log: { level: debug, format: text }, " + sinks + " }",
			[]field{{publisherObject, variables, "[{ name: PORT, value: '3063' }, " +
				"{ name: FLAGCAST_CONFIG, value: /etc/flagcast/flagcast.yaml }]"}},
		},
		{
			"variables, and files of secrets",
			"publisher: { enabled: true, env: [{ name: RUST_LOG, value: debug }, { name: A, value: b }], " +
				"volumes: [{ name: keys, secret: { secretName: cdn } }], " +
				"volumeMounts: [{ name: keys, mountPath: /keys }], config: { " + sinks + " }",
			[]field{
				{publisherObject, variables, "[" + strings.Replace(own, "{ name: RUST_LOG, value: warn }, ", "", 1) +
					", { name: RUST_LOG, value: debug }, { name: A, value: b }]"},
				{publisherObject, podPath + "volumes 2", "{ name: keys, secret: { secretName: cdn } }"},
				{publisherObject, containerPath + "volumeMounts 2", "{ name: keys, mountPath: /keys }"},
			},
		},
		{
			"placement is that of the core",
			"nodeSelector: { a: b }\ntolerations: [{ key: a }]\npriorityClassName: high\n" +
				"hostAliases: [{ ip: 10.0.0.7, hostnames: [a] }]\npodLabels: { team: flags }" + publishing,
			[]field{
				{publisherObject, podPath + "nodeSelector", "{ a: b }"},
				{publisherObject, podPath + "tolerations", "[{ key: a }]"},
				{publisherObject, podPath + "priorityClassName", "high"},
				{publisherObject, podPath + "hostAliases", "[{ ip: 10.0.0.7, hostnames: [a] }]"},
				{publisherObject, "spec template metadata labels team", "flags"},
			},
		},
	})
}

// TestHelmRollsOut: another configuration is another pod, and the same one is
// not.
func TestHelmRollsOut(t *testing.T) {
	const annotations = "spec template metadata annotations"
	checksums := map[string]bool{}
	for _, level := range []string{"info", "debug", "info"} {
		config := "{ log: { level: " + level + " } }"
		objects := release{}.objects(t, "config: "+config)
		sum, ok := member(objects[coreObject].Object, strings.Fields(annotations+" checksum/config")).(string)
		if !ok || sum == "" {
			t.Fatalf("no checksum with %s", config)
		}
		checksums[sum] = true
	}
	if len(checksums) != 2 {
		t.Errorf("two configurations have %d checksums", len(checksums))
	}
	checkFields(t, release{}.objects(t, ""), []field{{coreObject, annotations, ""}})
}

// TestHelmEdgeValues: values of unleash-edge's chart mean what they mean there.
func TestHelmEdgeValues(t *testing.T) {
	const probe = "initialDelaySeconds: 10, timeoutSeconds: 10, periodSeconds: 10, successThreshold: 1, "
	const health = "exec: { command: [/app/unleash-edge, health] }, "
	const edge = "Deployment/edge"
	for file, fields := range map[string][]field{
		"edge-defaults.yaml": {
			{coreObject, "spec replicas", "1"},
			{coreObject, containerPath + "livenessProbe", "{ " + health + probe + "failureThreshold: 5 }"},
			{coreObject, containerPath + "readinessProbe", "{ " + health + probe + "failureThreshold: 1 }"},
			{coreObject, podPath + "topologySpreadConstraints", ""},
			// An empty map of values adds nothing to the defaults of this chart.
			{coreObject, containerPath + "securityContext readOnlyRootFilesystem", "true"},
			{coreObject, podPath + "securityContext runAsUser", "10001"},
		},
		"edge-production.yaml": {
			{edge, "metadata annotations", "{ team: flags }"},
			{edge, "spec template metadata annotations", "{ linkerd.io/inject: enabled }"},
			{edge, "spec template metadata labels tier", `"2"`},
			{edge, podPath + "imagePullSecrets", "[{ name: registry }]"},
			{edge, podPath + "serviceAccountName", "shared"},
			{edge, podPath + "securityContext runAsUser", "1000"},
			{edge, podPath + "securityContext fsGroup", "2000"},
			{edge, podPath + "terminationGracePeriodSeconds", "60"},
			{edge, podPath + "priorityClassName", "high"},
			{edge, podPath + "nodeSelector", "{ kubernetes.io/arch: arm64 }"},
			{edge, podPath + "initContainers 0 name", "wait"},
			{edge, podPath + "hostAliases", "[{ ip: 10.0.0.7, hostnames: [unleash.internal] }]"},
			{edge, podPath + "tolerations 0 key", "dedicated"},
			{edge, containerPath + "image", "registry.example/flagcast:v0.1.0"},
			{edge, containerPath + "imagePullPolicy", "Always"},
			{edge, containerPath + "lifecycle", "{ preStop: { sleep: { seconds: 20 } } }"},
			{edge, containerPath + "resources limits", "{ cpu: 200m, memory: 128Mi }"},
			{edge, containerPath + "livenessProbe", "{ httpGet: { path: /internal-backstage/health, port: http }, " +
				"initialDelaySeconds: 30, timeoutSeconds: 10, periodSeconds: 10 }"},
			{edge, containerPath + "readinessProbe successThreshold", "5"},
			{edge, containerPath + "readinessProbe httpGet path", "/internal-backstage/health"},
			// BACKUP_FOLDER of env replaces that of this chart.
			{edge, containerPath + "env", "[{ name: PORT, value: '3063' }, " +
				"{ name: UPSTREAM_URL, value: 'https://unleash.internal:4242' }, { name: RUST_LOG, value: info }, " +
				"{ name: LOG_FORMAT, value: plain }, { name: BACKUP_FOLDER, value: /backup }, " +
				"{ name: CORS_ORIGIN, value: 'https://shop.example' }, " +
				"{ name: TOKENS, valueFrom: { secretKeyRef: { name: edge, key: tokens } } }]"},
			{"Service/edge", "spec ports", "[{ name: http, port: 80, targetPort: http, protocol: TCP, nodePort: 30063 }]"},
			{"PodDisruptionBudget/edge", "spec minAvailable", "2"},
			{"HorizontalPodAutoscaler/edge", "spec maxReplicas", "9"},
			{"HTTPRoute/edge", "spec rules 0 timeouts", "{ request: 10s }"},
			{"ServiceMonitor/edge", "metadata labels app.kubernetes.io/managed-by", "platform"},
		},
		"edge-offline.yaml": {
			{coreObject, containerPath + "args", "[offline]"},
			{"ConfigMap/edge-features", "metadata labels release", "flags"},
		},
	} {
		t.Run(file, func(t *testing.T) {
			checkFields(t, release{}.objects(t, valuesFile(t, file)), fields)
		})
	}
}

func TestHelmProbes(t *testing.T) {
	const startup, liveness = containerPath + "startupProbe", containerPath + "livenessProbe"
	runHelmTests(t, []helmTest{
		{"removed", "{ startupProbe: null, livenessProbe: { enabled: false } }", []field{
			{coreObject, startup, ""}, {coreObject, liveness, ""},
		}},
		{"a port", "livenessProbe: { tcpSocket: { port: http } }", []field{
			{coreObject, liveness, "{ tcpSocket: { port: http }, periodSeconds: 10 }"},
		}},
		{"another path", "livenessProbe: { httpGet: { path: /health } }", []field{
			{coreObject, liveness, "{ httpGet: { path: /health, port: http }, periodSeconds: 10 }"},
		}},
		{"enabled alone", "readinessProbe: { enabled: true }", []field{
			{coreObject, containerPath + "readinessProbe httpGet path", "/internal-backstage/ready"},
		}},
	})
}
