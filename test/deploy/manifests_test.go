package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/sinks/all"
	"github.com/flagcast/flagcast/test/need"
)

// ack is what kubectl apply -k deploy/ack would send.
func ack(t *testing.T) (documents [][]byte, objects map[string]*unstructured.Unstructured) {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(),
		filepath.Join(need.Root(), "deploy", "ack"))
	if err != nil {
		t.Fatal(err)
	}
	objects = map[string]*unstructured.Unstructured{}
	for _, r := range built.Resources() {
		document, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
		object := map[string]any{}
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		objects[r.GetKind()+"/"+r.GetName()] = &unstructured.Unstructured{Object: object}
	}
	return documents, objects
}

func TestACKIsValid(t *testing.T) {
	v := builtIn(t)
	documents, objects := ack(t)
	for _, document := range documents {
		validate(t, v, document)
	}
	if len(objects) != 15 {
		t.Errorf("%d objects", len(objects))
	}
}

// workload is what the tests look at of a Deployment or a StatefulSet.
type workload struct {
	Spec struct {
		Replicas *int
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				ServiceAccountName        string
				TerminationGracePeriod    int `json:"terminationGracePeriodSeconds"`
				TopologySpreadConstraints []struct{ TopologyKey string }
				SecurityContext           struct {
					RunAsNonRoot bool
					RunAsUser    int
				}
				Containers []struct {
					Image string
					Args  []string
					Env   []struct {
						Name, Value string
						ValueFrom   map[string]any
					}
					Ports                                       []struct{ ContainerPort int }
					Resources                                   struct{ Limits, Requests map[string]string }
					LivenessProbe, ReadinessProbe, StartupProbe struct {
						HTTPGet struct{ Path, Port string }
					}
					SecurityContext struct{ ReadOnlyRootFilesystem, AllowPrivilegeEscalation bool }
					VolumeMounts    []struct{ Name, MountPath string }
				}
				Volumes []struct {
					Name      string
					ConfigMap struct{ Name string }
				}
			}
		}
	}
}

func decode(t *testing.T, o *unstructured.Unstructured, into any) {
	t.Helper()
	if o == nil {
		t.Fatal("the object is missing")
	}
	document, err := yaml.Marshal(o.Object)
	if err == nil {
		err = yaml.Unmarshal(document, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWorkloads: what both must be, and what only one of them may.
func TestWorkloads(t *testing.T) {
	_, objects := ack(t)
	for name, configuration := range map[string]string{
		"Deployment/flagcast-core": "core.yaml", "StatefulSet/flagcast-publisher": "publisher.yaml",
	} {
		t.Run(name, func(t *testing.T) {
			var w workload
			decode(t, objects[name], &w)
			pod := w.Spec.Template.Spec
			c := pod.Containers[0]
			if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.RunAsUser != 10001 ||
				!c.SecurityContext.ReadOnlyRootFilesystem || c.SecurityContext.AllowPrivilegeEscalation {
				t.Error("the container may do more than it has to")
			}
			if c.LivenessProbe.HTTPGet.Path != "/health" || c.ReadinessProbe.HTTPGet.Path != "/ready" ||
				c.StartupProbe.HTTPGet.Path != "/health" {
				t.Error("probes")
			}
			if objects["ServiceAccount/"+pod.ServiceAccountName] == nil {
				t.Errorf("no service account %q", pod.ServiceAccountName)
			}
			if pod.TerminationGracePeriod < 30 {
				t.Errorf("%d s to end in", pod.TerminationGracePeriod)
			}
			memory := map[string]string{}
			for _, e := range c.Env {
				memory[e.Name] = e.Value
				if e.Name != "GOMEMLIMIT" && e.ValueFrom == nil {
					t.Errorf("the value of %s is in the manifest", e.Name)
				}
			}
			limit, soft := bytesOf(t, c.Resources.Limits["memory"]),
				bytesOf(t, strings.TrimSuffix(memory["GOMEMLIMIT"], "B"))
			if soft*10 < limit*6 || soft*10 > limit*8 {
				t.Errorf("GOMEMLIMIT is %d of %d bytes", soft, limit)
			}
			if c.Image != "example.com/flagcast:v0.1.0" {
				t.Errorf("image %s", c.Image)
			}
			checkConfiguration(t, objects, &w, configuration)
		})
	}

	var core, publisher workload
	decode(t, objects["Deployment/flagcast-core"], &core)
	decode(t, objects["StatefulSet/flagcast-publisher"], &publisher)
	if core.Spec.Replicas != nil {
		t.Error("the core's replicas are set beside the autoscaler")
	}
	if !strings.Contains(strings.Join(core.Spec.Template.Spec.Containers[0].Args, " "), "--no-publish") {
		t.Error("every replica of the core publishes")
	}
	if s := core.Spec.Template.Spec.TopologySpreadConstraints; len(s) == 0 ||
		s[0].TopologyKey != "topology.kubernetes.io/zone" {
		t.Error("the core is not spread over zones")
	}
	if publisher.Spec.Replicas == nil || *publisher.Spec.Replicas != 1 {
		t.Error("there is not one publisher")
	}
	if strings.Contains(strings.Join(publisher.Spec.Template.Spec.Containers[0].Args, " "), "--no-publish") {
		t.Error("the publisher does not publish")
	}
	if a := objects["ServiceAccount/flagcast-core"].GetAnnotations(); len(a) > 0 {
		t.Errorf("the core has a role: %v", a)
	}
	a := objects["Service/flagcast-intranet"].GetAnnotations()
	if a["service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type"] != "intranet" {
		t.Errorf("the load balancer is not inside: %v", a)
	}
}

func bytesOf(t *testing.T, text string) int64 {
	t.Helper()
	q, err := resource.ParseQuantity(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return q.Value()
}

// checkConfiguration loads the configuration that a workload mounts, as
// flagcast does: with what the manifest sets, and below what it mounts.
func checkConfiguration(t *testing.T, objects map[string]*unstructured.Unstructured, w *workload, file string) {
	t.Helper()
	pod := w.Spec.Template.Spec
	for _, v := range pod.Volumes {
		if v.ConfigMap.Name != "" && objects["ConfigMap/"+v.ConfigMap.Name] == nil {
			t.Errorf("no ConfigMap %q", v.ConfigMap.Name)
		}
	}
	variables := map[string]string{}
	for _, e := range pod.Containers[0].Env {
		variables[e.Name] = e.Value
	}
	variables["UNLEASH_TOKEN"] = "*:production.secret"
	cfg, err := config.Load(filepath.Join(need.Root(), "deploy", "ack", "config", file), config.Overrides{
		Lookup: func(name string) (string, bool) {
			v, ok := variables[name]
			return v, ok
		}, SinkConfig: all.Settings, SinkTypes: all.Types(),
	})
	if err != nil {
		t.Fatal(err)
	}
	mounted := false
	for _, m := range pod.Containers[0].VolumeMounts {
		mounted = mounted || m.MountPath == cfg.State.Dir
	}
	if !mounted {
		t.Errorf("nothing is mounted at state.dir %s", cfg.State.Dir)
	}
	if port := strconv.Itoa(pod.Containers[0].Ports[0].ContainerPort); !strings.HasSuffix(cfg.API.Listen, ":"+port) {
		t.Errorf("it listens on %s, the container has port %s", cfg.API.Listen, port)
	}
	if backstage := cfg.API.Backstage.Listen; backstage != ":"+strconv.Itoa(pod.Containers[0].Ports[1].ContainerPort) {
		t.Errorf("the backstage is at %s", backstage)
	}
	if publishes := file == "publisher.yaml"; publishes != (len(cfg.Targets) > 0) || publishes != (len(cfg.Sinks) > 0) {
		t.Errorf("%d targets, %d sinks", len(cfg.Targets), len(cfg.Sinks))
	}
}

// TestSelectors: each label that something selects by is that of the pods it
// means.
func TestSelectors(t *testing.T) {
	_, objects := ack(t)
	pods := map[string]map[string]string{}
	for _, name := range []string{"Deployment/flagcast-core", "StatefulSet/flagcast-publisher"} {
		var w workload
		decode(t, objects[name], &w)
		pods[name] = w.Spec.Template.Metadata.Labels
	}
	found := 0
	for name, path := range map[string][]string{
		"Service/flagcast": {"spec", "selector"}, "Service/flagcast-intranet": {"spec", "selector"},
		"Service/flagcast-publisher":        {"spec", "selector"},
		"PodDisruptionBudget/flagcast-core": {"spec", "selector", "matchLabels"},
		"NetworkPolicy/flagcast-core":       {"spec", "podSelector", "matchLabels"},
		"NetworkPolicy/flagcast-publisher":  {"spec", "podSelector", "matchLabels"},
	} {
		want := "Deployment/flagcast-core"
		if strings.HasSuffix(name, "publisher") {
			want = "StatefulSet/flagcast-publisher"
		}
		selector, _, err := unstructured.NestedStringMap(objects[name].Object, path...)
		if err != nil || len(selector) == 0 {
			t.Errorf("%s selects nothing: %v", name, err)
		}
		for workload, labels := range pods {
			matches := true
			for key, value := range selector {
				matches = matches && labels[key] == value
			}
			if matches != (workload == want) {
				t.Errorf("%s, pods of %s: %v", name, workload, matches)
			}
		}
		found++
	}
	if found != 6 {
		t.Errorf("%d selectors", found)
	}
	// The monitor takes services with the label, of which one for each pod.
	for name, monitored := range map[string]bool{
		"Service/flagcast": true, "Service/flagcast-publisher": true, "Service/flagcast-intranet": false,
	} {
		if got := objects[name].GetLabels()["app.kubernetes.io/name"] == "flagcast"; got != monitored {
			t.Errorf("%s is monitored: %v", name, got)
		}
	}
}

// TestBackstageIsForPrometheus: one rule of each policy opens its port, for
// one namespace.
func TestBackstageIsForPrometheus(t *testing.T) {
	_, objects := ack(t)
	for _, name := range []string{"NetworkPolicy/flagcast-core", "NetworkPolicy/flagcast-publisher"} {
		var policy struct {
			Spec struct {
				Ingress []struct {
					Ports []struct{ Port string }
					From  []struct {
						NamespaceSelector struct{ MatchLabels map[string]string }
					}
				}
			}
		}
		decode(t, objects[name], &policy)
		open := 0
		for _, rule := range policy.Spec.Ingress {
			for _, p := range rule.Ports {
				if p.Port != "backstage" {
					continue
				}
				open++
				if len(rule.Ports) != 1 || len(rule.From) != 1 ||
					rule.From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != "arms-prom" {
					t.Errorf("%s: %+v", name, rule)
				}
			}
		}
		if open != 1 {
			t.Errorf("%s: %d rules for the backstage", name, open)
		}
	}
}

// run calls a shell with a command replaced by one that prints its arguments,
// each between brackets, and its standard input.
func run(t *testing.T, command, script string, env ...string) string {
	t.Helper()
	bin := t.TempDir()
	fake := "#!/bin/sh\nfor a; do printf '<%s>' \"$a\"; done\necho\nif [ \"${2:-}\" = -f ] && [ \"${3:-}\" = - ]; " +
		"then cat; fi\n"
	if err := os.WriteFile(filepath.Join(bin, command), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := shell(t, script)
	cmd.Env = append(os.Environ(), append(env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return string(out)
}
