package eval

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

// EncodeRules writes a program, as far as it fits (Fit), as the member "rules"
// of a snapshot: a JSON object. The same program gives the same bytes.
func (p *Program) EncodeRules(o RulesOptions) ([]byte, error) {
	p, _ = p.Fit()
	e := p.newEncoder(o)
	names := make([]string, len(p.list))
	for i, f := range p.list {
		names[i] = f.Name
		if f.ImpressionData {
			e.out.Impressions = append(e.out.Impressions, int32(i))
		}
		if f.Hidden {
			e.out.Hidden = append(e.out.Hidden, int32(i))
		}
		e.name = f.Name
		e.out.Flags = append(e.out.Flags, e.flag(&p.flags[i]))
	}
	if len(e.refused) > 0 {
		return nil, &RulesError{Flags: slices.Sorted(maps.Keys(e.refused)), Why: "flags hold ids that may not leave as they are; leave such flags out, or name fewer fields that hold ids"}
	}
	e.out.Names = strings.Join(names, endOfText)
	e.values()
	return marshal(e.out), nil
}

// newEncoder returns an encoder that has met nothing yet.
func (p *Program) newEncoder(o RulesOptions) *encoder {
	e := &encoder{
		p: p, texts: texts{}, salt: o.Salt, fields: map[int32]int{}, numbers: map[string]int{}, conditions: map[*condition]int{},
		stickies: map[string]int{}, shapes: map[string]int{}, postings: map[int32]map[int32][]int{},
		hashed: map[int32]bool{}, refused: map[string]bool{}, segments: map[*condition]bool{},
	}
	for i := 0; i < len(p.fields) && len(o.Fields) > 0; i++ {
		if slices.Contains(o.Fields, p.fields[i].name) {
			switch o.Identifiers {
			case IdentifiersHash:
				e.hashed[int32(i)] = true
			case IdentifiersRefuse:
				e.forbidden = append(e.forbidden, int32(i))
			}
		}
	}
	e.out = wireRules{
		Flags: []any{}, Fields: []any{}, Values: []any{}, Stickies: []any{}, Shares: []any{}, Conditions: []any{}, Shapes: []any{},
		Impressions: []int32{}, Hidden: []int32{},
	}
	return e
}

// marshal writes JSON without escapes for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("eval: encode rules: " + err.Error()) // numbers are finite, and texts always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// encoder numbers what it meets, in the order in which it meets it, and writes
// what is equal once.
type encoder struct {
	p     *Program
	texts texts
	out   wireRules
	name  string // of the flag that is being written
	salt  string

	fields     map[int32]int             // number of a field on the wire
	conditions map[*condition]int        // reference of a condition
	numbers    map[string]int            // conditions, by what they say
	stickies   map[string]int            // by what they say
	shapes     map[string]int            // by what they say
	postings   map[int32]map[int32][]int // by field and item: the conditions that list it

	segments map[*condition]bool // whether they hold ids that may not be written

	hashed    map[int32]bool
	forbidden []int32
	refused   map[string]bool
}

func (e *encoder) field(i int32) int {
	n, ok := e.fields[i]
	if !ok {
		n = len(e.out.Fields)
		e.fields[i] = n
		e.out.Fields = append(e.out.Fields, e.p.fields[i].name)
		e.out.Values = append(e.out.Values, "")
		if e.hashed[i] || e.p.fields[i].hashed {
			e.out.Hashed = append(e.out.Hashed, int32(n))
		}
	}
	return n
}

// flag: 0 is off; a share alone is a number; one strategy is a list of numbers;
// anything else is [strategies, variants, variants of strategies, parents],
// where 0 is none and nothing at the end is left out.
func (e *encoder) flag(f *flag) any {
	if len(f.strategies) == 0 {
		return 0
	}
	strategies, own := make([]any, len(f.strategies)), make([]any, len(f.strategies))
	hasOwn := false
	for i := range f.strategies {
		s := &f.strategies[i]
		strategies[i] = e.strategy(s)
		own[i] = 0
		if s.variants != nil {
			own[i], hasOwn = e.variants(s.variants), true
		}
	}
	if f.variants == nil && !hasOwn && len(f.parents) == 0 && len(strategies) == 1 {
		return strategies[0]
	}
	full := []any{strategies, 0, 0, 0}
	if f.variants != nil {
		full[1] = e.variants(f.variants)
	}
	if hasOwn {
		full[2] = own
	}
	if len(f.parents) > 0 {
		full[3] = e.parents(f.parents)
	}
	for full[len(full)-1] == 0 && len(full) > 1 {
		full = full[:len(full)-1]
	}
	return full
}

func (e *encoder) parents(list []parent) []any {
	out := []any{}
	for _, d := range list {
		one := []any{d.flag, 0}
		if d.enabled {
			one[1] = 1
		}
		for _, v := range d.variants {
			one = append(one, v)
		}
		out = append(out, one)
	}
	return out
}

// strategy is a share, or a list of a share and references to conditions.
func (e *encoder) strategy(s *strategy) any {
	head := everybodyShare
	if s.share != nil {
		head = firstShare + perSticky*e.sticky(s.share.sticky) + s.share.percent
		if s.share.group != e.name {
			head = ^len(e.out.Shares)
			e.out.Shares = append(e.out.Shares, []any{firstShare + perSticky*e.sticky(s.share.sticky) + s.share.percent, s.share.group})
		}
	}
	if len(s.conditions) == 0 {
		return head
	}
	out := []any{head}
	for _, k := range s.conditions {
		out = append(out, e.condition(k))
	}
	return out
}

// sticky is a list of fields, then -1 for a draw or the text that counts
// without any of them.
func (e *encoder) sticky(s *sticky) int {
	list := []any{}
	for _, i := range s.fields {
		list = append(list, e.field(i))
	}
	switch {
	case s.fixed != "":
		list = append(list, s.fixed)
	case s.random:
		list = append(list, -1)
	}
	return intern(e.stickies, &e.out.Stickies, list)
}

// intern returns the place of a value in a table, which it extends by what it
// does not hold.
func intern(known map[string]int, table *[]any, value any) int {
	key := string(marshal(value))
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
func (e *encoder) variants(v *variants) []any {
	names, weights, overrides := []any{}, []any{}, []any{}
	payloads := []any{}
	for i := range v.list {
		names, weights = append(names, v.list[i].Name), append(weights, v.weights[i])
		payloads = append(payloads, payloadOf(v.list[i].Payload))
	}
	for len(payloads) > 0 && payloads[len(payloads)-1] == 0 {
		payloads = payloads[:len(payloads)-1]
	}
	var group any = 0
	by := &sticky{}
	if v.total > 0 && v.only < 0 {
		by = v.sticky
		if v.group != e.name {
			group = v.group
		}
	}
	shape := []any{e.sticky(by), group, names, weights}
	for _, o := range v.overrides {
		overrides = append(overrides, e.condition(o.condition), o.variant)
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
