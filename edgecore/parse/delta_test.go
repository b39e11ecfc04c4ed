package parse_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/need"
)

// Events that say nothing take no more memory than they have bytes, times a few.
func TestParseEventsIsBounded(t *testing.T) {
	const size = 1 << 20
	for name, events := range map[string]string{
		"numbers":    strings.Repeat("0,", size/2) + "0",
		"objects":    strings.Repeat("{},", size/3) + "{}",
		"hydrations": strings.Repeat(`{"type":"hydration"},`, size/21) + "{}",
		"numbers for flags": `{"type":"hydration","features":[` + strings.Repeat("0,", size/2) +
			`{"name":"x","enabled":true,"strategies":[]}]}`,
		"flags": `{"type":"hydration","features":[` +
			numbered(size/45, `{"name":"%05d","enabled":true,"strategies":[]}`) + `]}`,
		"one flag": strings.Repeat(`{"type":"feature-updated","feature":{"name":"x","enabled":true,"strategies":[]}},`,
			size/80) + "{}",
		"removals": strings.Repeat(`{"type":"feature-removed","featureName":"x"},`, size/45) + "{}",
	} {
		doc := []byte(`{"events":[` + events + `]}`)
		var d *edgecore.Definitions
		used := need.Allocated(func() {
			var err error
			if d, err = parse.Events(doc, "e"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if used > 32*size || len(d.Problems) > 2*edgecore.MaxProblems+2 {
			t.Errorf("%s: %d bytes allocated for %d, %d problems", name, used, len(doc), len(d.Problems))
		}
	}
}

// FuzzParseEvents: what is accepted can be encoded and read again, and nothing
// takes more memory than its bytes, times some.
func FuzzParseEvents(f *testing.F) {
	for _, seed := range []string{
		`{"events":[{"type":"hydration","eventId":7,"features":[{"name":"a","enabled":true,"strategies":[]}],` +
			`"segments":[{"id":1,"constraints":[]}]}]}`,
		`{"events":[{"type":"feature-updated","feature":{"name":"a"}},{"type":"feature-removed","featureName":"a"},` +
			`{"type":"segment-removed","segmentId":1},7]}`,
		`{"events":` + strings.Repeat("[", 1<<20),
		strings.Repeat("[", 1<<20),
		`{"events":[` + strings.Repeat(`{"type":"hydration","features":[`, 50),
		`{"events":[{"type":"hydration","features":[` + strings.Repeat("0,", 1<<17) + `0]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var d *edgecore.Definitions
		var err error
		if used := need.Allocated(func() { d, err = parse.Events(doc, "e") }); used > 64*int64(len(doc))+1<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(doc))
		}
		if err != nil {
			if syntax := new(parse.SyntaxError); !errors.As(err, &syntax) {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := parse.Definitions(d.Encode(), "e")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d.Features, again.Features); diff != "" {
			t.Errorf("(-events +encoded)\n%s", diff)
		}
	})
}
