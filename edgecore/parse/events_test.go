package parse_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/need"
)

// folded returns the definitions that a document of events makes of nothing.
func folded(t *testing.T, doc []byte) (*edgecore.Definitions, error) {
	events, err := parse.Events(t.Context(), doc, "e", nil)
	if err != nil {
		return nil, err
	}
	return delta.Fold(nil, "e", events), nil
}

func TestParseEvents(t *testing.T) {
	flag := func(name string, enabled bool) string {
		return fmt.Sprintf(`{"name":%q,"enabled":%v,"strategies":[]}`, name, enabled)
	}
	d, err := folded(t, []byte(`{"events":[
		{"eventId":1,"type":"feature-updated","feature":`+flag("lost", true)+`},
		{"eventId":2,"type":"hydration","features":[`+flag("a", true)+`,`+flag("b", true)+`,`+flag("c", true)+`],
			"segments":[{"id":1},{"id":2}]},
		{"eventId":3,"type":"feature-updated","feature":`+flag("a", false)+`},
		{"eventId":4,"type":"feature-removed","featureName":"b"},
		{"eventId":5,"type":"segment-removed","segmentId":1},
		{"eventId":6,"type":"segment-updated","segment":{"id":3}},
		{"eventId":7,"type":"moved"},
		{"eventId":8,"type":"feature-removed","featureName":"c"},
		{"eventId":9,"type":"feature-updated","feature":`+flag("c", false)+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c"}, namesOf(d)); diff != "" || d.Features[0].Enabled || d.Features[1].Enabled {
		t.Errorf("flags (-want +got)\n%s\n%+v", diff, d.Features)
	}
	if len(d.Segments) != 2 || d.Segments[0].ID != 2 || d.Segments[1].ID != 3 || d.Revision != 9 {
		t.Errorf("revision %d, segments %+v", d.Revision, d.Segments)
	}
	if len(d.Problems) != 1 ||
		d.Problems[0].String() != `events[6].type: the type "moved" is not known; the event is passed over` {
		t.Errorf("problems: %v", d.Problems)
	}
	for document, want := range map[string]string{
		`{"events":[`:     "line 1, column 12: the JSON text ends too early",
		`{"segments":[]}`: `line 1, column 1: "events" must be a list of events`,
		`[]`:              `line 1, column 1: events are a JSON object with a list of "events", this is a list`,
		`{"events":[{"type":"hydration","segments":[]}]}`: `line 1, column 1: "features" must be a list of flags, it ` +
			`is missing`,
		"{\"a\":1,\n\"events\":{}}": `line 2, column 10: "events" must be a list of events`,
	} {
		if _, err := folded(t, []byte(document)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// Events that say nothing take no more memory than they have bytes, times a few.
func TestParseEventsIsBounded(t *testing.T) {
	const size = 1 << 20
	for name, events := range map[string]string{
		"numbers":    strings.Repeat("0,", size/2) + "0",
		"objects":    strings.Repeat("{},", size/3) + "{}",
		"hydrations": strings.Repeat(`{"type":"hydration","features":[]},`, size/35) + "{}",
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
			if d, err = folded(t, doc); err != nil {
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
		if used := need.Allocated(func() { d, err = folded(t, doc) }); used > 64*int64(len(doc))+1<<20 {
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
