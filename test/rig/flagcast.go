package rig

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// Build compiles the flagcast binary, with the race detector, and returns its
// path.
func Build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flagcast")
	cmd := exec.Command("go", "build", "-race", "-o", path, "./cmd/flagcast")
	cmd.Dir = need.Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// Flagcast is a running flagcast serve.
type Flagcast struct {
	*Process
	URL string // of its API
}

// StartFlagcast runs a binary that Build has made, with a configuration whose
// API listens on a port of its own (127.0.0.1:0).
func StartFlagcast(t testing.TB, binary, config string, variables map[string]string, flags ...string) *Flagcast {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve", "--config", config}, flags...)...)
	cmd.Env = environment(variables)
	f := &Flagcast{Process: Start(t, cmd)}
	address := regexp.MustCompile(`frontend API: (http://[^/\s]+)`)
	f.Until(t, "flagcast listens", func() bool {
		found := address.FindStringSubmatch(f.Output())
		if found != nil {
			f.URL = found[1]
		}
		return found != nil
	})
	return f
}
