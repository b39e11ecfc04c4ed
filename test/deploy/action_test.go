package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/flagcast/flagcast/test/need"
)

// serveRelease serves a release whose program prints its version.
func serveRelease(t *testing.T) (url string, archive, checksums []byte) {
	t.Helper()
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	files := tar.NewWriter(packed)
	program := []byte("#!/bin/sh\necho flagcast v1.2.3 \"$@\"\n")
	header := &tar.Header{Name: "flagcast", Mode: 0o755, Size: int64(len(program))}
	if err := files.WriteHeader(header); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	archive = b.Bytes()
	name := "flagcast_1.2.3_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	checksums = fmt.Appendf(nil, "%s  %s\n", sum(archive), name)
	mux := http.NewServeMux()
	for path, body := range map[string][]byte{name: archive, "checksums.txt": checksums} {
		mux.HandleFunc("/v1.2.3/"+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
		mux.HandleFunc("/v1.2.4/"+strings.ReplaceAll(path, "1.2.3", "1.2.4"),
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, archive, checksums
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// TestActionInstalls: the program of a release with the right checksums is on the PATH,
// and no other.
func TestActionInstalls(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	url, archive, checksums := serveRelease(t)
	for name, tc := range map[string]struct {
		version, sha256, fault string
	}{
		"by the list":             {"v1.2.3", "", ""},
		"by a pin of the list":    {"v1.2.3", sum(checksums), ""},
		"by a pin of the archive": {"1.2.3", sum(archive), ""},
		"another pin":             {"v1.2.3", strings.Repeat("0", 64), "neither is sha256: 000"},
		"a list without it":       {"v1.2.4", "", "checksums.txt says nothing"},
		"no such version":         {"v9.9.9", "", "cannot download"},
		"not a version":           {"latest; id", "", "invalid version"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "path")
			cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(need.Root(), "deploy/action/install.sh"))
			cmd.Env = append(os.Environ(), "FLAGCAST_VERSION="+tc.version, "FLAGCAST_SHA256="+tc.sha256,
				"FLAGCAST_RELEASES="+url, "RUNNER_TEMP="+dir, "GITHUB_PATH="+path)
			out, err := cmd.CombinedOutput()
			added, _ := os.ReadFile(path)
			if tc.fault != "" {
				if err == nil || !strings.Contains(string(out), tc.fault) || len(added) > 0 {
					t.Errorf("%v, %s, PATH %s, want %q and nothing on the PATH", err, out, added, tc.fault)
				}
				return
			}
			if err != nil || !strings.Contains(string(out), "flagcast v1.2.3 version") {
				t.Fatalf("%v: %s", err, out)
			}
			if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(added)), "flagcast")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestActionRunsNoCode: inputs reach the shell as variables, never as text of a script.
func TestActionRunsNoCode(t *testing.T) {
	var action struct {
		Inputs map[string]any
		Runs   struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "action.yml")), &action); err != nil {
		t.Fatal(err)
	}
	if len(action.Runs.Steps) != 2 || len(action.Inputs) != 4 {
		t.Errorf("%d steps, %d inputs", len(action.Runs.Steps), len(action.Inputs))
	}
	for _, step := range action.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("a step has an expression in its script: %s", step.Run)
		}
	}
}
