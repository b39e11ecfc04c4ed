// Package need finds the parts from outside Go that a test runs against, and
// decides what it means when one is missing: a skip that says why on a
// developer's machine, a failure where FLAGCAST_NO_SKIP=1 (make test, CI). With
// -short (make quick) every test that needs such a part is skipped.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Module returns the folder of an npm package installed for the tests.
func Module(t testing.TB, name string) string {
	t.Helper()
	skipShort(t, "npm package "+name)
	dir := filepath.Join(Root(), "test", "node_modules", filepath.FromSlash(name))
	if _, err := os.Stat(dir); err != nil {
		missing(t, "npm package "+name+" is not installed: run make deps")
	}
	return dir
}

// Node returns the path of the node command.
func Node(t testing.TB) string {
	t.Helper()
	skipShort(t, "node")
	path, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not on the PATH: install Node.js 20 or newer")
	}
	return path
}

// Root returns the folder of the module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// skipShort skips a test that needs another process.
func skipShort(t testing.TB, part string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs " + part + ": not with -short")
	}
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("FLAGCAST_NO_SKIP") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
