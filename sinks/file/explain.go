package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

const folderInTheWay = "a folder is where the file should be: remove it, or choose another key"

// advice is what to do about an error of the system, and whether a person has
// to before the call is worth repeating.
var advice = []struct {
	err       error
	permanent bool
	hint      string
}{
	{syscall.EROFS, true, "mount the file system writable, or choose another folder for this sink"},
	{fs.ErrPermission, true, "let the user of this process read and write the folder"},
	{syscall.ENOTDIR, true, "a file is where the folder should be: remove it, or choose another folder"},
	{syscall.EISDIR, true, folderInTheWay},
	{syscall.EEXIST, true, folderInTheWay},
	{syscall.ENOTEMPTY, true, folderInTheWay},
	{syscall.ENAMETOOLONG, true, "choose a shorter key or folder"},
	{syscall.ENOSPC, false, "free space on the disk"},
	{syscall.EDQUOT, false, "free space, or raise the quota of the user of this process"},
}

// advised is an error with its hint, which its text holds, too.
type advised struct {
	error
	hint string
}

func (a *advised) Unwrap() error { return a.error }

// Hint implements what sinks.Hint asks for.
func (a *advised) Hint() string { return a.hint }

// explain names the call and the file, and adds what to do. The name of the
// hidden file that a put writes first does not help and is left out.
func (s *Sink) explain(call string, key sinks.Key, err error) error {
	if errors.Is(err, sinks.ErrNotFound) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("file: %s %q at %q: %w", call, key, s.Locate(key), err)
	}
	if !errors.Is(err, sinks.ErrAmbiguous) {
		err = cause(err)
	}
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		return fmt.Errorf("file: %s %q at %q: the file has %w: %w", call, key, s.Locate(key), err, sinks.ErrOversized)
	}
	for _, a := range advice {
		switch {
		case !errors.Is(err, a.err):
		case a.permanent:
			err = fmt.Errorf("file: %s %q at %q: %w; %s (%w)", call, key, s.Locate(key), err, a.hint, sinks.ErrPermanent)
			return &advised{err, a.hint}
		default:
			return &advised{fmt.Errorf("file: %s %q at %q: %w; %s", call, key, s.Locate(key), err, a.hint), a.hint}
		}
	}
	return fmt.Errorf("file: %s %q at %q: %w", call, key, s.Locate(key), err)
}

// cause drops the paths that the os package puts before an error.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
