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

// prefix and suffix are those of the names of files beside.
const prefix, suffix = ".flagcast-", ".tmp"

// abandoned is the age of a file beside that is not being written any more.
const abandoned = time.Hour

// tidy removes what processes that were killed have left in a folder. That it
// cannot is not a failure of what was stored.
func tidy(dir string) {
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

// replace writes a file beside path, syncs it and gives it the name path. The
// file beside has a short name of its own, so that the longest key fits, and
// one that is not a key's, so that it is not taken for an object if the process
// ends before it is removed.
func replace(ctx context.Context, path string, body []byte) (err error) {
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

// syncDir makes renames and removals in a folder durable, where its file
// system and system can do that.
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
