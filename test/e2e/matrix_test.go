package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/flagcast/flagcast/test/need"
	"github.com/flagcast/flagcast/test/rig"
)

// TestMatrix (make test-matrix): the newest server of each major version from
// 5 on, as test/matrix has them, and the core give the same answers; the core
// and the SDK behind it see a flip.
func TestMatrix(t *testing.T) {
	if os.Getenv("FLAGCAST_MATRIX") != "1" {
		t.Skip("old servers run in make test-matrix only")
	}
	binary := rig.Build(t)
	for _, name := range matrix(t) {
		t.Run(name, func(t *testing.T) {
			u := rig.StartUnleashIn(t, need.File(t, "test/matrix/node_modules/"+name))
			core := startBehind(t, binary, u)
			old := older(name)
			for _, why := range old.why {
				t.Log("left out: " + why)
			}
			parity(t, u, core, 100, 100, old)
			sdk := startWatch(t, core.URL, u.Backend, "last")
			for _, on := range []bool{true, false, true} {
				u.Switch(t, "last", on)
				core.Until(t, "the core shows the flip", func() bool {
					return isOn(rig.Toggles(t, core.URL, u.Frontend, query(static)), "last") == on
				})
				sdk.sees(t, on)
			}
		})
	}
}

// older says what an old server cannot do, or does otherwise than the newest.
func older(name string) (old exceptions) {
	if name < "unleash-server-8" {
		old.operators = []string{"SEMVER_GTE", "SEMVER_LTE"}
		old.why = append(old.why, "SEMVER_GTE and SEMVER_LTE are new in Unleash 8")
	}
	if name < "unleash-server-6" {
		old.context = true
		old.why = append(old.why,
			"empty values: for Unleash 5 they are missing",
			"versions with a build, as 1.2.3+4, or blanks around: for Unleash 5 they are none",
			"what is no IPv4 address: for Unleash 5 an IPv6 address is in 0.0.0.0/0, and 10.0.0.256 in 10.0.0.0/8")
	}
	return old
}

// matrix is the names of the servers in test/matrix/package.json.
func matrix(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(need.Root(), "test", "matrix", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(manifest.Dependencies))
}
