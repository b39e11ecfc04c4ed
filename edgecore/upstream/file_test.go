package upstream_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
)

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const oneFlag = `{"features":[{"name":"x","enabled":true,"strategies":[]}]}`

func TestFileFollowsEdits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(oneFlag)
	var log lockedBuffer
	feed := upstream.NewFile(path, "e", slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	delivered := make(chan *edgecore.Definitions)
	done := make(chan error)
	go func() { done <- feed.Run(ctx, func(d *edgecore.Definitions) { delivered <- d }) }()
	next := func(want string) {
		t.Helper()
		if d := <-delivered; d.Features[0].Name != want || d.Environment != "e" {
			t.Errorf("delivered %+v, want the flag %s", d, want)
		}
	}
	next("x")
	write(strings.Replace(oneFlag, `"x"`, `"y"`, 1))
	next("y")

	// An editor that writes beside the file and renames.
	beside := path + ".tmp"
	if err := os.WriteFile(beside, []byte(strings.Replace(oneFlag, `"x"`, `"z"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(beside, path); err != nil {
		t.Fatal(err)
	}
	next("z")

	// A broken edit: told with its place, and nothing is delivered.
	write("{\"features\":[\n  {\"name\":\"x\" \"enabled\":true}\n]}")
	for feed.Status().Err == nil {
		time.Sleep(time.Millisecond) // polls a condition
	}
	for !strings.Contains(log.String(), "the last good flags stay") {
		time.Sleep(time.Millisecond)
	}
	if !strings.Contains(log.String(), path+":2:15: not JSON: invalid character") {
		t.Errorf("the log does not tell the place:\n%s", log.String())
	}
	write(oneFlag)
	next("x")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFileMissingAtStart(t *testing.T) {
	feed := upstream.NewFile(filepath.Join(t.TempDir(), "none.json"), "e", slog.New(slog.DiscardHandler))
	err := feed.Run(t.Context(), func(*edgecore.Definitions) { t.Error("delivered") })
	if err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("%v", err)
	}
}
