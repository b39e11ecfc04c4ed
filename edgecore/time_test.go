package edgecore_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/test/need"
)

// TestReadTime reads the times that the worker's tests read, too.
func TestReadTime(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(need.Root(), "test", "vectors", "requests.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Times []struct {
			Text string
			At   *int64 // milliseconds; nil: no time
		}
	}
	if err := json.Unmarshal(content, &vectors); err != nil || len(vectors.Times) == 0 {
		t.Fatalf("%d times, %v", len(vectors.Times), err)
	}
	for _, v := range vectors.Times {
		at, ok := edgecore.ReadTime(v.Text)
		switch {
		case ok != (v.At != nil):
			t.Errorf("%q: %v %v", v.Text, at, ok)
		case ok && at.UnixMilli() != *v.At:
			t.Errorf("%q is %v, want %d", v.Text, at, *v.At)
		}
	}
	if _, ok := edgecore.ReadTime("2026-11-30T12:00:00." + strings.Repeat("9", 1<<20) + "Z"); !ok {
		t.Error("a long fraction is not a time")
	}
}
