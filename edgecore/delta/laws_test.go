package delta_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// drawDefinitions draws a document of a few flags in three projects, in any order of
// flags and of members, and reads it.
func drawDefinitions(t *rapid.T, label string, revision int) *edgecore.Definitions {
	var features, segments []string
	segmentIDs := rapid.SliceOfNDistinct(rapid.IntRange(1, 4), 0, 4, rapid.ID).Draw(t, label+" segments")
	for _, id := range segmentIDs {
		segments = append(segments, shuffled(t, map[string]any{
			"id": id, "constraints": []any{map[string]any{
				"contextName": "x", "operator": "IN", "values": []any{
					rapid.SampledFrom([]string{"a", "é"}).Draw(t, "v"),
				},
			}},
		}))
	}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "é", "f\n"}), 0, 6, rapid.ID)
	for _, name := range names.Draw(t, label+" flags") {
		used := []any{}
		for _, id := range segmentIDs {
			if rapid.Bool().Draw(t, "uses a segment") {
				used = append(used, id)
			}
		}
		features = append(features, shuffled(t, map[string]any{
			"name": name, "enabled": rapid.Bool().Draw(t, "enabled"),
			"project":    rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "project"),
			"strategies": []any{map[string]any{"name": "default", "segments": used}},
		}))
	}
	document := fmt.Sprintf(`{"features":[%s],"segments":[%s],"meta":{"revisionId":%d}}`, strings.Join(features, ","),
		strings.Join(segments, ","), revision)
	d, err := parse.Definitions([]byte(document), "e")
	if err != nil {
		t.Fatal(err)
	}
	return edgecore.Normalize(nil, d)
}

// shuffled writes an object with its members in any order, and white space.
func shuffled(t *rapid.T, object map[string]any) string {
	keys := rapid.Permutation(slices.Sorted(func(yield func(string) bool) {
		for key := range object {
			if !yield(key) {
				return
			}
		}
	})).Draw(t, "order")
	var members []string
	for _, key := range keys {
		value, _ := json.Marshal(object[key])
		members = append(members, fmt.Sprintf("%q:%s", key, value))
	}
	return "{" + strings.Join(members, rapid.SampledFrom([]string{",", ",\n "}).Draw(t, "space")) + "}"
}

// seenBy returns what the projects see.
func seenBy(d *edgecore.Definitions, projects []string) *edgecore.Definitions {
	return d.Part(func(f *edgecore.Feature) bool { return slices.Contains(projects, f.Project) })
}

var scopes = [][]string{{"p", "q", "r"}, {"p", "q"}, {"q"}, {}}

// Events make of any version any other one, for every scope, also when they are written
// and read; and they hold nothing that the scope does not see.
func TestFoldOfChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDefinitions(t, "old", 1), drawDefinitions(t, "new", 2)
		for _, projects := range scopes {
			old, next := seenBy(a, projects), seenBy(b, projects)
			for name, before := range map[string]*delta.Digests{"hydration": nil, "changes": delta.DigestsOf(old)} {
				events := delta.Changes(before, next)
				if got := delta.Fold(old, "e", events); !got.SameFlags(next) {
					t.Fatalf("%s: %s\nwant %s", name, got.Encode(), next.Encode())
				}
				text := append(delta.Append([]byte(`{"events":[`), events), "]}"...)
				read, err := parse.Events(t.Context(), text, "e", old)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if got := delta.Fold(old, "e", read); !got.SameFlags(next) {
					t.Fatalf("%s after reading: %s\nwant %s", name, got.Encode(), next.Encode())
				}
				for _, e := range events {
					if e.Feature != nil && !slices.Contains(projects, e.Feature.Project) {
						t.Fatalf("%v get a flag of %q", projects, e.Feature.Project)
					}
				}
			}
			if same := delta.DigestsOf(old).ID == delta.DigestsOf(next).ID; same != old.SameFlags(next) {
				t.Fatalf("same ID: %v, same flags: %v", same, !same)
			}
		}
	})
}

// Fold twice is Fold once, and Fold does not change what it is given.
func TestFoldChangesNothingItIsGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDefinitions(t, "old", 1), drawDefinitions(t, "new", 2)
		given := string(a.Encode())
		events := delta.Changes(delta.DigestsOf(a), b)
		once := delta.Fold(a, "e", events)
		twice := delta.Fold(once, "e", events)
		if diff := cmp.Diff(string(once.Encode()), string(twice.Encode())); diff != "" {
			t.Fatalf("(-once +twice)\n%s", diff)
		}
		if string(a.Encode()) != given {
			t.Fatal("the definitions that were given have changed")
		}
	})
}

// Definitions of the same meaning are the same ones, whatever the order and layout.
func TestNormalize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDefinitions(t, "old", 1), drawDefinitions(t, "new", 1)
		again, err := parse.Definitions(reordered(t, a), "e")
		if err != nil {
			t.Fatal(err)
		}
		if edgecore.Normalize(a, again) != a {
			t.Fatalf("%s\nis not the same as\n%s", again.Encode(), a.Encode())
		}
		normalized := edgecore.Normalize(a, b)
		if (normalized == a) != a.SameFlags(b) || !normalized.SameFlags(b) {
			t.Fatalf("%s is normalized as %s", b.Encode(), normalized.Encode())
		}
		texts := map[string]edgecore.Feature{}
		for _, f := range a.Features {
			texts[f.Name] = f
		}
		for _, f := range normalized.Features {
			if was, ok := texts[f.Name]; ok && was.Digest == f.Digest && was.Raw != f.Raw {
				t.Fatalf("the text has changed: %s, was %s", f.Raw, was.Raw)
			}
		}
	})
}

// reordered writes definitions again, with another order of flags and members.
func reordered(t *rapid.T, d *edgecore.Definitions) []byte {
	list := func(raws []string) string {
		var out []string
		for _, raw := range raws {
			var object map[string]any
			if err := json.Unmarshal([]byte(raw), &object); err != nil {
				t.Fatal(err)
			}
			out = append(out, shuffled(t, object))
		}
		if len(out) > 1 {
			out = rapid.Permutation(out).Draw(t, "order of flags")
		}
		return strings.Join(out, ",")
	}
	var features, segments []string
	for _, f := range d.Features {
		features = append(features, f.Raw)
	}
	for _, s := range d.Segments {
		segments = append(segments, s.Raw)
	}
	return fmt.Appendf(nil, `{"features":[%s],"segments":[%s],"meta":{"revisionId":%d}}`, list(features),
		list(segments), d.Revision)
}
