package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/plainjson"
)

// Encode writes a program, as far as it fits (Fit), as the member "rules"
// of a snapshot: a JSON object. The same program gives the same bytes.
func Encode(p *eval.Program, o Options) ([]byte, error) {
	p, _ = Fit(p)
	e := newEncoder(p, o)
	names := make([]string, len(p.List))
	for i, f := range p.List {
		names[i] = f.Name
		if f.ImpressionData {
			e.out.Impressions = append(e.out.Impressions, int32(i))
		}
		if f.Hidden {
			e.out.Hidden = append(e.out.Hidden, int32(i))
		}
		e.name = f.Name
		e.out.Flags = append(e.out.Flags, e.flag(&p.Rules[i]))
	}
	if len(e.refused) > 0 {
		return nil, &Error{
			Flags: slices.Sorted(maps.Keys(e.refused)),
			Why: "flags hold ids that may not leave as they are; leave such flags out, or name fewer fields that " +
				"hold ids",
		}
	}
	e.out.Names = strings.Join(names, eval.EndOfText)
	e.values()
	return plainjson.Must(e.out), nil
}

// newEncoder returns an encoder that has met nothing yet.
func newEncoder(p *eval.Program, o Options) *encoder {
	e := &encoder{
		p: p, texts: eval.ValueTexts{}, salt: o.Salt, fields: map[int32]int{}, numbers: map[string]int{},
		conditions: map[*eval.Condition]int{},
		stickies:   map[string]int{}, shapes: map[string]int{}, postings: map[int32]map[int32][]int{},
		hashed: map[int32]bool{}, refused: map[string]bool{}, segments: map[*eval.Condition]bool{},
	}
	for i := 0; i < len(p.Fields) && len(o.Fields) > 0; i++ {
		if slices.Contains(o.Fields, p.Fields[i].Name) {
			switch o.Identifiers {
			case IdentifiersHash:
				e.hashed[int32(i)] = true
			case IdentifiersRefuse:
				e.forbidden = append(e.forbidden, int32(i))
			}
		}
	}
	e.out = wireRules{
		Flags: []any{}, Fields: []any{}, Values: []any{}, Stickies: []any{}, Shares: []any{}, Conditions: []any{},
		Shapes:      []any{},
		Impressions: []int32{}, Hidden: []int32{},
	}
	return e
}

// encoder numbers what it meets, in the order in which it meets it, and writes
// what is equal once.
type encoder struct {
	p     *eval.Program
	texts eval.ValueTexts
	out   wireRules
	name  string // of the flag that is being written
	salt  string

	fields     map[int32]int             // number of a field on the wire
	conditions map[*eval.Condition]int   // reference of a condition
	numbers    map[string]int            // conditions, by what they say
	stickies   map[string]int            // by what they say
	shapes     map[string]int            // by what they say
	postings   map[int32]map[int32][]int // by field and item: the conditions that list it

	segments map[*eval.Condition]bool // whether they hold ids that may not be written

	hashed    map[int32]bool
	forbidden []int32
	refused   map[string]bool
}

func (e *encoder) field(i int32) int {
	n, ok := e.fields[i]
	if !ok {
		n = len(e.out.Fields)
		e.fields[i] = n
		e.out.Fields = append(e.out.Fields, e.p.Fields[i].Name)
		e.out.Values = append(e.out.Values, "")
		if e.hashed[i] || e.p.Fields[i].Hashed {
			e.out.Hashed = append(e.out.Hashed, int32(n))
		}
	}
	return n
}

// flag: 0 is off; a share alone is a number; one strategy is a list of numbers;
// anything else is [strategies, variants, variants of strategies, parents],
// where 0 is none and nothing at the end is left out.
func (e *encoder) flag(f *eval.Rule) any {
	if len(f.Strategies) == 0 {
		return 0
	}
	strategies, own := make([]any, len(f.Strategies)), make([]any, len(f.Strategies))
	hasOwn := false
	for i := range f.Strategies {
		s := &f.Strategies[i]
		strategies[i] = e.strategy(s)
		own[i] = 0
		if s.Variants != nil {
			own[i], hasOwn = e.variants(s.Variants), true
		}
	}
	if f.Variants == nil && !hasOwn && len(f.Parents) == 0 && len(strategies) == 1 {
		return strategies[0]
	}
	full := []any{strategies, 0, 0, 0}
	if f.Variants != nil {
		full[1] = e.variants(f.Variants)
	}
	if hasOwn {
		full[2] = own
	}
	if len(f.Parents) > 0 {
		full[3] = e.parents(f.Parents)
	}
	for full[len(full)-1] == 0 && len(full) > 1 {
		full = full[:len(full)-1]
	}
	return full
}

func (e *encoder) parents(list []eval.Parent) []any {
	out := []any{}
	for _, d := range list {
		one := []any{d.Flag, 0}
		if d.Enabled {
			one[1] = 1
		}
		for _, v := range d.Variants {
			one = append(one, v)
		}
		out = append(out, one)
	}
	return out
}

// strategy is a share, or a list of a share and references to conditions.
func (e *encoder) strategy(s *eval.Strategy) any {
	head := everybodyShare
	if s.Share != nil {
		head = firstShare + perSticky*e.sticky(s.Share.Sticky) + s.Share.Percent
		if s.Share.Group != e.name {
			head = ^len(e.out.Shares)
			e.out.Shares = append(e.out.Shares, []any{
				firstShare + perSticky*e.sticky(s.Share.Sticky) + s.Share.Percent, s.Share.Group,
			})
		}
	}
	if len(s.Conditions) == 0 {
		return head
	}
	out := []any{head}
	for _, k := range s.Conditions {
		out = append(out, e.condition(k))
	}
	return out
}

// sticky is a list of fields, then -1 for a draw or the text that counts
// without any of them.
func (e *encoder) sticky(s *eval.Sticky) int {
	list := []any{}
	for _, i := range s.Fields {
		list = append(list, e.field(i))
	}
	switch {
	case s.Fixed != "":
		list = append(list, s.Fixed)
	case s.Random:
		list = append(list, -1)
	}
	return intern(e.stickies, &e.out.Stickies, list)
}

// intern returns the place of a value in a table, which it extends by what it
// does not hold.
func intern(known map[string]int, table *[]any, value any) int {
	key := string(plainjson.Must(value))
	n, ok := known[key]
	if !ok {
		n = len(*table)
		known[key] = n
		*table = append(*table, json.RawMessage(key))
	}
	return n
}

// variants is a list of a shape and payloads: 0 for none, a text for one of
// type "string", else its type and value. Payloads of none at the end are left
// out.
func (e *encoder) variants(v *eval.Variants) []any {
	names, weights, overrides := []any{}, []any{}, []any{}
	payloads := []any{}
	for i := range v.List {
		names, weights = append(names, v.List[i].Name), append(weights, v.Weights[i])
		payloads = append(payloads, payloadOf(v.List[i].Payload))
	}
	for len(payloads) > 0 && payloads[len(payloads)-1] == 0 {
		payloads = payloads[:len(payloads)-1]
	}
	var group any = 0
	by := &eval.Sticky{}
	if v.Total > 0 && v.Only < 0 {
		by = v.Sticky
		if v.Group != e.name {
			group = v.Group
		}
	}
	shape := []any{e.sticky(by), group, names, weights}
	for _, o := range v.Overrides {
		overrides = append(overrides, e.condition(o.Condition), o.Variant)
	}
	if len(overrides) > 0 {
		shape = append(shape, overrides)
	}
	return append([]any{intern(e.shapes, &e.out.Shapes, shape)}, payloads...)
}

func payloadOf(p *edgecore.Payload) any {
	switch {
	case p == nil:
		return 0
	case p.Type == "string":
		return p.Value
	default:
		return []any{p.Type, p.Value}
	}
}
