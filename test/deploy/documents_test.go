package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// TestOneLineChanges: the difference that docs/replacing-unleash-edge.md shows
// fits a manifest of Unleash Edge, is one line, and leaves a valid manifest
// whose probes the image answers.
func TestOneLineChanges(t *testing.T) {
	manifest := read(t, "test/deploy/testdata/unleash-edge.yaml")
	_, diff, found := strings.Cut(read(t, "docs/replacing-unleash-edge.md"), "\n```diff\n")
	diff, _, closed := strings.Cut(diff, "```\n")
	if !found || !closed {
		t.Fatal("the document shows no difference")
	}
	var old, changedTo strings.Builder // the hunk as it was, and as it is
	for line := range strings.Lines(diff) {
		switch text := line[1:]; {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "), strings.HasPrefix(line, "@@ "):
		case line[0] == '-':
			old.WriteString(text)
		case line[0] == '+':
			changedTo.WriteString(text)
		default:
			old.WriteString(text)
			changedTo.WriteString(text)
		}
	}
	if n := strings.Count(manifest, old.String()); n != 1 {
		t.Fatalf("the difference fits in %d places", n)
	}
	after := strings.Replace(manifest, old.String(), changedTo.String(), 1)
	before, now := strings.Split(manifest, "\n"), strings.Split(after, "\n")
	changed := 0
	for i := range before {
		if len(now) != len(before) || before[i] != now[i] {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d lines change", changed)
	}
	v := builtIn(t)
	validate(t, v, []byte(manifest))
	validate(t, v, []byte(after))
	for _, program := range regexp.MustCompile(`command: \["(\S+)"`).FindAllStringSubmatch(manifest, -1) {
		if !strings.Contains(read(t, "deploy/container/rootfs.sh"), `"$root`+program[1]+`"`) {
			t.Errorf("the image has no %s", program[1])
		}
	}
}

// parameters are those of Alibaba Cloud's APIs that our commands use, as their
// references have them (alibabacloud.com/help: sae/createapplication,
// eci/createcontainergroup, ens/runinstances, ens/createloadbalancerhttplistener).
var parameters = map[string][]string{
	"sae CreateApplication": {
		"AppName", "NamespaceId", "AutoConfig", "VpcId", "VSwitchId", "SecurityGroupId", "PackageType", "ImageUrl",
		"Cpu", "Memory", "Replicas", "Command", "CommandArgs",
		"Envs", "Liveness", "Readiness", "TerminationGracePeriodSeconds", "OidcRoleName", "Deploy",
		"ConfigMapMountDesc",
	},
	"eci CreateContainerGroup": {
		"RegionId", "ContainerGroupName", "VSwitchId", "SecurityGroupId", "Cpu", "Memory", "RestartPolicy",
		"RamRoleName",
		"Container.N.Name", "Container.N.Image", "Container.N.Arg.N", "Container.N.Port.N.Port",
		"Container.N.Port.N.Protocol",
		"Container.N.EnvironmentVar.N.Key", "Container.N.EnvironmentVar.N.Value",
		"Container.N.LivenessProbe.HttpGet.Path", "Container.N.LivenessProbe.HttpGet.Port",
		"Container.N.LivenessProbe.HttpGet.Scheme",
		"Container.N.ReadinessProbe.HttpGet.Path", "Container.N.ReadinessProbe.HttpGet.Port",
		"Container.N.ReadinessProbe.HttpGet.Scheme",
	},
	"ens RunInstances": {
		"EnsRegionId", "ImageId", "InstanceType", "InstanceChargeType", "SystemDisk", "Amount", "InternetChargeType",
		"ScheduleAreaLevel", "UserData",
	},
	"ens CreateLoadBalancerHTTPListener": {
		"LoadBalancerId", "ListenerPort", "HealthCheck", "HealthCheckURI", "HealthCheckHttpCode",
		"HealthCheckConnectPort",
	},
}

// blocks are the shell commands of docs/deploying.md below a heading.
func blocks(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, "docs/deploying.md"), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var all []string
	for i, block := range strings.Split(text, "```") {
		if code, ok := strings.CutPrefix(block, "sh\n"); ok && i%2 == 1 {
			all = append(all, code)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no commands", heading)
	}
	return strings.Join(all, "")
}

// TestAliyunCommands runs the commands of the document with a substitute for
// aliyun: their quoting holds, and each parameter is one of the API.
func TestAliyunCommands(t *testing.T) {
	userData := regexp.MustCompile(`(?s)` + "```yaml\n(#cloud-config.*?)```").FindStringSubmatch(
		read(t, "docs/deploying.md"))
	if userData == nil {
		t.Fatal("no user data for ENS")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "user-data.yaml"), []byte(userData[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := []string{
		"VPC=vpc-1", "VSWITCH=vsw-1", "SECURITY_GROUP=sg-1", "UNLEASH_TOKEN=*:production.secret", "ENS_IMAGE=m-1",
		"ENS_LOAD_BALANCER=lb-1",
	}
	for heading, calls := range map[string]int{"SAE": 1, "ECI": 1, "ENS": 2} {
		script := "cd " + need.Root() + "\n" + blocks(t, heading)
		script = strings.ReplaceAll(script, "user-data.yaml", filepath.Join(dir, "user-data.yaml"))
		out := run(t, "aliyun", script, variables...)
		if got := strings.Count(out, "\n"); got != calls {
			t.Errorf("%s: %d calls:\n%s", heading, got, out)
		}
		// With AutoConfig SAE ignores the network and the namespace (comments of
		// CreateApplicationRequest in the vendor's SDK).
		if heading == "SAE" {
			for _, want := range []string{
				"<--AutoConfig><false>", "<--VpcId><vpc-1>", "<--VSwitchId><vsw-1>", "<--SecurityGroupId><sg-1>",
				"<--NamespaceId><cn-hangzhou:prod>",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("SAE: the call has no %s:\n%s", want, out)
				}
			}
		}
		for line := range strings.Lines(out) {
			checkCall(t, strings.Split(strings.Trim(line, "<>\n"), "><"))
		}
	}
}

func checkCall(t *testing.T, arguments []string) {
	t.Helper()
	call := strings.Join(arguments[:2], " ")
	known, ok := parameters[call]
	if !ok {
		t.Errorf("%s is not known", call)
	}
	for i := 2; i < len(arguments); i++ {
		name, value, joined := strings.Cut(strings.TrimPrefix(arguments[i], "--"), "=")
		if !joined {
			i++
			value = arguments[i]
		}
		if !slices.Contains(known, regexp.MustCompile(`\.\d+`).ReplaceAllString(name, ".N")) {
			t.Errorf("%s has no parameter %q", call, name)
		}
		switch name {
		case "Liveness", "Readiness", "Envs", "CommandArgs", "SystemDisk":
			if !json.Valid([]byte(value)) {
				t.Errorf("%s: %s is not JSON: %s", call, name, value)
			}
		}
		if strings.HasSuffix(name, "Memory") && call == "sae CreateApplication" && value != "1024" {
			t.Errorf("%s: GOMEMLIMIT is for 1024 MB, not %s", call, value)
		}
	}
}

// TestAlertsAsARule: the line of the document makes a PrometheusRule with every
// alert of deploy/prometheus/alerts.yml.
func TestAlertsAsARule(t *testing.T) {
	for line := range strings.Lines(blocks(t, "ACK")) {
		if !strings.Contains(line, "PrometheusRule") {
			continue
		}
		out := run(t, "kubectl", line)
		call, rule, _ := strings.Cut(out, "\n")
		if call != "<apply><-f><->" {
			t.Errorf("kubectl is called as %s", call)
		}
		validate(t, nil, []byte(rule))
		if want := strings.Count(read(t, "deploy/prometheus/alerts.yml"), "- alert:"); want == 0 ||
			strings.Count(rule, "- alert:") != want {
			t.Errorf("not every alert is in\n%s", rule)
		}
		return
	}
	t.Error("the document has no such line")
}
