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

// advice has a hint for errors of the system, and whether they are permanent.
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

// explain returns an error with the call, the file and a hint, without the name of the
// temporary file of a put.
func (s *Sink) explain(call string, key sinks.Key, err error) error {
	if errors.Is(err, sinks.ErrNotFound) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
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
			err = fmt.Errorf("file: %s %q at %q: %w; %s (%w)", call, key, s.Locate(key), err, a.hint,
				sinks.ErrPermanent)
			return &sinks.CallError{Text: err.Error(), Advice: a.hint, Causes: []error{err}}
		default:
			err = fmt.Errorf("file: %s %q at %q: %w; %s", call, key, s.Locate(key), err, a.hint)
			return &sinks.CallError{Text: err.Error(), Advice: a.hint, Causes: []error{err}}
		}
	}
	return fmt.Errorf("file: %s %q at %q: %w", call, key, s.Locate(key), err)
}

// cause returns the error below the paths that the os package adds.
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
