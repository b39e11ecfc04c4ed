// Package atomicfile replaces files completely or not at all. Temporary files of killed
// processes are removed by a later one.
package atomicfile

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// WritePrivate writes a file that only its owner may read, and creates its folder if it
// is missing. A crash, also of the machine, leaves the old content or
// the new one, and at most a file that RemoveAbandoned removes in the same folder.
func WritePrivate(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return write(path, content, 0o600)
}

// Write replaces a file like WritePrivate, in a folder that exists. An existing file
// keeps its permissions; a new one gets perm, less the umask.
func Write(path string, content []byte, perm fs.FileMode) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		perm = info.Mode().Perm()
	}
	return write(path, content, perm)
}

func write(path string, content []byte, perm fs.FileMode) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	beside := filepath.Join(dir, "."+name+strconv.FormatUint(rand.Uint64(), 10))
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(beside)
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return err
	}
	return sync(dir)
}

// sync makes a rename durable. Windows has no way to do that for a folder.
func sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
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

// RemoveAbandoned removes temporary files of killed processes from a folder: regular
// files that are an hour old and whose name is ".", the name of a file that ours accepts,
// and digits. It returns their number. A file that cannot be removed stays, without an
// error.
func RemoveAbandoned(dir string, ours func(name string) bool) (removed int) {
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
