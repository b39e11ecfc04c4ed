// Package disk writes the files of the state folder: each is replaced whole, and
// what a process that was killed has left beside is removed by a later one.
package disk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// Replace writes a file that only its owner may read, and makes its folder
// where there is none. A crash, also of the machine, leaves the old content or
// the new one, and at most a file that Tidy knows in the same folder.
func Replace(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := renameio.WriteFile(path, content, 0o600, renameio.WithTempDir(dir)); err != nil {
		return err
	}
	return sync(dir)
}

// sync makes a rename durable.
func sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %q: %w", dir, err)
	}
	return nil
}

// abandoned is the age of a temporary file that no process writes any more.
const abandoned = time.Hour

// Tidy removes what calls of Replace that were killed have left in a folder:
// regular files named as Replace names its temporary ones, "." and the name of
// a file that ours accepts and digits, which are an hour old. It returns how
// many. One that cannot be removed stays, without an error.
func Tidy(dir string, ours func(name string) bool) (removed int) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		name := strings.TrimRight(e.Name(), "0123456789")
		if name == e.Name() || !strings.HasPrefix(name, ".") || !ours(name[1:]) || !old(e) {
			continue
		}
		if os.Remove(filepath.Join(dir, e.Name())) == nil {
			removed++
		}
	}
	return removed
}

func old(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned
}
