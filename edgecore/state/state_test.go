package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
)

func definitions(t testing.TB, env edgecore.Environment, revision int, on bool) *edgecore.Definitions {
	t.Helper()
	d, err := parse.Definitions(
		fmt.Appendf(nil,
			`{"features":[{"name":"x","enabled":%v,"strategies":[],"later":[1]}],"meta":{"revisionId":%d}}`, on,
			revision), env)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStoreSwapsWhole(t *testing.T) {
	s := state.New(state.Options{Log: slog.New(slog.DiscardHandler)})
	if _, err := s.Load("e"); !errors.Is(err, state.ErrNotReady) {
		t.Fatalf("%v, want ErrNotReady", err)
	}
	s.Put(definitions(t, "e", 1, true))
	first, err := s.Load("e")
	if err != nil || first.Version != 1 || !first.Program.Evaluate("x", &eval.Context{}).Enabled {
		t.Fatalf("%+v, %v", first, err)
	}
	s.Put(definitions(t, "e", 1, true))
	if again, _ := s.Load("e"); again != first {
		t.Error("the same definitions are a change")
	}
	s.Put(definitions(t, "e", 2, false))
	second, _ := s.Load("e")
	if second.Version != 2 || second.Program.Evaluate("x", &eval.Context{}).Enabled {
		t.Errorf("%+v", second)
	}
	if !first.Program.Evaluate("x", &eval.Context{}).Enabled {
		t.Error("a program that somebody holds has changed")
	}
}

func TestWaitSeesTheNewestOfItsEnvironment(t *testing.T) {
	s := state.New(state.Options{Log: slog.New(slog.DiscardHandler)})
	var waiting sync.WaitGroup
	for range 4 {
		waiting.Go(func() {
			var version uint64
			for version < 50 {
				st, err := s.Wait(t.Context(), "e", version)
				if err != nil || st.Version <= version {
					t.Errorf("after %d: %+v, %v", version, st, err)
					return
				}
				version = st.Version
			}
		})
	}
	for i := range 50 {
		s.Put(definitions(t, "e", i+1, i%2 == 0))
		s.Put(definitions(t, "other", i+1, true))
	}
	waiting.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Wait(ctx, "e", 50); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the end of the context", err)
	}
}

// run keeps definitions on disk and returns once they are written.
func run(t *testing.T, dir string, log *slog.Logger, put ...*edgecore.Definitions) {
	t.Helper()
	s := state.New(state.Options{Dir: dir, Log: log})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for _, d := range put {
		s.Put(d)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	run(t, dir, slog.New(slog.DiscardHandler), definitions(t, "a/../b", 1, true), definitions(t, "e", 1, true),
		definitions(t, "e", 2, false))
	if err := os.WriteFile(filepath.Join(dir, "broken.definitions.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := state.New(state.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.Restore(t.Context(), []edgecore.Environment{"a/../b", "e", "broken", "new"})
	if _, err := s.Load("a/../b"); err != nil {
		t.Errorf("a/../b: %v", err)
	}
	restored, err := s.Load("e")
	if err != nil || !restored.Restored || !restored.Definitions.Equal(definitions(t, "e", 2, false)) {
		t.Errorf("%+v, %v", restored, err)
	}
	for _, want := range []string{"restored the last good definitions", "broken.definitions.json"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
	s.Put(definitions(t, "e", 2, false))
	// Who waits for the confirmation is woken.
	heard, err := s.Wait(t.Context(), "e", restored.Version)
	if err != nil || heard.Restored || heard.Program != restored.Program || !heard.Since.Equal(restored.Since) {
		t.Errorf("confirmed by upstream: %+v, %v", heard, err)
	}
	info, err := os.Stat(filepath.Join(dir, "e.definitions.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestDiskThatCannotBeWrittenIsAWarning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	run(t, filepath.Join(file, "state"), slog.New(slog.NewTextHandler(&log, nil)), definitions(t, "e", 1, true),
		definitions(t, "e", 2, true))
	if strings.Count(log.String(), "level=WARN") == 0 || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log:\n%s", log.String())
	}
}

// TestDiskIsTriedAgain: a disk that fails for a while loses nothing.
func TestDiskIsTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := state.New(state.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		s.Put(definitions(t, "e", 1, true))
		synctest.Wait()
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // of the bubble's clock
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(dir, "e.definitions.json")); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestBackupOfUnleashEdge: the first start in its folder begins with what is
// there, and the backup stays as it is.
func TestBackupOfUnleashEdge(t *testing.T) {
	dir := t.TempDir()
	backup := filepath.Join(dir, "unleash_features.json")
	for content, ready := range map[string]bool{
		`[["a",{"version":2,"features":[]}],["e",{"version":2,"features":[{"name":"x","enabled":true,` +
			`"strategies":[]}]}]]`: true,
		`[["a",{"version":2,"features":[]}]]`: false,
		`{"e":{"features":[]}}`:               false,
		`[["e",{"version":2`:                  false,
		`[[],7,["e"]]`:                        false,
	} {
		if err := os.WriteFile(backup, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s := state.New(state.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		s.Restore(t.Context(), []edgecore.Environment{"e"})
		if st, err := s.Load("e"); (err == nil) != ready ||
			ready && (!st.Restored || !st.Program.Evaluate("x", &eval.Context{}).Enabled) {
			t.Errorf("%s: %v, want ready %v", content, err, ready)
		}
	}
	run(t, dir, slog.New(slog.DiscardHandler), definitions(t, "e", 2, false))
	s := state.New(state.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	s.Restore(t.Context(), []edgecore.Environment{"e"})
	if st, err := s.Load("e"); err != nil || st.Program.Evaluate("x", &eval.Context{}).Enabled {
		t.Errorf("the backup wins over what came later: %v", err)
	}
	if content, err := os.ReadFile(backup); err != nil || len(content) == 0 {
		t.Errorf("the backup is gone: %v", err)
	}
}

// TestRestoreTidies: temporary files of environments that are followed and of
// others are removed, once no process can be writing them any more.
func TestRestoreTidies(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		".e.definitions.json123": 2 * time.Hour, ".gone.definitions.json45": 2 * time.Hour,
		".e.definitions.json678": time.Minute, ".tokens.json9": 2 * time.Hour, "gone.definitions.json": 2 * time.Hour,
	} {
		path, then := filepath.Join(dir, name), time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("part"), 0o600), os.Chtimes(path, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	state.New(state.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}).Restore(t.Context(),
		[]edgecore.Environment{"e"})
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	want := ".e.definitions.json678 .tokens.json9 gone.definitions.json"
	if got := strings.Join(left, " "); got != want || !strings.Contains(log.String(), "files=2") {
		t.Errorf("%s are left, want %s; the log: %s", got, want, log.String())
	}
}
