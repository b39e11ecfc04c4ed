package compare

import (
	"strings"
	"testing"
)

// FuzzDefinitions: whatever two servers answer as definitions, a document has no
// difference from itself, and comparing ends.
func FuzzDefinitions(f *testing.F) {
	for _, text := range []string{
		`{"features":[{"name":"f","enabled":true,"strategies":[{"name":"default","segments":[1]}]}],` +
			`"segments":[{"id":1}]}`,
		`{"features":[{"name":7},null,[]],"segments":{}}`, `{"features":{}}`, "[]", "null", strings.Repeat("[", 1<<20),
		`{"features":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
	} {
		f.Add([]byte(text), []byte(`{"features":[]}`))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, err := parseDefinitions(a)
		if err != nil {
			return
		}
		if found := definitions(one, one); len(found) > 0 {
			t.Errorf("%.200q differs from itself: %v", a, found)
		}
		if other, err := parseDefinitions(b); err == nil {
			definitions(one, other)
		}
	})
}
