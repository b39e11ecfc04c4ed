package need

import (
	"os"
	"path/filepath"
	"testing"
)

// File returns the path of a file of this repository that not every checkout
// has to have.
func File(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(), filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		missing(t, "there is no "+name)
	}
	return path
}
