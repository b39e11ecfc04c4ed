package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

// surfaceGolden lists what other programs depend on: commands, flags, exit
// codes, members of JSON reports and files, bytes of snapshots. Keys of the
// configuration, metrics and endpoints are compared with docs/ by other tests.
const surfaceGolden = "testdata/surface.golden"

// TestSurface: nothing that other programs depend on changes unnoticed. A change
// that is meant is written by go test -run TestSurface -update.
func TestSurface(t *testing.T) {
	var got strings.Builder
	writeCommands(&got)
	t.Run("reports", func(t *testing.T) { writeReports(t, &got) }) // it changes the folder while it runs
	if *update {
		if err := os.WriteFile(surfaceGolden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(surfaceGolden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-golden +code)\n%s", diff)
	}
}

func writeCommands(w *strings.Builder) {
	fmt.Fprintf(w, "exit codes %v\n", []int{
		exit.Done, exit.Failed, exit.Usage, exit.Some, exit.Budget, exit.Held, exit.Pending,
	})
	root := newRoot()
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		fmt.Fprintf(w, "flag --%s %s %q\n", f.Name, f.Value.Type(), f.DefValue)
	})
	for _, c := range root.Commands() {
		fmt.Fprintf(w, "\ncommand %s\n", c.Name())
		c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			fmt.Fprintf(w, "  --%s %s %s %q\n", f.Name, f.Shorthand, f.Value.Type(), f.DefValue)
		})
	}
}

const surfaceConfiguration = `
upstream: { file: flags.json, environment: development }
audit: { file: audit.jsonl }
sinks: { out: { type: file, dir: out } }
targets:
  - { name: rules, sink: out, environment: development, format: rules/1, key: rules, history: { sink: out, keep: 3 } }
  - { name: definitions, sink: out, environment: development, format: definitions/1, key: definitions }
  - { name: evaluated, sink: out, environment: development, format: evaluated/1, key: evaluated,
      context: { country: cn } }
`

// writeReports runs commands on one configuration, and writes the members of
// what they print and store.
func writeReports(t *testing.T, w *strings.Builder) {
	flags, err := os.ReadFile(filepath.FromSlash("../../examples/quickstart/flags.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"flags.json": string(flags), "flagcast.yaml": surfaceConfiguration} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"sync --dry-run --json --out plan.json", "sync --json", "pin --target rules --current", "status --json",
		"history --target rules --json", "check --json", "eval --json --environment development --context userId=7",
		"export --as json --environment development --format rules",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), &stdout, &stderr); code != exit.Done {
			t.Fatalf("%s exits with %d: %s", line, code, &stderr)
		}
		fmt.Fprintf(w, "\nflagcast %s\n", line)
		if strings.Contains(line, "json") {
			writeMembers(t, w, stdout.Bytes())
		}
	}
	for _, path := range []string{"plan.json", "audit.jsonl"} {
		body, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "\nfile %s\n", path)
		writeMembers(t, w, body)
	}
	for _, name := range []string{"rules", "definitions", "evaluated"} {
		body, err := os.ReadFile(filepath.Join("out", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		body = regexp.MustCompile(`"(seq|publishedAt|digest)":("[^"]*"|\d+)`).ReplaceAll(body, []byte(`"$1":0`))
		fmt.Fprintf(w, "\nsnapshot %s: %d bytes, %x\n", name, len(body), sha256.Sum256(body))
		writeMembers(t, w, body)
	}
}

// writeMembers writes the path and the type of every member of JSON values, once
// each. Members that are named by a flag or a context field are *.
func writeMembers(t *testing.T, w *strings.Builder, body []byte) {
	t.Helper()
	paths := map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(body)); d.More(); {
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		collectMembers(v, "", paths)
	}
	list := make([]string, 0, len(paths))
	for path := range paths {
		list = append(list, path)
	}
	slices.Sort(list)
	for _, path := range list {
		fmt.Fprintf(w, "  %s\n", path)
	}
}

func collectMembers(v any, path string, paths map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			collectMembers(member, path+"."+name, paths)
		}
	case []any:
		for _, element := range v {
			collectMembers(element, path+"[]", paths)
		}
	case nil:
		paths[path+" null"] = true
	default:
		paths[fmt.Sprintf("%s %T", path, v)] = true
	}
}
