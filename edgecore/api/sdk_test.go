package api_test

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/test/need"
)

// TestChangesInTheNodeSDK: the SDK for Node follows flips, in each of its modes.
func TestChangesInTheNodeSDK(t *testing.T) {
	node := need.Node(t)
	sdk := need.Module(t, "unleash-client")
	for name, mode := range map[string]string{
		"delta": `{ type: 'polling', format: 'delta' }`, "streaming": `{ type: 'streaming' }`,
	} {
		t.Run(name, func(t *testing.T) {
			follows(t, func(url string) *exec.Cmd {
				return exec.CommandContext(t.Context(), node, "-e", fmt.Sprintf(`
const { Unleash } = require(%q)
const unleash = new Unleash({ url: %q, appName: 'test', disableMetrics: true, refreshInterval: 50,
  skipInstanceCountWarning: true, customHeaders: { Authorization: %q }, experimentalMode: %s })
unleash.on('warn', console.error)
unleash.on('error', console.error)
let was
setInterval(() => {
  if (!unleash.isSynchronized()) return
  const is = unleash.isEnabled('flag')
  if (is !== was) console.log(was = is)
}, 10)
`, sdk, url, backend, mode))
			})
		})
	}
}

// TestStreamOfThePythonSDK: the SDK for Python, which never polls in its streaming mode.
func TestStreamOfThePythonSDK(t *testing.T) {
	python := need.PythonSDK(t)
	cache := t.TempDir()
	follows(t, func(url string) *exec.Cmd {
		return exec.CommandContext(t.Context(), python, "-c", fmt.Sprintf(`
import time
from UnleashClient import UnleashClient
from UnleashClient.events import UnleashEventType
ready = []
def on(event):
    if event.event_type == UnleashEventType.READY: ready.append(event)
unleash = UnleashClient(url=%q, app_name="test", custom_headers={"Authorization": %q}, disable_metrics=True,
    cache_directory=%q, experimental_mode={"type": "streaming"}, event_callback=on)
unleash.initialize_client()
was = None
while True:
    time.sleep(0.01)
    now = bool(ready) and unleash.is_enabled("flag")
    if ready and now != was:
        was = now
        print(str(now).lower(), flush=True)
`, url, backend, cache))
	})
}

// follows lets a program with an SDK print what a flag is, and flips it.
func follows(t *testing.T, program func(url string) *exec.Cmd) {
	t.Helper()
	f, _ := with(t, func(*api.Options) {})
	server := httptest.NewServer(f.handler)
	defer server.Close()
	document := func(on bool) string {
		return fmt.Sprintf(`{"version":2,"features":[{"name":"flag","project":"a","enabled":%t,"strategies":[`+
			`{"name":"default","segments":[1]}]}],"segments":[{"id":1,"constraints":[]}]}`, on)
	}
	f.put(t, document(false))
	cmd := program(server.URL + "/api/")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() { // before the server, which waits for its clients
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		server.CloseClientConnections()
	})
	defer end()
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewReader(out)
	for _, on := range []bool{false, true, false, true} {
		f.put(t, document(on))
		line, err := lines.ReadString('\n')
		if got := strings.TrimSpace(line); err != nil || got != strconv.FormatBool(on) {
			end()
			t.Fatalf("the SDK has %q, want %t: %v %s", got, on, err, &errs)
		}
	}
	end()
	if errs.Len() > 0 {
		t.Errorf("the SDK warns: %s", &errs)
	}
}
