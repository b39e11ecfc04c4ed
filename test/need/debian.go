package need

import (
	"os"
	"os/exec"
	"testing"
)

// Debian returns the path of a program of a package of Debian. Where tests must not skip, it
// is installed, as root, by apt-get; elsewhere the test is skipped.
func Debian(t testing.TB, program, name string) string {
	t.Helper()
	skipShort(t, program)
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Getuid() != 0 {
		t.Skipf("%s is not installed, and apt-get cannot install it", program)
	}
	if os.Getenv("FLAGCAST_NO_SKIP") != "1" {
		t.Skipf("%s is not installed: run the test with FLAGCAST_NO_SKIP=1", program)
	}
	install := func() ([]byte, error) {
		return exec.CommandContext(t.Context(), apt, "install", "-y", "--no-install-recommends", name).CombinedOutput()
	}
	out, err := install()
	if err != nil { // the lists of packages may be old, or absent
		if out, err := exec.CommandContext(t.Context(), apt, "update").CombinedOutput(); err != nil {
			t.Fatalf("apt-get update: %v\n%s", err, out)
		}
		out, err = install()
	}
	if err != nil {
		t.Fatalf("apt-get install %s: %v\n%s", name, err, out)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
