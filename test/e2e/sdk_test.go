package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
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
	said := askSDKs(t, w.unleash, w.flagcast.URL, names)
	answers := said.Answers
	for _, name := range names {
		want := sdkAnswer{Variant: rig.Object{"name": "disabled", "enabled": false}}
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
	said.arrives(t, w.unleash, w.flagcast)
}

// said is what the SDKs have answered, by flag and SDK, and which metrics they
// have sent, by application and flag.
type said struct {
	Answers map[string]map[string]sdkAnswer
	Sent    map[string]map[string]sdkCounts
}

type sdkAnswer struct {
	Enabled bool
	Variant rig.Object
}

type sdkCounts struct {
	Yes, No  int
	Variants map[string]int
}

func askSDKs(t *testing.T, u *rig.Unleash, address string, flags []string) said {
	t.Helper()
	arguments, err := json.Marshal(rig.Object{
		"modules": filepath.Dir(need.Module(t, "unleash-client")), "url": address, "context": static, "flags": flags,
		"backend": u.Backend, "frontend": u.Frontend,
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), need.Node(t), filepath.Join("testdata", "sdks.mjs"),
		string(arguments)).CombinedOutput()
	if err != nil {
		t.Fatalf("the SDKs fail: %v\n%s", err, out)
	}
	var s said
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(s.Sent) != 2 {
		t.Fatalf("%d SDKs have sent metrics", len(s.Sent))
	}
	return s
}

// arrives waits until Unleash has what the SDKs say that they have sent to f.
func (s said) arrives(t *testing.T, u *rig.Unleash, f *rig.Flagcast) {
	t.Helper()
	evaluations := 0
	for app, flags := range s.Sent {
		for flag, want := range flags {
			if flag == "there-is-no-such-flag" {
				continue
			}
			f.Until(t, app+"'s metrics of "+flag+" are in Unleash", func() bool {
				got := usageOf(t, u, app, flag)
				return got.Yes == want.Yes && got.No == want.No && maps.Equal(got.Variants, want.Variants)
			})
			evaluations += want.Yes + want.No
		}
	}
	t.Logf("Unleash has all %d evaluations that the SDKs have sent", evaluations)
}

// usageOf is what Unleash has for an application and a flag, of all hours.
func usageOf(t *testing.T, u *rig.Unleash, app, flag string) sdkCounts {
	t.Helper()
	var raw struct {
		Data []struct {
			AppName, Environment string
			sdkCounts
		}
	}
	if err := json.Unmarshal(u.Do(t, http.MethodGet, "/client-metrics/features/"+flag+"/raw", nil), &raw); err != nil {
		t.Fatal(err)
	}
	sum := sdkCounts{Variants: map[string]int{}}
	for _, row := range raw.Data {
		if row.AppName != app || row.Environment != "development" {
			continue
		}
		sum.Yes += row.Yes
		sum.No += row.No
		for name, n := range row.Variants {
			sum.Variants[name] += n
		}
	}
	return sum
}
