package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Schemathesis returns the path of the schemathesis command in a virtual environment
// of Python below test/. Where tests must not skip, it is installed there; where
// there is no Python that can, the test is skipped.
func Schemathesis(t testing.TB) string {
	t.Helper()
	skipShort(t, "schemathesis")
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH")
	}
	const usable = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))"
	if exec.CommandContext(t.Context(), python, "-c", usable).Run() != nil {
		t.Skip("python3 is older than 3.10, or has no venv")
	}
	dir := filepath.Join(Root(), "test", "schemathesis")
	command := filepath.Join(dir, "venv", "bin", "schemathesis")
	if _, err := os.Stat(command); err == nil {
		return command
	}
	if os.Getenv("FLAGCAST_NO_SKIP") != "1" {
		t.Skip("schemathesis is not installed: run the test with FLAGCAST_NO_SKIP=1")
	}
	for _, step := range [][]string{
		{python, "-m", "venv", filepath.Join(dir, "venv")},
		{
			filepath.Join(dir, "venv", "bin", "pip"), "install", "--quiet", "--disable-pip-version-check",
			"-r", filepath.Join(dir, "requirements.txt"),
		},
	} {
		if out, err := exec.CommandContext(t.Context(), step[0], step[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", filepath.Base(step[0]), err, out)
		}
	}
	return command
}
