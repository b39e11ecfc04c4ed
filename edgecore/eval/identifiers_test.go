package eval_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/murmur3"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

const withIDs = `{"name":"users","enabled":true,"strategies":[{"name":"userWithId",
	"parameters":{"userIds":"alice,bob"}}]},
	{"name":"segment","enabled":true,"strategies":[{"name":"default","segments":[2]}]},
	{"name":"segment too","enabled":true,"strategies":[{"name":"default","segments":[2]}]},
	{"name":"list too","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"userId",
		"operator":"IN","values":["frank"]}]}]},
	{"name":"override","enabled":true,"strategies":[],"variants":[{"name":"a","weight":1,
		"overrides":[{"contextName":"userId","values":["carol"]}]},{"name":"b","weight":1}]},
	{"name":"prefix","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"userId",
		"operator":"STR_STARTS_WITH","values":["dave"]}]}]},
	{"name":"number","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"userId",
		"operator":"NUM_EQ","value":"4711"}]}]},
	{"name":"bound","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"userId",
		"operator":"NUM_GT","value":"4711"}]}]},
	{"name":"rollout","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
		"stickiness":"userId","groupId":"g"}}]},
	{"name":"country","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"country",
		"operator":"IN","values":["no"]}]}]}`

const idSegments = `{"id":2,"constraints":[{"contextName":"userId","operator":"NOT_IN","values":["erin","alice"]}]}`

func identifiers(t *testing.T, how rules.Identifiers, keep ...string) ([]byte, error) {
	t.Helper()
	d := mustParse(t, withIDs, idSegments)
	p, _ := compile.Program(d)
	p = compile.Select(p, func(f eval.Flag) bool {
		return len(keep) == 0 || strings.Contains(" "+strings.Join(keep, " ")+" ", " "+f.Name+" ")
	})
	return rules.Encode(p, rules.Options{Identifiers: how, Fields: []string{"userId", "sessionId"}, Salt: "salt"})
}

func TestIdentifiers(t *testing.T) {
	for _, tc := range []struct {
		how     rules.Identifiers
		keep    []string
		refused []string // nil: it is written
	}{
		{rules.IdentifiersAllow, nil, nil},
		{"", nil, nil},
		{rules.IdentifiersRefuse, nil, []string{
			"list too", "number", "override", "prefix", "segment", "segment too", "users",
		}},
		{rules.IdentifiersRefuse, []string{"rollout", "country", "bound"}, nil},
		{rules.IdentifiersHash, nil, []string{"number", "prefix"}},
		{rules.IdentifiersHash, []string{"users", "segment", "override", "rollout", "country", "bound"}, nil},
	} {
		stored, err := identifiers(t, tc.how, tc.keep...)
		var refusal *rules.Error
		if errors.As(err, &refusal) {
			if diff := cmp.Diff(tc.refused, refusal.Flags); diff != "" || stored != nil {
				t.Errorf("%s of %v: refused (-want +got)\n%s", tc.how, tc.keep, diff)
			}
			continue
		}
		if err != nil || tc.refused != nil {
			t.Errorf("%s of %v: %v, want %v refused", tc.how, tc.keep, err, tc.refused)
		}
		shown := strings.Contains(string(stored), "alice")
		if open := tc.how == "" || tc.how == rules.IdentifiersAllow; shown != open {
			t.Errorf("%s of %v: ids are shown: %v in %s", tc.how, tc.keep, shown, stored)
		}
	}
}

// Digests are those of docs/snapshot-format.md, and only lists of ids hold any.
func TestDigestsOfIDs(t *testing.T) {
	stored, err := identifiers(t, rules.IdentifiersHash, "users", "country")
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("salt:alice")
	want := fmt.Sprintf("%08x%08x", murmur3.SeedSum32(0, text), murmur3.SeedSum32(86028157, text))
	if !strings.Contains(string(stored), "\u007f"+want+"\u0080") ||
		!strings.Contains(string(stored), "\u007fno\u0080") {
		t.Errorf("no %s, or no country, in %s", want, stored)
	}
}

// Hashed rules answer as they do otherwise; so do those that are written again.
func TestHashedRulesKeepAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		c := d.context()
		name := d.Fields[d.source.IntN(len(d.Fields))]
		hash := rules.Options{Identifiers: rules.IdentifiersHash, Fields: []string{name}, Salt: "salt"}
		stored, err := rules.Encode(d.program, hash)
		if err != nil {
			return // ids in something else than a list
		}
		hashed, err := rules.Decode(stored)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := rules.Encode(hashed, hash); err != nil || !bytes.Equal(stored, again) {
			t.Errorf("digests of digests: %v\n%s\n%s", err, stored, again)
		}
		static := eval.Context{Fields: map[string]string{}}
		if value, has := c.Fields[name]; has && d.source.IntN(2) == 1 {
			static.Fields[name] = value
		}
		for what, p := range map[string]*eval.Program{
			"hashed": hashed, "written again": throughRules(t, hashed, &static),
		} {
			for _, flag := range d.Flags {
				if diff := cmp.Diff(d.program.Evaluate(flag, &c), p.Evaluate(flag, &c)); diff != "" {
					t.Errorf("%s: %q under %+v\n%s", what, flag, c, diff)
				}
			}
		}
	})
}

// The ids of a program are those that IdentifiersRefuse keeps back, and those
// of definitions hold them all.
func TestIdentifiersAreThoseThatAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		fields := []string{"userId", "sessionId", "remoteAddress"}
		refused := map[string]bool{}
		_, err := rules.Encode(d.program, rules.Options{Identifiers: rules.IdentifiersRefuse, Fields: fields})
		if refusal := (*rules.Error)(nil); errors.As(err, &refusal) {
			for _, name := range refusal.Flags {
				refused[name] = true
			}
		}
		held := map[string]map[string][]string{}
		for i := range d.document.Features {
			f := &d.document.Features[i]
			held[f.Name] = describe.IdentifiersOf(f, d.document.Segments, fields)
		}
		for i, found := range describe.Identifiers(d.program, fields) {
			name := d.program.Flags()[i].Name
			if len(found) > 0 && !refused[name] {
				t.Errorf("%q holds %q and is not refused", name, found)
			}
			for field, ids := range found {
				if len(held[name][field]) == 0 {
					t.Errorf("%q: %q in the program, %q in the definitions", name, ids, held[name][field])
				}
			}
		}
	})
}
