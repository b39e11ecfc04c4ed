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
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/test/need"
)

// The end of a context ends the work, and nothing has changed then.
func TestPutEndsWithItsContext(t *testing.T) {
	s := state.New(state.Options{Log: slog.New(slog.DiscardHandler)})
	s.Put(definitions(t, "e", 1, true))
	var flags strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&flags, `{"name":"f%d","enabled":true,"strategies":[]},`, i)
	}
	large, err := parse.Definitions([]byte(`{"features":[`+strings.TrimSuffix(flags.String(), ",")+`]}`), "e")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.PutContext(ctx, large); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if st, err := s.Load("e"); err != nil || st.Version != 1 || st.Definitions.Revision != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "e.definitions.json"), large.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s = state.New(state.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.Restore(ctx, []edgecore.Environment{"e"})
	if _, err := s.Load("e"); !errors.Is(err, state.ErrNotReady) || log.Len() > 0 {
		t.Errorf("%v, log:\n%s", err, &log)
	}
}

// A file that is larger than definitions may be is left alone, and said.
func TestRestoreRefusesALargeFile(t *testing.T) {
	for _, name := range []string{"e.definitions.json", "unleash_features.json"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)); err != nil {
			t.Skip("the file system has no sparse files of this size: " + err.Error())
		}
		var log bytes.Buffer
		s := state.New(state.Options{Dir: dir, MaxBytes: 1 << 20, Log: slog.New(slog.NewTextHandler(&log, nil))})
		used := need.Allocated(func() { s.Restore(t.Context(), []edgecore.Environment{"e"}) })
		if _, err := s.Load("e"); !errors.Is(err, state.ErrNotReady) || used > 1<<20 {
			t.Errorf("%s: %v, %d bytes allocated", name, err, used)
		}
		if !strings.Contains(log.String(), "the file has more than 1048576 bytes: set upstream.max_bytes to more") {
			t.Errorf("%s: the log does not say it:\n%s", name, &log)
		}
	}
}

// FuzzRestore: whatever lies in the folder, the start goes on, and takes no more
// memory than the file has bytes, times some.
func FuzzRestore(f *testing.F) {
	for _, seed := range []string{
		`[["a",{"version":2,"features":[]}],["e",{"version":2,"features":[{"name":"x","enabled":true,` +
			`"strategies":[]}]}]]`,
		`[["e",` + strings.Repeat("[", 1<<20), strings.Repeat("[", 1<<20),
		`{"e":{"features":[]}}`, `[["e"],["e",7],7,{"0":"e","1":{"features":[]}}]`,
		`[` + strings.Repeat("0,", 1<<17) + `["e",{"features":[]}]]`, `{"features":[` + strings.Repeat("{},", 1<<16) +
			`{}]}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, content []byte, edge bool) {
		dir, name := t.TempDir(), "e.definitions.json"
		if edge {
			name = "unleash_features.json"
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := state.New(state.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if used := need.Allocated(func() {
			s.Restore(t.Context(), []edgecore.Environment{"e"})
		}); used > 64*int64(len(content))+1<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(content))
		}
		if _, err := s.Load("e"); err == nil && !edge {
			if _, err := parse.Definitions(content, "e"); err != nil {
				t.Errorf("restored what cannot be read: %v", err)
			}
		}
	})
}
