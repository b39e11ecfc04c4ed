package upstream_test

import (
	"bytes"
	"context"
	"errors"
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
	feed := upstream.NewFile(path, "e", 1<<20, slog.New(slog.NewTextHandler(&log, nil)))
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

	// A broken edit: reported with its place, and nothing is delivered.
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

// Behind a link no event reports a change: the file is looked at every second,
// and as long as it is as it was that counts as hearing from upstream.
func TestFileBehindALink(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "there.json")
	path := filepath.Join(t.TempDir(), "flags.json")
	long := time.Now().Add(-time.Hour)
	write := func(path, name string, at time.Time) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(strings.Replace(oneFlag, `"x"`, `"`+name+`"`, 1)), 0o600),
			os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	write(there, "a", long)
	if err := os.Symlink(there, path); err != nil {
		t.Fatal(err)
	}
	feed := upstream.NewFile(path, "e", 1<<20, slog.New(slog.DiscardHandler))
	delivered := make(chan *edgecore.Definitions)
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running.Go(func() { _ = feed.Run(ctx, func(d *edgecore.Definitions) { delivered <- d }) })
	next := func(want string) {
		t.Helper()
		if d := <-delivered; d.Features[0].Name != want {
			t.Errorf("delivered %+v, want the flag %s", d, want)
		}
	}
	next("a")
	for range 2 { // still received, though nothing changes
		for heard := feed.Status().LastOK; !feed.Status().LastOK.After(heard); {
			time.Sleep(time.Millisecond) // polls a condition
		}
	}
	write(there, "b", long.Add(time.Minute)) // as large as before
	next("b")
	write(there+".new", "c", long.Add(time.Minute)) // as large and as old
	if err := os.Rename(there+".new", there); err != nil {
		t.Fatal(err)
	}
	next("c")
	write(there, "d", time.Now().Add(time.Hour)) // by a clock that is ahead
	next("d")
	write(there, "e", time.Now())
	next("e")
}

func TestFileMissingAtStart(t *testing.T) {
	feed := upstream.NewFile(filepath.Join(t.TempDir(), "none.json"), "e", 1<<20, slog.New(slog.DiscardHandler))
	err := feed.Run(t.Context(), func(*edgecore.Definitions) { t.Error("delivered") })
	if err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("%v", err)
	}
}
