package main

import (
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts start the program: the test binary under the name
// flagcast runs it in its own process, with signals and all. The image has it
// under the name unleash-edge, too.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flagcast": recorded, "unleash-edge": recorded})
}

// recordVariable names the file that every flagcast of a script copies what it
// prints to. Scripts watch it while a process runs, and every test ends with a
// look for secrets in it.
const recordVariable = "FLAGCAST_TEST_RECORD"

// recorded is main with a copy of its output.
func recorded() {
	record, err := os.OpenFile(os.Getenv(recordVariable), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	os.Exit(process(os.Args[1:], io.MultiWriter(os.Stdout, record), io.MultiWriter(os.Stderr, record)))
}

// TestScripts runs testdata/script: what a user types, sees and finds. The
// commands beside those of testscript are in commands_test.go, the upstreams
// in upstream_test.go.
func TestScripts(t *testing.T) {
	upstream := newUpstream(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Cmds:                commands(),
		Setup: func(e *testscript.Env) error {
			for _, fault := range upstreamFaults() {
				e.Setenv("UPSTREAM_"+strings.ToUpper(fault.name), upstream+"/"+fault.name)
			}
			e.Setenv("UPSTREAM_ROTATED", upstream+"/rotated")
			e.Setenv("UPSTREAM_DOWN", "http://127.0.0.1:1")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector waits a second at each exit
			e.Setenv("TAKEN", taken.Addr().String())
			e.Setenv("BACKEND_TOKEN", backendToken)
			e.Setenv("FRONTEND_TOKEN", "*:development."+secretMark+"-frontend")
			e.Setenv("HOOK_SECRET", secretMark+"-hook")
			e.Setenv("CLOUDFLARE_TOKEN", secretMark+"-cloudflare")
			tb := e.T().(testing.TB)
			r := &record{path: filepath.Join(tb.TempDir(), "record")}
			e.Setenv(recordVariable, r.path)
			e.Values[recordKey{}], e.Values[testKey{}] = r, tb
			tb.Cleanup(func() { keepsSecrets(tb, r.path) })
			return nil
		},
	})
}

// update writes the expected outputs of the scripts again: go test -update.
var update = flag.Bool("update", false, "write the expected outputs of the scripts anew")

// secretMark is in every secret of the tests, and in nothing else.
const secretMark = "s3cr3t"

// keepsSecrets fails a test one of whose programs has printed a secret.
func keepsSecrets(t testing.TB, record string) {
	t.Helper()
	output, err := os.ReadFile(record)
	if err != nil && !t.Skipped() {
		t.Errorf("the script has run no program: %v", err)
	}
	for line := range strings.Lines(string(output)) {
		if strings.Contains(line, secretMark) {
			t.Errorf("a secret was printed: %s", line)
		}
	}
}
