package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

// prefix and suffix of the names of temporary files.
const prefix, suffix = ".flagcast-", ".tmp"

// abandoned is the age of a temporary file that no process writes any more.
const abandoned = time.Hour

// removeAbandoned removes temporary files of killed processes from a folder. Errors are
// ignored: the object has been stored.
func removeAbandoned(dir string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), prefix) || !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}

// writeAtomic writes a temporary file in the folder of path, syncs it and renames it to
// path. The temporary file has a short name, so that the longest key is possible, and
// one that is not a key, so that it is never read as an object.
func writeAtomic(ctx context.Context, path string, body []byte) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	beside := filepath.Join(dir, prefix+rand.Text()+suffix)
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && !errors.Is(err, sinks.ErrAmbiguous) {
			_ = os.Remove(beside)
		}
	}()
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("%w: %w", err, sinks.ErrAmbiguous)
	}
	return nil
}

// syncDir makes renames and removals in a folder durable, if the file system and the
// operating system support that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		return nil // some network file systems, and Windows
	}
	return err
}
