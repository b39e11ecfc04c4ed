package edgecore_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

const module = "github.com/flagcast/flagcast/"

// allowed names the packages of this module that a package may import: data
// flows one way, and so do the imports. What an allowed package may import is
// allowed, too. Only cmd imports everything. Packages in internal know nothing
// of flags: every package may import them, and they import each other alone.
var allowed = map[string][]string{
	"edgecore":               {},
	"sinks":                  {},
	"workers":                {},
	"edgecore/delta":         {"edgecore"},
	"edgecore/parse":         {"edgecore/delta"},
	"edgecore/eval":          {"edgecore"},
	"edgecore/eval/compile":  {"edgecore/eval"},
	"edgecore/eval/rules":    {"edgecore/eval"},
	"edgecore/eval/describe": {"edgecore/eval"},
	"edgecore/eval/cover":    {"edgecore/eval"},
	"edgecore/snapshot":      {"edgecore/eval/compile", "edgecore/eval/rules", "edgecore/parse"},
	"edgecore/flagdiff":      {"edgecore/snapshot", "edgecore/eval/describe"},
	"edgecore/state":         {"edgecore/eval/compile", "edgecore/parse"},
	"edgecore/upstream":      {"edgecore/parse"},
	"edgecore/access":        {"edgecore"},
	"edgecore/usage":         {"edgecore"},
	"edgecore/publish":       {"edgecore/state", "edgecore/flagdiff", "sinks"},
	"edgecore/notify":        {"edgecore/publish"},
	"edgecore/api": {
		"edgecore/state", "edgecore/eval/describe", "edgecore/access", "edgecore/usage",
		"edgecore/delta",
	},
	"bundles":                 {"bundles/measure", "edgecore/eval/cover", "edgecore/snapshot", "workers"},
	"bundles/measure":         {},
	"sinks/internal/alicloud": {"sinks"},
	"sinks/sinktest":          {"sinks"},
	"sinks/all":               {"sinks/file", "sinks/memory", "sinks/cloudflare", "sinks/edgekv", "sinks/oss"},
	"test/need":               {},
	"examples/quickstart":     {"edgecore"},
}

// aSink is what every package under sinks that is not named above may import.
var aSink = []string{"sinks", "sinks/internal/alicloud"}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = need.Root()
	list, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		seen[name] = true
		if strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "test/") {
			continue
		}
		for _, imported := range fields[1:] {
			if other, ours := strings.CutPrefix(imported, module); ours && !mayImport(name, other) {
				t.Errorf("%s imports %s: the import graph does not have that arrow", name, other)
			}
		}
	}
	for name := range allowed {
		if !seen[name] {
			t.Errorf("the import graph names %s, which does not exist", name)
		}
	}
}

func mayImport(name, other string) bool {
	if strings.HasPrefix(other, "internal/") {
		return true
	}
	direct, ok := allowed[name]
	if !ok {
		if !strings.HasPrefix(name, "sinks/") {
			return false
		}
		direct = aSink
	}
	return slices.ContainsFunc(direct, func(d string) bool { return d == other || mayImport(d, other) })
}
