package file_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/file"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

func open(t *testing.T, dir string) *file.Sink {
	t.Helper()
	s, err := file.New(file.Config{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	sinktest.Run(t, func(t *testing.T) sinks.Sink { return open(t, dir) }, sinktest.Options{})
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("left behind: %s", f.Name())
	}
}

// A process that was killed leaves the file that it was writing. A later one
// removes it, and nothing that may still be written, or that is not its
// own.
func TestLeftoversOfAKilledProcess(t *testing.T) {
	dir := t.TempDir()
	ago := time.Now().Add(-2 * time.Hour)
	for name, old := range map[string]bool{
		".flagcast-OLD.tmp": true, ".flagcast-NEW.tmp": false, ".other.tmp": true, "k.json": true,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if old {
			if err := os.Chtimes(path, ago, ago); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := open(t, dir).Put(t.Context(), sinks.Object{Key: "other", Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, f := range files {
		left = append(left, f.Name())
	}
	if got := strings.Join(left, " "); got != ".flagcast-NEW.tmp .other.tmp k.json other.json" {
		t.Errorf("left are %s", got)
	}
}

func TestKeyIsAJSONFileThatOthersMayRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Put(t.Context(), sinks.Object{Key: "unleash-flags", Body: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "unleash-flags.json")
	if got := s.Locate("unleash-flags"); got != path {
		t.Errorf("Locate gives %q, want %q", got, path)
	}
	body, err := os.ReadFile(path)
	if err != nil || string(body) != `{"a":1}` {
		t.Errorf("the file holds %q, %v", body, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o400 == 0 || info.Mode().Perm()&0o111 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestPutDoesNotTouchTheOldFile: a reader that has the old file open goes on
// reading the old object.
func TestPutDoesNotTouchTheOldFile(t *testing.T) {
	s := open(t, t.TempDir())
	put := func(body string) {
		t.Helper()
		if err := s.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	put("old object")
	reader, err := os.Open(s.Locate("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	put("new")
	got := make([]byte, 100)
	n, _ := reader.Read(got)
	if string(got[:n]) != "old object" {
		t.Errorf("the open file now holds %q", got[:n])
	}
}

func TestCancelledPutLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t, dir).Put(ctx, sinks.Object{Key: "k", Body: []byte("x")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestErrorsSayWhereAndWhatToDo uses states of a folder that fail for every
// user, root included.
func TestErrorsSayWhereAndWhatToDo(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "k.json", "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := sinks.Object{Key: "k", Body: []byte("x")}
	_, getErr := open(t, folder).Get(t.Context(), "k")
	_, getBlocked := open(t, blocked).Get(t.Context(), "k")
	tests := []struct {
		name      string
		err       error
		permanent bool
		text      string
	}{
		{
			"put into a file", open(t, blocked).Put(t.Context(), o), true,
			`^file: put "k" at ".*out/k.json": not a directory; a file is where the folder should be`,
		},
		{"get from a file", getBlocked, true, `^file: get "k" at ".*out/k.json": not a directory; a file is where`},
		{
			"put onto a folder", open(t, folder).Put(t.Context(), o), true,
			`^file: put "k" at ".*/k.json": file exists; a folder is where the file should be`,
		},
		{
			"get of a folder", getErr, true,
			`^file: get "k" at ".*/k.json": is a directory; a folder is where the file should be`,
		},
		{
			"delete of a folder", open(t, folder).Delete(t.Context(), "k"), true,
			`^file: delete "k" at ".*/k.json": directory not empty`,
		},
	}
	for _, tt := range tests {
		if tt.err == nil || !regexp.MustCompile(tt.text).MatchString(tt.err.Error()) {
			t.Errorf("%s: got %v, want %s", tt.name, tt.err, tt.text)
		}
		if errors.Is(tt.err, sinks.ErrNotFound) || tt.permanent != errors.Is(tt.err, sinks.ErrPermanent) {
			t.Errorf("%s: permanent should be %v: %v", tt.name, tt.permanent, tt.err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".flagcast-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRefusingFileSystem puts into a file system that takes no files.
func TestRefusingFileSystem(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("there is no /proc on this system")
	}
	err := open(t, "/proc/self/flagcast").Put(t.Context(), sinks.Object{Key: "k", Body: []byte("x")})
	if err == nil || !strings.HasPrefix(err.Error(), `file: put "k" at "/proc/self/flagcast/k.json": `) {
		t.Errorf("got %v", err)
	}
}

func TestConfig(t *testing.T) {
	c := file.DefaultConfig()
	var missing *sinks.ConfigError
	if errs := c.Check(); len(errs) != 1 || !errors.As(errs[0], &missing) || missing.Key != "dir" {
		t.Errorf("an empty configuration gives %v", errs)
	}
	if _, err := file.New(c, nil); err == nil {
		t.Error("a sink without a folder is made")
	}
}

// TestSystemErrors covers the errors that a test cannot bring about without
// the rights to mount a file system.
func TestSystemErrors(t *testing.T) {
	s := open(t, "/out")
	for errno, want := range map[syscall.Errno]struct {
		permanent bool
		hint      string
	}{
		syscall.EROFS:  {true, "mount the file system writable"},
		syscall.EACCES: {true, "let the user of this process read and write the folder"},
		syscall.EPERM:  {true, "let the user of this process read and write the folder"},
		syscall.ENOSPC: {false, "free space on the disk"},
		syscall.EIO:    {false, "input/output error"},
	} {
		err := file.Explain(s, "put", "k", &os.PathError{Op: "open", Path: "/out/.flagcast-x.tmp", Err: errno})
		text := err.Error()
		if !strings.HasPrefix(text, `file: put "k" at "/out/k.json": `+errno.Error()) ||
			!strings.Contains(text, want.hint) || strings.Contains(text, ".tmp") {
			t.Errorf("%v reads %q", errno, text)
		}
		if hint := sinks.Hint(err); errno != syscall.EIO && !strings.HasPrefix(hint, want.hint) {
			t.Errorf("%v: the hint is %q", errno, hint)
		}
		if !errors.Is(err, errno) || want.permanent != errors.Is(err, sinks.ErrPermanent) {
			t.Errorf("%v: permanent should be %v: %v", errno, want.permanent, err)
		}
	}
}
