package flagdiff

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// IdentifierCount says how many ids a flag holds.
type IdentifierCount struct {
	Flag   string
	Fields []FieldCount // in the order of the fields' names
}

// FieldCount says how many different values of a context field a flag holds.
type FieldCount struct {
	Field string
	Count int
}

// String is such as "checkout: 12 userIds, 1 sessionId".
func (h IdentifierCount) String() string {
	words := make([]string, len(h.Fields))
	for i, f := range h.Fields {
		words[i] = strconv.Itoa(f.Count) + " " + word(f.Field)
		switch {
		case f.Count == 1:
		case strings.HasSuffix(f.Field, "s"):
			words[i] += "es"
		default:
			words[i] += "s"
		}
	}
	return h.Flag + ": " + strings.Join(words, ", ")
}

// CountIdentifiers lists the flags of a target whose snapshot holds ids in clear,
// sorted by name. Rules hold what the static context leaves, and no id in clear
// under eval.IdentifiersHash and eval.IdentifiersRefuse; definitions hold all
// that upstream sends; answers hold none.
func CountIdentifiers(d *edgecore.Definitions, p *eval.Program, spec *snapshot.Spec) []IdentifierCount {
	fields := spec.Rules.Fields
	if len(fields) == 0 {
		fields = describe.DefaultIdentifierFields()
	}
	held := []IdentifierCount{}
	switch spec.Format {
	case snapshot.Rules1:
		if spec.Rules.Identifiers == rules.IdentifiersHash || spec.Rules.Identifiers == rules.IdentifiersRefuse {
			return held
		}
		rest := spec.Specialize(p)
		for i, found := range describe.Identifiers(rest, fields) {
			held = appendHeld(held, rest.Flags()[i].Name, found)
		}
	case snapshot.Definitions1:
		wanted := spec.FlagNames(d)
		for i := range d.Features {
			if f := &d.Features[i]; wanted[f.Name] {
				held = appendHeld(held, f.Name, describe.IdentifiersOf(f, d.Segments, fields))
			}
		}
	}
	slices.SortFunc(held, func(a, b IdentifierCount) int { return cmp.Compare(a.Flag, b.Flag) })
	return held
}

func appendHeld(held []IdentifierCount, flag string, found map[string][]string) []IdentifierCount {
	if len(found) == 0 {
		return held
	}
	one := IdentifierCount{Flag: flag}
	for field, ids := range found {
		one.Fields = append(one.Fields, FieldCount{field, len(ids)})
	}
	slices.SortFunc(one.Fields, func(a, b FieldCount) int { return cmp.Compare(a.Field, b.Field) })
	return append(held, one)
}
