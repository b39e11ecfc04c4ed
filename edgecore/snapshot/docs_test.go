package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

func formatDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../../docs/snapshot-format.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// examples returns the JSON blocks of the document as they are stored: on one
// line, and with the separators of rules/1 as they are.
func examples(t *testing.T) map[snapshot.Format][]byte {
	t.Helper()
	found := map[snapshot.Format][]byte{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(formatDocument(t), -1) {
		var stored bytes.Buffer
		text := strings.NewReplacer(`\u007f`, "\u007f", `\u0080`, "\u0080").Replace(block[1])
		if err := json.Compact(&stored, []byte(text)); err != nil {
			t.Fatalf("an example is not JSON: %v\n%s", err, block[1])
		}
		meta, err := snapshot.Open(stored.Bytes())
		if err != nil {
			t.Errorf("an example of %q: %v", meta.Format, err)
		}
		found[meta.Format] = stored.Bytes()
	}
	return found
}

// TestExamplesAreWhatIsStored: both examples are what the definitions in one
// of them give, byte for byte.
func TestExamplesAreWhatIsStored(t *testing.T) {
	documented := examples(t)
	d, err := parse.Definitions(documented[snapshot.Definitions1], "production")
	if err != nil {
		t.Fatal(err)
	}
	program, problems := compile.Program(d)
	if len(problems)+len(d.Problems) > 0 {
		t.Errorf("the example has faults: %v %v", d.Problems, problems)
	}
	for _, format := range snapshot.Formats() {
		meta, _ := snapshot.Open(documented[format]) // examples has reported an error
		spec := snapshot.Spec{Format: format, Environment: d.Environment, Target: "web"}
		if format == snapshot.Evaluated1 {
			spec.Static.Fields = map[string]string{"country": "cn"}
		}
		s, err := snapshot.Encode(d, program, spec, time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		want := s.Seal(meta.Seq, time.UnixMilli(int64(meta.Seq)))
		if !bytes.Equal(want, documented[format]) {
			var indented bytes.Buffer
			_ = json.Indent(&indented, want, "", "  ")
			t.Errorf("%s: the code writes\n%s", format, indented.String())
		}
	}
}

// TestDigestAsDocumented follows the recipe of the document.
func TestDigestAsDocumented(t *testing.T) {
	for format, end := range map[snapshot.Format]string{
		snapshot.Evaluated1: `,"flagcast":`, snapshot.Rules1: `,"flagcast":`, snapshot.Definitions1: `,"query":`,
	} {
		if !strings.Contains(formatDocument(t), "- `"+string(format)+"`: the text before the last `"+end+"`, and `}`") {
			t.Errorf("%s: the document has another recipe", format)
		}
		stored := examples(t)[format]
		sum := sha256.Sum256(append(bytes.Clone(stored[:max(bytes.LastIndex(stored, []byte(end)), 0)]), '}'))
		meta, err := snapshot.Open(stored)
		if got := hex.EncodeToString(sum[:]); err != nil || got != meta.Digest {
			t.Errorf("%s: the recipe gives %s, the digest is %s (%v)", format, got, meta.Digest, err)
		}
	}
}

// TestFieldsAreDocumented compares the tables with the types, in order.
func TestFieldsAreDocumented(t *testing.T) {
	for heading, want := range map[string][]string{
		"The member flagcast": fieldsOf(reflect.TypeFor[snapshot.Meta](), ""),
		"rules/1":             append(membersOf(t, examples(t)[snapshot.Rules1]), "rules.hashed", "rules.salt"),
		"evaluated/1": append([]string{"toggles"},
			fieldsOf(reflect.TypeFor[snapshot.Toggle](), "toggles[].")...),
	} {
		_, section, found := strings.Cut(formatDocument(t), "\n## "+heading+"\n")
		if !found {
			t.Errorf("there is no section %q", heading)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		section, _, _ = strings.Cut(section, "\n### ")
		got := map[string]bool{}
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-zA-Z][^`]*)` \\|").FindAllStringSubmatch(section, -1) {
			got[row[1]] = true
		}
		fields := map[string]bool{}
		for _, field := range want {
			fields[field] = true
		}
		if diff := cmp.Diff(fields, got); diff != "" {
			t.Errorf("%s (-code +document):\n%s", heading, diff)
		}
	}
}

// membersOf lists the members of "rules".
func membersOf(t *testing.T, stored []byte) []string {
	t.Helper()
	var s struct{ Rules map[string]any }
	if err := json.Unmarshal(stored, &s); err != nil {
		t.Fatal(err)
	}
	var list []string
	for name := range s.Rules {
		list = append(list, "rules."+name)
	}
	return list
}

// fieldsOf lists the members of a type, and of the objects in it.
func fieldsOf(typ reflect.Type, prefix string) []string {
	var list []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, prefix+name)
		if inner := f.Type; inner.Kind() == reflect.Struct || inner.Kind() == reflect.Pointer {
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner != reflect.TypeFor[time.Time]() {
				list = append(list, fieldsOf(inner, prefix+name+".")...)
			}
		}
	}
	return list
}
