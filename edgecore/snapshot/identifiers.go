package snapshot

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// Held says how many ids a flag holds.
type Held struct {
	Flag   string
	Fields []HeldField // in the order of the fields' names
}

// HeldField says how many different values of a context field a flag holds.
type HeldField struct {
	Field string
	Count int
}

// String is such as "checkout: 12 userIds, 1 sessionId".
func (h Held) String() string {
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

// Identifiers lists the flags of a target whose snapshot holds ids in clear,
// sorted by name. Rules hold what the static context leaves, and no id in clear
// under eval.IdentifiersHash and eval.IdentifiersRefuse; definitions hold all
// that upstream sends; answers hold none.
func Identifiers(d *edgecore.Definitions, p *eval.Program, spec *Spec) []Held {
	fields := spec.Rules.Fields
	if len(fields) == 0 {
		fields = describe.DefaultIdentifierFields()
	}
	held := []Held{}
	switch spec.Format {
	case Rules1:
		if spec.Rules.Identifiers == rules.IdentifiersHash || spec.Rules.Identifiers == rules.IdentifiersRefuse {
			return held
		}
		rest := spec.rest(p)
		for i, found := range describe.Identifiers(rest, fields) {
			held = appendHeld(held, rest.Flags()[i].Name, found)
		}
	case Definitions1:
		wanted := spec.taken(d)
		for i := range d.Features {
			if f := &d.Features[i]; wanted[f.Name] {
				held = appendHeld(held, f.Name, describe.IdentifiersOf(f, d.Segments, fields))
			}
		}
	}
	slices.SortFunc(held, func(a, b Held) int { return cmp.Compare(a.Flag, b.Flag) })
	return held
}

func appendHeld(held []Held, flag string, found map[string][]string) []Held {
	if len(found) == 0 {
		return held
	}
	one := Held{Flag: flag}
	for field, ids := range found {
		one.Fields = append(one.Fields, HeldField{field, len(ids)})
	}
	slices.SortFunc(one.Fields, func(a, b HeldField) int { return cmp.Compare(a.Field, b.Field) })
	return append(held, one)
}
