package docs_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// TestPackageMap: docs/architecture.md has one line for each package that is not
// below test, or a fake of a service.
func TestPackageMap(t *testing.T) {
	cmd := exec.Command("go", "list", "./...")
	cmd.Dir = need.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	documented := rows(section(t, read(t, "docs/architecture.md"), "## Packages"))
	var packages []string
	for path := range strings.Lines(string(out)) {
		name := strings.TrimPrefix(strings.TrimSpace(path), "github.com/flagcast/flagcast/")
		last := name[strings.LastIndex(name, "/")+1:]
		if strings.HasPrefix(name, "test/") || strings.HasSuffix(last, "test") && last != "sinktest" {
			continue
		}
		packages = append(packages, name)
		if _, ok := documented[name]; !ok {
			t.Errorf("%s has no line", name)
		}
	}
	for name := range documented {
		if name != "test/…" && !slices.Contains(packages, name) {
			t.Errorf("%s has a line and is not a package", name)
		}
	}
}
