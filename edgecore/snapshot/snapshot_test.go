package snapshot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/need"
)

const document = `{"version":2,"features":[
 {"name":"on","enabled":true,"project":"a","strategies":[],"impressionData":true,"later":{"x":1}},
 {"name":"off","enabled":false,"project":"a","strategies":[]},
 {"name":"canary","enabled":true,"project":"a","strategies":[{"name":"flexibleRollout","parameters":{"rollout":"10",
 	"stickiness":"default","groupId":"canary"}}]},
 {"name":"all","enabled":true,"project":"b","strategies":[{"name":"flexibleRollout","parameters":{"rollout":"100",
 	"stickiness":"default","groupId":"all"}}],
  "variants":[{"name":"red","weight":500,"payload":{"type":"string","value":"r"}},{"name":"blue","weight":500}]},
 {"name":"local","enabled":true,"project":"b","strategies":[{"name":"default","constraints":[{"contextName":"country",
 	"operator":"IN","values":["cn"]}],"segments":[2]}]},
 {"name":"child","enabled":true,"project":"c","strategies":[],"dependencies":[{"feature":"on"}]}
],"segments":[{"id":1,"constraints":[]},{"id":2,"constraints":[]}],"meta":{"revisionId":7}}`

var now = time.Date(2026, 1, 31, 12, 0, 0, 123e6, time.UTC)

func encode(t *testing.T, doc string, spec snapshot.Spec) snapshot.Snapshot {
	t.Helper()
	d, err := parse.Definitions([]byte(doc), "production")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := compile.Program(d)
	spec.Environment, spec.Target = "production", "t"
	if spec.Format == "" {
		spec.Format = snapshot.Evaluated1
	}
	s, err := snapshot.Encode(d, p, spec, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEvaluatedIsWhatWorkersRead(t *testing.T) {
	s := encode(t, document, snapshot.Spec{Static: eval.Context{Fields: map[string]string{"country": "cn"}}})
	got := string(s.Seal(5, now))
	want := `{"toggles":[` +
		`{"name":"all","enabled":true,"variant":{"name":"disabled","enabled":false,"feature_enabled":true,` +
		`"featureEnabled":true},"impressionData":false},` +
		`{"name":"child","enabled":true,"variant":{"name":"disabled","enabled":false,"feature_enabled":true,` +
		`"featureEnabled":true},"impressionData":false},` +
		`{"name":"local","enabled":true,"variant":{"name":"disabled","enabled":false,"feature_enabled":true,` +
		`"featureEnabled":true},"impressionData":false},` +
		`{"name":"on","enabled":true,"variant":{"name":"disabled","enabled":false,"feature_enabled":true,` +
		`"featureEnabled":true},"impressionData":true}],` +
		`"flagcast":{"format":"evaluated/1","environment":"production","target":"t","revision":7,"digest":"` +
		s.Digest + `",` +
		`"seq":5,"publishedAt":"2026-01-31T12:00:00.123Z","contextual":["all","canary"]}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestContextualFlags(t *testing.T) {
	for _, tc := range []struct {
		name string
		spec snapshot.Spec
		want string // names of the flags listed as enabled
	}{
		{"off: a canary is off for everybody, its share of 100 % is not", snapshot.Spec{}, "all child on"},
		{"omit", snapshot.Spec{Contextual: snapshot.ContextualOmit}, "child on"},
		{"known absent is known", snapshot.Spec{
			Contextual: snapshot.ContextualOmit, Static: eval.Context{Absent: []string{"country"}},
		}, "child on"},
		{"the static context decides", snapshot.Spec{
			Contextual: snapshot.ContextualOmit, Static: eval.Context{
				Fields: map[string]string{"country": "cn", "userId": "3"},
			},
		}, "all child local on"},
		{"a project", snapshot.Spec{Projects: []string{"a"}}, "on"},
		{"names", snapshot.Spec{Flags: []string{"o*", "child"}}, "child on"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(enabled(t, encode(t, document, tc.spec)), " "); got != tc.want {
				t.Errorf("enabled: %q, want %q", got, tc.want)
			}
		})
	}
	all := encode(t, document, snapshot.Spec{IncludeDisabled: true})
	if all.Count != 6 {
		t.Errorf("%d flags with the disabled ones, want 6", all.Count)
	}
}

func enabled(t *testing.T, s snapshot.Snapshot) []string {
	t.Helper()
	var doc struct{ Toggles []snapshot.Toggle }
	if err := json.Unmarshal(s.Seal(1, now), &doc); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, toggle := range doc.Toggles {
		if toggle.Enabled {
			names = append(names, toggle.Name)
		}
	}
	return names
}

func TestDefinitionsKeepWhatUpstreamSent(t *testing.T) {
	s := encode(t, document, snapshot.Spec{Format: snapshot.Definitions1, Projects: []string{"b", "c"}})
	stored := s.Seal(5, now)
	d, err := parse.Definitions(stored, "production")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range d.Features {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"on", "all", "local", "child"}, names); diff != "" {
		t.Errorf("the flags of two projects and their parents (-want +got)\n%s", diff)
	}
	if !bytes.Contains(stored, []byte(`"later":{"x":1}`)) {
		t.Error("an unknown member is lost")
	}
	if len(d.Segments) != 1 || d.Segments[0].ID != 2 {
		t.Errorf("segments %+v, want the one that is used", d.Segments)
	}
}

// The digest is of the flags: it does not depend on when, where or from which
// revision a snapshot is published, nor on how upstream writes its JSON.
func TestDigest(t *testing.T) {
	for _, format := range snapshot.Formats() {
		spec := snapshot.Spec{Format: format}
		a := encode(t, document, spec)
		other := strings.Replace(strings.ReplaceAll(document, ":{\"x\"", ": {\"x\""), `"revisionId":7`,
			`"revisionId":8`, 1)
		if b := encode(t, other, spec); a.Digest != b.Digest {
			t.Errorf("%s: the digest depends on spelling or revision", format)
		}
		if c := encode(t, strings.Replace(document, `"name":"on","enabled":true`, `"name":"on","enabled":false`, 1),
			spec); a.Digest == c.Digest {
			t.Errorf("%s: the digest does not see a flip", format)
		}
		for _, seq := range []uint64{1, 1 << 50} {
			meta, err := snapshot.Open(a.Seal(seq, now))
			if err != nil || meta.Digest != a.Digest || meta.Seq != seq {
				t.Errorf("%s: opened as %+v, %v", format, meta, err)
			}
		}
	}
}

func TestOpenRefusesWhatIsNotWhole(t *testing.T) {
	s := encode(t, document, snapshot.Spec{})
	whole := s.Seal(9, now)
	for name, stored := range map[string][]byte{
		"empty":   {},
		"cut off": whole[:len(whole)/2],
		"HTML":    []byte("<html>"),
		"foreign": []byte(`{"toggles":[]}`),
		"a list":  []byte(`[]`),
		"tampered": bytes.Replace(whole, []byte(`"name":"on","enabled":true`), []byte(`"name":"on","enabled":false`),
			1),
	} {
		if _, err := snapshot.Open(stored); !errors.Is(err, snapshot.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileObjectsAreForeign: what is stored under a key may be anything. It
// is not a snapshot, and reading it takes no more stack than any other object.
func TestHostileObjectsAreForeign(t *testing.T) {
	s := encode(t, `{"features":[{"name":"x","enabled":true,"strategies":[]}]}`, snapshot.Spec{
		Format: snapshot.Rules1, Environment: "e", Target: "t",
	})
	deep := strings.Repeat("[", 8<<20)
	for name, stored := range map[string]string{
		"lists": deep, "objects": strings.Repeat(`{"rules":`, 1<<20), "closed": strings.Repeat("[", 1<<20) +
			strings.Repeat("]", 1<<20),
		"a member": `{"flagcast":` + deep, "toggles": `{"toggles":` + deep, "rules": `{"rules":{"flags":` + deep,
		"a flag": `{"features":[{"name":"x","y":` + deep,
	} {
		b := []byte(stored)
		used := need.Stack(func() {
			_, opened := snapshot.Open(b)
			_, _, decoded := snapshot.Decode(b)
			_, _, resealed := snapshot.Reseal(b, 1, time.Now(), nil)
			_, on := snapshot.OnFlags(b, now)
			for _, err := range []error{opened, decoded, resealed, on} {
				if !errors.Is(err, snapshot.ErrForeign) {
					t.Errorf("%s: %v, want ErrForeign", name, err)
				}
			}
			flagdiff.Stored(&s, b)
			snapshot.SizesOf(b)
		})
		if used > 1<<20 {
			t.Errorf("%s: %d bytes of stack", name, used)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"toggles":[],"flagcast":{"format":"evaluated/1","digest":"x","seq":1}}`))
	f.Add([]byte(`{"flagcast":{}}`))
	f.Add([]byte(strings.Repeat("[", 1<<20)))
	f.Add([]byte(strings.Repeat(`{"flagcast":`, 1000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		meta, err := snapshot.Open(b)
		if err == nil && len(meta.Digest) != 64 {
			t.Errorf("accepted %q without a digest", b)
		}
	})
}

// TestSeqBeyondJavaScript: readers compare seq as a JavaScript number. One that
// nothing can be written above makes an object foreign.
func TestSeqBeyondJavaScript(t *testing.T) {
	s := encode(t, document, snapshot.Spec{})
	for seq, valid := range map[uint64]bool{
		0: true, snapshot.MaxSeq: true, snapshot.MaxSeq + 1: false, math.MaxUint64: false,
	} {
		meta, err := snapshot.Open(s.Seal(seq, now))
		if valid && (err != nil || meta.Seq != seq) ||
			!valid && (!errors.Is(err, snapshot.ErrForeign) || meta.Seq != 0) {
			t.Errorf("seq %d: %+v, %v", seq, meta, err)
		}
	}
}

func TestNextSeq(t *testing.T) {
	at := time.UnixMilli(1000)
	if got := snapshot.NextSeq(0, at); got != 1000 {
		t.Errorf("first: %d", got)
	}
	if got := snapshot.NextSeq(5000, at); got != 5001 {
		t.Errorf("with a clock that runs behind: %d", got)
	}
}
