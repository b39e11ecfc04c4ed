package e2e_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/test/need"
	"github.com/flagcast/flagcast/test/rig"
)

// servesSDKs: Unleash's own SDKs, pointed at the core, say what Unleash says.
func (w *world) servesSDKs(t *testing.T) {
	on := rig.Toggles(t, w.unleash.URL, w.unleash.Frontend, query(static))
	names := append(slices.Collect(maps.Keys(on)), "off", "nobody", "there-is-no-such-flag")
	arguments, err := json.Marshal(rig.Object{
		"modules": filepath.Dir(need.Module(t, "unleash-client")), "url": w.flagcast.URL, "context": static, "flags": names,
		"backend": w.unleash.Backend, "frontend": w.unleash.Frontend,
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), need.Node(t), filepath.Join("testdata", "sdks.mjs"), string(arguments)).CombinedOutput()
	if err != nil {
		t.Fatalf("the SDKs fail: %v\n%s", err, out)
	}
	type answer struct {
		Enabled bool
		Variant rig.Object
	}
	var answers map[string]map[string]answer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range names {
		want := answer{Variant: rig.Object{"name": "disabled", "enabled": false}}
		if toggle := on[name]; toggle != nil {
			want.Enabled, want.Variant = true, toggle["variant"].(rig.Object)
			delete(want.Variant, "feature_enabled")
			delete(want.Variant, "featureEnabled")
		}
		for sdk, got := range answers[name] {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: the %s SDK and Unleash differ (-Unleash +SDK):\n%s", name, sdk, diff)
			}
		}
		if len(answers[name]) != 2 {
			t.Errorf("%s: %d SDKs have answered", name, len(answers[name]))
		}
	}
}
