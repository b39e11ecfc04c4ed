package sinktest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/sinks"
)

// Config checks what a sink says of its settings: faults, from Check, are
// *sinks.ConfigError and of these keys in this order; refused, the error of
// New, is there when there are faults; and neither shows the secret that the
// settings hold.
func Config(t *testing.T, faults []error, refused error, keys []string, secret string) {
	t.Helper()
	var found []string
	for _, fault := range faults {
		located, ok := errors.AsType[*sinks.ConfigError](fault)
		if !ok {
			t.Fatalf("fault %v has no place", fault)
		}
		found = append(found, located.Key)
	}
	if !slices.Equal(found, keys) {
		t.Errorf("faults at %v, want %v", found, keys)
	}
	if (refused != nil) != (keys != nil) {
		t.Errorf("New gives the error %v", refused)
	}
	if text := fmt.Sprint(faults, refused); strings.Contains(text, secret) {
		t.Errorf("a password is printed: %s", text)
	}
}
