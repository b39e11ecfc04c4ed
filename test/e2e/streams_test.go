package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/test/need"
	"github.com/flagcast/flagcast/test/rig"
)

// TestStreams: Unleash with its own delta engine, a core, a core behind it, and real SDKs
// in their modes. Both cores poll once a minute: flips come by the streams.
func TestStreams(t *testing.T) {
	python := need.PythonSDK(t)
	u := rig.StartUnleashStreams(t)
	u.FlagWith(t, "flipped", rollout("flipped", 100))
	u.FlagWith(t, "other", rollout("other", 100))
	binary := rig.Build(t)
	slow := []string{"FEATURES_REFRESH_INTERVAL_SECONDS=60", "STREAMING=true", "TOKENS=" + u.Backend}
	core := startEdge(t, binary, append(slow, "UPSTREAM_URL="+u.URL, "BACKUP_FOLDER="+t.TempDir())...)
	edge := startEdge(t, binary, append(slow, "UPSTREAM_URL="+core, "BACKUP_FOLDER="+t.TempDir())...)
	for _, server := range []string{core, edge} {
		rig.Eventually(t, "a core follows the stream of its upstream", func() bool {
			return strings.Contains(get(t, server+"/internal-backstage/prometheus"),
				`flagcast_upstream_streaming{environment="development"} 1`)
		})
	}
	streaming := rig.Object{"type": "streaming"}
	watches := []*streamWatch{
		newStreamWatch(t, "Node.js, streaming, from Unleash itself", u.URL, u.Backend, streaming),
		newStreamWatch(t, "Node.js, streaming, from the core", core, u.Backend, streaming),
		newStreamWatch(t, "Node.js, streaming, from the core behind it", edge, u.Backend, streaming),
		newStreamWatch(t, "Node.js, delta each 100 ms, from the core", core, u.Backend,
			rig.Object{"type": "polling", "format": "delta"}),
		{Process: rig.Start(t, exec.Command(python, filepath.Join("testdata", "stream.py"), core, u.Backend, "flipped",
			t.TempDir())), name: "Python, streaming, from the core"},
	}
	for _, w := range watches {
		w.sees(t, true, time.Time{})
	}
	for i := range 10 {
		on := i%2 == 1
		// Unleash ticks by the second: the flips are spread over it.
		rig.Eventually(t, "the next flip", func() bool { return time.Now().UnixMilli()%1000/100 == int64(i) })
		flipped := time.Now()
		u.Switch(t, "flipped", on)
		for _, w := range watches {
			w.sees(t, on, flipped)
		}
	}
	t.Logf("milliseconds from a flip in Unleash to an SDK, for each flip:")
	for _, w := range watches {
		t.Logf("%s: %v", w.name, w.took)
	}
	var after []int64
	for i, took := range watches[1].took {
		after = append(after, took-watches[0].took[i])
	}
	slices.Sort(after)
	t.Logf("the core's SDK has a flip %d ms (median) and %d ms (most) after the one of Unleash itself",
		after[len(after)/2], after[len(after)-1])
	if after[len(after)/2] > 5000 {
		t.Errorf("the SDK of the core is %d ms later: that is not the stream", after[len(after)/2])
	}

	segment := u.CreateSegment(t, "countries", rig.Object{
		"contextName": "country", "operator": "IN", "values": []string{"no"}, "inverted": false,
		"caseInsensitive": false,
	})
	u.CreateFlag(t, "segmented")
	strategy := rollout("segmented", 100)
	strategy["segments"] = []int{segment}
	u.AddStrategy(t, "segmented", strategy)
	u.Switch(t, "segmented", true)
	u.Do(t, http.MethodDelete, "/projects/default/features/other", nil)
	for _, server := range []string{core, edge} {
		rig.Eventually(t, "a core has the flags of Unleash", func() bool {
			return slices.Equal(flagsAt(t, server, u.Backend), flagsAt(t, u.URL, u.Backend))
		})
		if metrics := get(t, server+"/internal-backstage/prometheus"); !strings.Contains(metrics,
			`flagcast_upstream_stream_drift_total{environment="development"} 0`) ||
			!strings.Contains(metrics, `flagcast_upstream_streaming{environment="development"} 1`) {
			t.Errorf("the stream has lost something, or is not open:\n%s", metrics)
		}
	}
}

// flagsAt returns the flags and segments of a server in a form that does not depend on the
// order of members.
func flagsAt(t *testing.T, server, token string) (list []string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/api/client/features", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	request.Header.Set("Unleash-Client-Spec", "6.1.0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct{ Features, Segments []any }
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	for _, one := range slices.Concat(body.Features, body.Segments) {
		text, err := json.Marshal(one) // members by name
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(text))
	}
	slices.Sort(list)
	return list
}

// streamWatch is an SDK in one of its modes, which follows a flag.
type streamWatch struct {
	*rig.Process
	name string
	took []int64 // milliseconds from a flip, as the SDK has seen it
}

// newStreamWatch starts the SDK of Node.js.
func newStreamWatch(t *testing.T, name, url, token string, mode rig.Object) *streamWatch {
	t.Helper()
	arguments, err := json.Marshal(rig.Object{
		"modules": filepath.Dir(need.Module(t, "unleash-client")), "url": url, "token": token, "flag": "flipped",
		"mode": mode,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(need.Node(t), filepath.Join("testdata", "stream.mjs"), string(arguments))
	return &streamWatch{Process: rig.Start(t, cmd), name: name}
}

// sees waits until the SDK has what a flip has made, and notes how long that took.
func (w *streamWatch) sees(t *testing.T, on bool, flipped time.Time) {
	t.Helper()
	word, at := map[bool]string{true: "on", false: "off"}[on], int64(0)
	w.Until(t, w.name+" sees the flip", func() bool {
		lines := strings.Split(strings.TrimSpace(w.Output()), "\n")
		var said string
		n, _ := fmt.Sscanf(lines[len(lines)-1], "%s %d", &said, &at)
		return n == 2 && said == word
	})
	if !flipped.IsZero() {
		w.took = append(w.took, at-flipped.UnixMilli())
	}
}
