package file_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/test/need"
)

// A file that flagcast cannot have written is not read, however large it is.
func TestGetRefusesALargeFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k.json")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)); err != nil {
		t.Skip("the file system has no sparse files of this size: " + err.Error())
	}
	var err error
	used := need.Allocated(func() { _, err = open(t, dir).Get(t.Context(), "k") })
	large := new(untrusted.SizeError)
	if !errors.As(err, &large) || !errors.Is(err, sinks.ErrOversized) ||
		!strings.Contains(err.Error(), "the file has more than 33554432 bytes: larger than any object") {
		t.Errorf("%v", err)
	}
	if used > 1<<20 {
		t.Errorf("%d bytes allocated", used)
	}
	if err := open(t, dir).Put(t.Context(), sinks.Object{
		Key: "k", Body: bytes.Repeat([]byte("x"), sinks.MaxObject+1),
	}); !errors.Is(err, sinks.ErrPermanent) {
		t.Errorf("put: %v", err)
	}
}
