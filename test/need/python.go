package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Schemathesis returns the path of the schemathesis command.
func Schemathesis(t testing.TB) string {
	t.Helper()
	return filepath.Join(environment(t, "schemathesis"), "schemathesis")
}

// PythonSDK returns the path of a Python that has Unleash's SDK.
func PythonSDK(t testing.TB) string {
	t.Helper()
	return filepath.Join(environment(t, "pysdk"), "python3")
}

// environment returns the programs of a virtual environment of Python in a folder below
// test/, with what requirements.txt there says. Where tests must not skip, it is made;
// where there is no Python that can, the test is skipped.
func environment(t testing.TB, folder string) (bin string) {
	t.Helper()
	skipShort(t, folder)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH")
	}
	const usable = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))"
	if exec.CommandContext(t.Context(), python, "-c", usable).Run() != nil {
		t.Skip("python3 is older than 3.10, or has no venv")
	}
	dir := filepath.Join(Root(), "test", folder)
	bin = filepath.Join(dir, "venv", "bin")
	complete := filepath.Join(dir, "venv", "complete")
	if _, err := os.Stat(complete); err == nil {
		return bin
	}
	if os.Getenv("FLAGCAST_NO_SKIP") != "1" {
		t.Skipf("test/%s is not installed: run the test with FLAGCAST_NO_SKIP=1", folder)
	}
	for _, step := range [][]string{
		{python, "-m", "venv", filepath.Join(dir, "venv")},
		{
			filepath.Join(bin, "pip"), "install", "--quiet", "--disable-pip-version-check",
			"-r", filepath.Join(dir, "requirements.txt"),
		},
		{"touch", complete},
	} {
		if out, err := exec.CommandContext(t.Context(), step[0], step[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", filepath.Base(step[0]), err, out)
		}
	}
	return bin
}
