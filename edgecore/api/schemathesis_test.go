package api_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/test/need"
)

// TestSchemathesis: requests that the document allows are answered as it says, and
// those that it does not allow are refused.
func TestSchemathesis(t *testing.T) {
	command := need.Schemathesis(t)
	f, _ := with(t, func(o *api.Options) {
		everything(o)
		o.Environments = []edgecore.Environment{"production"}
		collector, err := usage.New(usage.Options{
			URL: "https://unleash.example", Tokens: tokens(t, backend), Interval: time.Hour, Log: o.Log,
			Registry: o.Registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.Usage = collector
	})
	server := httptest.NewServer(f.handler)
	defer server.Close()
	dir := t.TempDir()
	settings := filepath.Join(dir, "schemathesis.toml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, `
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 413, 415]

[[operations]]
include-path-regex = "^/api/client/"
headers = { Authorization = %q }

[[operations]]
include-path-regex = "^/api/(frontend|proxy)"
headers = { Authorization = %q }
`, backend, frontend), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), command, "--config-file", settings, "run", server.URL+"/docs/openapi.json",
		"--url", server.URL,
		"--exclude-path", "/api/client/streaming", "--exclude-path", "/ofrep/v1/events", // their answers do not end
		"--phases", "examples,coverage,fuzzing", "--checks", "all", "--exclude-checks", "ignored_auth",
		"--max-examples", "60", "--seed", strconv.FormatUint(need.Seed(t), 10),
		"--continue-on-failure", "--warnings", "off", "--no-color")
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
