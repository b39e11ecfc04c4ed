package gosdk_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	unleash "github.com/Unleash/unleash-client-go/v4"
	"github.com/Unleash/unleash-client-go/v4/context"

	"github.com/flagcast/flagcast/test/rig"
)

// TestSeesAFlip: the SDK for Go, pointed at the core, sees what is flipped in
// the real Unleash server, and Unleash gets what the SDK counts.
func TestSeesAFlip(t *testing.T) {
	u := rig.StartUnleash(t)
	u.FlagWith(t, "flag", rig.Object{
		"name": "flexibleRollout", "parameters": rig.Object{
			"rollout": "100", "stickiness": "default", "groupId": "flag",
		},
		"constraints": []rig.Object{{"contextName": "userId", "operator": "IN", "values": []string{"ann"}}},
		"variants":    []rig.Object{{"name": "red", "weight": 1000, "weightType": "variable", "stickiness": "default"}},
	})
	config := filepath.Join(t.TempDir(), "flagcast.yaml")
	text := fmt.Sprintf("upstream: { url: %q, tokens: [%q], poll_interval: 1s, usage_interval: 1s }\napi: { listen: "+
		"\"127.0.0.1:0\" }\n", u.URL, u.Backend)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	core := rig.StartFlagcast(t, rig.Build(t), config, nil)

	sdk, err := unleash.NewClient(
		unleash.WithAppName("go-sdk"), unleash.WithUrl(core.URL+"/api"),
		unleash.WithCustomHeaders(http.Header{"Authorization": {u.Backend}}),
		unleash.WithRefreshInterval(50*time.Millisecond), unleash.WithMetricsInterval(100*time.Millisecond),
		unleash.WithBackupPath(t.TempDir()),
		unleash.WithListener(&unleash.NoopListener{}),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Close() })

	ann, bob := context.Context{UserId: "ann"}, context.Context{UserId: "bob"}
	for _, on := range []bool{true, false, true} {
		u.Switch(t, "flag", on)
		flipped := time.Now()
		core.Until(t, fmt.Sprintf("the SDK sees that the flag is %v", on), func() bool {
			return sdk.IsEnabled("flag", unleash.WithContext(ann)) == on
		})
		t.Logf("the SDK sees that the flag is %v after %d ms", on, time.Since(flipped).Milliseconds())
		if sdk.IsEnabled("flag", unleash.WithContext(bob)) {
			t.Error("the SDK has the flag on for somebody else")
		}
		if variant := sdk.GetVariant("flag",
			unleash.WithVariantContext(ann)); variant.Name != map[bool]string{true: "red", false: "disabled"}[on] {
			t.Errorf("the flag is %v and has the variant %q", on, variant.Name)
		}
	}
	core.Until(t, "Unleash has the metrics of the SDK", func() bool {
		var raw struct {
			Data []struct {
				AppName string
				Yes, No int
			}
		}
		if err := json.Unmarshal(u.Do(t, http.MethodGet, "/client-metrics/features/flag/raw", nil), &raw); err != nil {
			t.Fatal(err)
		}
		for _, row := range raw.Data {
			if row.AppName == "go-sdk" && row.Yes > 0 && row.No > 0 {
				return true
			}
		}
		return false
	})
}
