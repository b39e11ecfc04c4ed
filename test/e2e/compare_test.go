package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/flagcast/flagcast/test/rig"
)

// TestCompareWithUnleash: flagcast compare finds that the core answers like the
// real Unleash server, and finds the one flag that the core does not have
// yet.
func TestCompareWithUnleash(t *testing.T) {
	unleash := rig.StartUnleash(t)
	populate(t, unleash)
	rig.Eventually(t, "Unleash shows its flags", func() bool {
		toggles, err := rig.AskToggles(unleash.URL, unleash.Frontend, query(static))
		return err == nil && toggles["child-of-variant"] != nil
	})
	binary := rig.Build(t)
	config := filepath.Join(t.TempDir(), "flagcast.yaml")
	text := fmt.Sprintf(`
upstream: { url: %q, tokens: [%q], poll_interval: 1h }
api: { listen: "127.0.0.1:0" }
`, unleash.URL, unleash.Backend)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	core := rig.StartFlagcast(t, binary, config, nil)
	core.Until(t, "the core is ready", func() bool { return rig.Answers(core.URL + "/ready") })

	compare := func() (report string, code int) {
		cmd := exec.CommandContext(t.Context(), binary, "compare", unleash.URL, core.URL, "--samples", "100")
		cmd.Env = append(os.Environ(), "TOKEN="+unleash.Backend+","+unleash.Frontend)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	report, code := compare()
	if code != 0 || !regexp.MustCompile(`(?m)^answers: 100 contexts of /api/frontend, .*: equal$`).MatchString(report) {
		t.Errorf("the core and Unleash differ (code %d):\n%s", code, report)
	}
	t.Logf("the core and Unleash:\n%s", report)

	unleash.Switch(t, "new-feature", false)
	rig.Eventually(t, "Unleash shows the flip", func() bool {
		toggles, err := rig.AskToggles(unleash.URL, unleash.Frontend, query(static))
		return err == nil && toggles["new-feature"] == nil
	})
	report, code = compare()
	for _, line := range []string{
		`  new-feature +enabled +false +true`, `  new-feature +any +not listed +on`, `different`,
	} {
		if code != 1 || !regexp.MustCompile(`(?m)^`+line+`$`).MatchString(report) {
			t.Errorf("code %d, want 1 and %q in\n%s", code, line, report)
		}
	}
}
