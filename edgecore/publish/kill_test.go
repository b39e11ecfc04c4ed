package publish_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/file"
)

// TestKilled kills a publishing process with SIGKILL at every step of a
// publish, in the order of steps, each time in the same folders: what is stored
// is whole, the next process brings it up to date, and nothing piles up.
func TestKilled(t *testing.T) {
	if os.Getenv("FLAGCAST_TEST_DIR") != "" {
		publishOnce(t)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	child(t, dir, "old", -1)
	var steps []string
	for n, old := 0, "old"; ; n++ {
		name := fmt.Sprint("new", n)
		step := child(t, dir, name, n)
		if step == "" {
			break // it got to the end
		}
		steps = append(steps, step)
		body := whole(t, dir)
		if got := strings.Join(names(body), " "); got != "base "+old && got != "base "+name {
			t.Errorf("killed at %q: stored is %q, want base and %q or %q", step, got, old, name)
		}
		ago := time.Now().Add(-2 * time.Hour)
		for _, left := range glob(t, dir, "*", ".flagcast-*.tmp") {
			if err := os.Chtimes(left, ago, ago); err != nil {
				t.Error(err)
			}
		}
		child(t, dir, name, -1)
		if got := strings.Join(names(whole(t, dir)), " "); got != "base "+name {
			t.Errorf("after a kill at %q: stored is %q, want base and %q", step, got, name)
		}
		old = name
		tidy(t, dir, step)
	}
	for _, step := range []string{
		"before get of store", "after get of store", "before the file beside in store", "before the rename in store",
		"after put of store",
		"before audit", "after audit", "before get of history", "after get of history", "before delete of history",
		"after delete of history",
		"before the file beside in history", "before the rename in history", "after put of history",
	} {
		if !slices.Contains(steps, step) {
			t.Errorf("nothing was killed at %q", step)
		}
	}
	child(t, dir, "last", -1)
	if left := glob(t, dir, "*", ".*"); len(left) > 0 {
		t.Errorf("left is %q", left)
	}
	if kept := glob(t, dir, "history", "k*"); len(kept) != 3 {
		t.Errorf("the history is %q, want the list and two snapshots", kept)
	}
	t.Logf("killed at %d steps", len(steps))
}

// child runs a process that publishes a flag of a name, and kills it at a step,
// whose name it returns; "" if it got to the end.
func child(t *testing.T, dir, flag string, step int) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "FLAGCAST_TEST_DIR="+dir, "FLAGCAST_TEST_FLAG="+flag,
		"FLAGCAST_TEST_STEP="+strconv.Itoa(step),
		"GORACE=atexit_sleep_ms=0")
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if at, ok := strings.CutPrefix(lines.Text(), "at step "); ok {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			return at
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s%s", err, &said, &errors)
	}
	return ""
}

// whole returns what is stored, and fails unless it is a whole snapshot.
func whole(t *testing.T, dir string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, "store", "k.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Open(body); err != nil {
		t.Errorf("stored is %q: %v", body, err)
	}
	return body
}

func glob(t *testing.T, elements ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// tidy checks that the folders hold what they should, and nothing else but for
// the one file that the next put removes.
func tidy(t *testing.T, dir, step string) {
	t.Helper()
	if left := glob(t, dir, "*", ".*"); len(left) > 1 {
		t.Errorf("after a kill at %q: left is %q", step, left)
	}
	if n := len(glob(t, dir, "store", "k*")); n != 1 {
		t.Errorf("after a kill at %q: %d files are stored", step, n)
	}
	if kept := glob(t, dir, "history", "k*"); len(kept) > 3 { // the list, and two snapshots
		t.Errorf("after a kill at %q: the history is %q", step, kept)
	}
	audit, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(audit)) {
		if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
			t.Errorf("after a kill at %q: the audit has the line %q", step, line)
		}
	}
}

// publishOnce is the process: one pass of a target with a history and an
// audit. It says at which step it is, and waits there to be killed.
func publishOnce(t *testing.T) {
	dir := os.Getenv("FLAGCAST_TEST_DIR")
	last, err := strconv.Atoi(os.Getenv("FLAGCAST_TEST_STEP"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	step := func(name string) {
		if n == last {
			fmt.Println("at step " + name)
			select {}
		}
		n++
	}
	w := newWorld(t)
	w.target.MinInterval = 0
	w.target.Sink = &stepped{folder(t, filepath.Join(dir, "store")), "store", step}
	w.target.History = &publish.History{
		Sink: &stepped{folder(t, filepath.Join(dir, "history")), "history", step}, SinkName: "history", Keep: 2,
	}
	w.flags(t, "base", os.Getenv("FLAGCAST_TEST_FLAG")) // all flags at once would be held
	audit := notify.OpenAudit(filepath.Join(dir, "audit.jsonl"), "sync", quiet())
	p := publish.NewSession(w.target, w.store, publish.Options{
		Log: quiet(), Metrics: publish.NewMetrics(prometheus.NewRegistry()), Listener: audited{audit, step},
	})
	if _, err := p.Once(t.Context(), true); err != nil {
		t.Error(err)
	}
	p.Verify(t.Context())
}

func folder(t *testing.T, dir string) sinks.Sink {
	s, err := file.New(file.Config{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type audited struct {
	publish.Listener
	step func(string)
}

func (a audited) Event(e publish.Event) {
	a.step("before audit")
	a.Listener.Event(e)
	a.step("after audit")
}

// stepped is a sink that reports its steps.
type stepped struct {
	sinks.Sink
	name string
	step func(string)
}

func (s *stepped) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	s.step("before get of " + s.name)
	defer s.step("after get of " + s.name)
	return s.Sink.Get(ctx, key)
}

// Put notices what goes on inside by the questions whether its context has
// ended: before the file beside is made, and before it is renamed.
func (s *stepped) Put(ctx context.Context, o sinks.Object) error {
	moments := []string{"before the file beside", "before the rename"}
	err := s.Sink.Put(asked{ctx, func() {
		if len(moments) > 0 {
			s.step(moments[0] + " in " + s.name)
			moments = moments[1:]
		}
	}}, o)
	s.step("after put of " + s.name)
	return err
}

func (s *stepped) Delete(ctx context.Context, key sinks.Key) error {
	s.step("before delete of " + s.name)
	defer s.step("after delete of " + s.name)
	return s.Sink.Delete(ctx, key)
}

type asked struct {
	context.Context
	how func()
}

func (a asked) Err() error {
	a.how()
	return a.Context.Err()
}
