package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

const completedConfig = `
upstream: { url: "https://unleash.example", tokens: ["${SECRET_THAT_IS_NOT_SET}"] }
sinks: { cn: { type: edgekv, credentials: { access_key_secret: "${ANOTHER}" } }, "a b": { type: file },
    back: { type: file } }
targets:
  - { name: web-cn, sink: cn }
  - { name: "$(reboot)", sink: cn }
  - { name: web-eu, sink: back }
  - { sink: back }
`

// completions asks as the scripts of flagcast completion do. The last argument
// is the word that is being written.
func completions(t *testing.T, args ...string) ([]string, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{cobra.ShellCompNoDescRequestCmd}, args...), &stdout,
		&stderr); code != exit.Done {
		t.Fatalf("%q ends with %d: %s", args, code, &stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	return lines[:len(lines)-1], lines[len(lines)-1]
}

// TestCompletion: values are completed from what this machine has, with secrets
// missing and upstream away; names that a shell would run are left out.
func TestCompletion(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "flagcast.yaml", completedConfig)
	writeFile(t, "local.yaml", "upstream: { file: flags.json, environment: development }\n")
	writeFile(t, "broken.yaml", "targets: [ { name: web")
	writeFile(t, "flags.json", `{"version":2,"features":[{"name":"search","enabled":true,"strategies":[]},
		{"name":"new-checkout","enabled":true,"strategies":[]},{"name":"x$(id)","enabled":true,"strategies":[]},
		{"name":"--explain","enabled":true,"strategies":[]},{"name":"a\u001b[2J","enabled":true,"strategies":[]}]}`)
	writeFile(t, "rules.json", exported(t, "rules"))
	flags := []string{"search", "new-checkout"}
	const none, files, dirs, space = ":4", ":0", ":16", ":6"
	for _, test := range []struct {
		args []string
		want []string
		rule string
	}{
		{[]string{"sync", "--target", ""}, []string{"web-cn", "web-eu"}, none},
		{[]string{"status", "--target", "web-cn,"}, []string{"web-cn,web-cn", "web-cn,web-eu"}, none},
		{[]string{"history", "--target="}, []string{"web-cn", "web-eu"}, none},
		{[]string{"pin", "--target", ""}, []string{"web-cn", "web-eu"}, none},
		{[]string{"unpin", "--target", ""}, []string{"web-cn", "web-eu"}, none},
		{[]string{"sync", "--config", "missing.yaml", "--target", ""}, nil, none},
		{[]string{"sync", "--config", "broken.yaml", "--target", ""}, nil, none},
		{[]string{"permissions", "--sink", ""}, []string{"cn", "back"}, none},
		{[]string{"pin", "--from", "sink:"}, []string{"sink:cn/", "sink:back/"}, space},
		{[]string{"pin", "--from", "f"}, nil, files},
		{[]string{"export", "--platform", ""}, []string{"edgeroutine", "esa", "cloudflare"}, none},
		{[]string{"export", "--format", ""}, []string{"evaluated", "rules", "definitions"}, none},
		{[]string{"export", "--as", ""}, []string{"json", "esm", "ts", "script", "runtime"}, none},
		{[]string{"export", "--undecided", ""}, []string{"off", "omit", "evaluate"}, none},
		{[]string{"export", "--output", ""}, nil, files},
		{[]string{"edge", "--log-format", ""}, []string{"plain", "pretty", "json"}, none},
		{[]string{"edge", "--tls-server-cert", ""}, nil, files},
		{[]string{"edge", "--backup-folder", ""}, nil, dirs},
		{[]string{"status", "--timeout", ""}, nil, none},
		{[]string{"serve", ""}, nil, none},
		{[]string{"eval", ""}, nil, none}, // upstream is an address
		{[]string{"eval", "--from", "flags.json", ""}, flags, none},
		{[]string{"eval", "--from", "flags.json", "search", ""}, []string{"new-checkout"}, none},
		{[]string{"eval", "--from", "rules.json", ""}, []string{"new-checkout", "search"}, none},
		{[]string{"eval", "--config", "local.yaml", ""}, flags, none},
		{[]string{"types", "--from", "flags.json", "--flag", ""}, flags, none},
		{[]string{
			"export", "--config", "local.yaml", "--flag", "search,",
		}, []string{"search,search", "search,new-checkout"}, none},
	} {
		got, rule := completions(t, test.args...)
		if diff := cmp.Diff(append([]string{}, test.want...), append([]string{}, got...)); diff != "" ||
			rule != test.rule {
			t.Errorf("%q: %s, want %s (-want +got):\n%s", test.args, rule, test.rule, diff)
		}
	}
}

// exported is the snapshot of flags.json in a format.
func exported(t *testing.T, format string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"export", "--from", "flags.json", "--format", format}, &stdout,
		&stderr); code != exit.Done {
		t.Fatal(stderr.String())
	}
	return stdout.String()
}
