package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
	"github.com/flagcast/flagcast/test/rig"
)

// watch is the real unleash-client of Node, which follows one flag.
type watch struct{ *rig.Process }

func startWatch(t *testing.T, url, token, flag string) *watch {
	t.Helper()
	arguments, err := json.Marshal(rig.Object{
		"modules": filepath.Dir(need.Module(t, "unleash-client")), "url": url, "token": token, "flag": flag,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &watch{rig.Start(t, exec.Command(need.Node(t), filepath.Join("testdata", "watch.mjs"), string(arguments)))}
}

// on is what the SDK has said last.
func (w *watch) on() bool { return strings.HasSuffix(strings.TrimSpace(w.Output()), "on") }

// sees waits until the SDK says so.
func (w *watch) sees(t *testing.T, on bool) {
	t.Helper()
	w.Until(t, "the SDK sees the flip", func() bool { return w.Output() != "" && w.on() == on })
}
