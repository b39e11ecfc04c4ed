package atomicfile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/internal/atomicfile"
)

// dirVariable makes this test binary a process that writes until it is killed.
const dirVariable = "FLAGCAST_TEST_DISK"

func TestMain(m *testing.M) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	content := []byte(strings.Repeat("x", 4<<20))
	for n := 0; ; n++ {
		if err := atomicfile.WritePrivate(filepath.Join(dir, "a.json"), content); err != nil {
			panic(err)
		}
		if n == 0 {
			fmt.Println("writing")
		}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func age(t *testing.T, path string) {
	t.Helper()
	then := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func TestWritePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "a.json")
	for _, content := range []string{"one", "two, longer", ""} {
		if err := atomicfile.WritePrivate(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	if list := names(t, filepath.Dir(path)); !slices.Equal(list, []string{"a.json"}) {
		t.Errorf("the folder holds %q", list)
	}
}

// TestRemoveAbandonedAfterKills: what processes leave that are killed while they write is
// found by its name, and removed once it is old.
func TestRemoveAbandonedAfterKills(t *testing.T) {
	dir := t.TempDir()
	ours := func(name string) bool { return name == "a.json" }
	left := func() []string {
		return slices.DeleteFunc(names(t, dir), func(name string) bool { return name == "a.json" })
	}
	deadline := time.Now().Add(time.Minute)
	for len(left()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no kill has left a file")
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), dirVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, err = out.Read(make([]byte, 1))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := atomicfile.RemoveAbandoned(dir, ours); n != 0 || len(left()) == 0 {
		t.Errorf("%d files of this minute were removed", n)
	}
	for _, name := range left() {
		age(t, filepath.Join(dir, name))
	}
	want := len(left())
	if n := atomicfile.RemoveAbandoned(dir, ours); n != want || len(left()) != 0 {
		t.Errorf("%d were removed, %q are left", n, left())
	}
	if content, err := os.ReadFile(filepath.Join(dir, "a.json")); err != nil || len(content) != 4<<20 {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func TestRemoveAbandonedLeavesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	for name, stays := range map[string]bool{
		".a.json123456":       false,
		".a.json0":            false,
		"a.json":              true,
		"a.json123":           true, // not hidden
		".a.json":             true, // no digits
		".a.json12x":          true,
		".b.json123":          true,
		".a.json.123":         true,
		"..a.json1":           true,
		".123":                true,
		".a.json5.definition": true,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		age(t, path)
		atomicfile.RemoveAbandoned(dir, func(name string) bool { return name == "a.json" })
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s stays: %t, want %t", name, err == nil, stays)
		}
	}

	// Folders and links stay, whatever their names.
	other := t.TempDir()
	if err := os.Mkdir(filepath.Join(other, ".a.json1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "a.json"), filepath.Join(other, ".a.json2")); err != nil {
		t.Fatal(err)
	}
	age(t, filepath.Join(other, ".a.json1"))
	age(t, filepath.Join(dir, "a.json"))
	atomicfile.RemoveAbandoned(other, func(string) bool { return true })
	if diff := cmp.Diff([]string{".a.json1", ".a.json2"}, names(t, other)); diff != "" {
		t.Error(diff)
	}
	if n := atomicfile.RemoveAbandoned(filepath.Join(dir, "missing"), func(string) bool { return true }); n != 0 {
		t.Errorf("%d files of a folder that does not exist", n)
	}
}

// TestWrite: a file that is there keeps its permissions, a new one gets those
// asked for; a folder that is missing is an error and nothing is left.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.js")
	for i, perm := range []os.FileMode{0o640, 0o600} {
		if err := atomicfile.Write(path, []byte(fmt.Sprint(i)), perm); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != fmt.Sprint(i) || info.Mode().Perm() != 0o640 {
			t.Errorf("%q, %v, %v", got, err, info.Mode())
		}
	}
	if err := atomicfile.Write(filepath.Join(dir, "nosuch", "a.js"), nil, 0o600); err == nil {
		t.Error("no error for a folder that is missing")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "folder"), nil, 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if list := names(t, dir); !slices.Equal(list, []string{"a.js", "folder"}) {
		t.Errorf("the folder holds %q", list)
	}
}
