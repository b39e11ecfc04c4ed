package eval

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

func (r *decoder) flags() {
	r.in("names")
	var names []string
	if r.wire.Names != "" || len(r.wire.Flags) > 0 {
		if n := 1 + strings.Count(r.wire.Names, endOfText); n != len(r.wire.Flags) {
			r.fail("there are %d for %d flags", n, len(r.wire.Flags))
			return
		}
		names = strings.Split(r.wire.Names, endOfText)
	}
	r.p.list, r.p.flags = make([]Flag, len(names)), make([]flag, len(names))
	for i, name := range names {
		r.p.list[i].Name = name
		r.p.index[name] = int32(i)
		if i > 0 && compareNames(names[i-1], name) >= 0 {
			r.fail("%q stands behind %q: they have to be sorted, and once each", shown(name), shown(names[i-1]))
			return
		}
	}
	for what, places := range map[string][]int32{"impressions": r.wire.Impressions, "hidden": r.wire.Hidden} {
		for _, i := range places {
			r.in(what)
			if i < 0 || int(i) >= len(names) {
				r.fail("there is no flag %d", i)
				return
			}
			if what == "hidden" {
				r.p.list[i].Hidden = true
			} else {
				r.p.list[i].ImpressionData = true
			}
		}
	}
	for i, v := range r.wire.Flags {
		if r.err != nil {
			return
		}
		r.at("flags", i)
		r.p.flags[i] = r.flag(names[i], v)
	}
	for i := range r.p.flags {
		r.at("flags", i)
		for _, d := range r.p.flags[i].parents {
			if len(r.p.flags[d.flag].parents) > 0 {
				r.fail("its parent has parents")
			}
		}
	}
}

func (r *decoder) flag(name string, v any) flag {
	if v == json.Number("0") {
		return flag{}
	}
	list, _ := v.([]any)
	if len(list) == 0 {
		return flag{strategies: []strategy{r.strategy(name, v)}}
	}
	strategies, full := list[0].([]any)
	if !full {
		return flag{strategies: []strategy{r.strategy(name, v)}}
	}
	out := flag{strategies: make([]strategy, 0, len(strategies))}
	for _, s := range strategies {
		out.strategies = append(out.strategies, r.strategy(name, s))
	}
	if len(out.strategies) == 0 || len(list) > 4 {
		r.fail("has no strategies, or more than four members")
	}
	if r.err != nil {
		return out
	}
	list = append(slices.Clone(list), json.Number("0"), json.Number("0"), json.Number("0"))
	out.variants = r.variants(name, list[1])
	if list[2] != json.Number("0") {
		own := r.list(list[2], len(strategies))
		for i := range out.strategies {
			if r.err != nil {
				return out
			}
			out.strategies[i].variants = r.variants(name, own[i])
		}
	}
	if list[3] != json.Number("0") {
		for _, v := range r.list(list[3], 1) {
			one := r.list(v, 2)
			d := parent{flag: int32(max(r.place(one[0], len(r.wire.Flags)), 0)), enabled: r.whole(one[1], 0, 1) == 1}
			for _, variant := range one[2:] {
				d.variants = append(d.variants, r.text(variant))
			}
			out.parents = append(out.parents, d)
		}
	}
	return out
}

func (r *decoder) strategy(name string, v any) strategy {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return strategy{share: r.shareOf(name, v)}
	}
	s := strategy{share: r.shareOf(name, list[0])}
	if len(list) > 1 {
		s.conditions = make([]*condition, 0, len(list)-1)
	}
	for _, one := range list[1:] {
		s.conditions = append(s.conditions, r.reference(one))
	}
	return s
}

func (r *decoder) shareOf(name string, v any) *share {
	n := int(r.whole(v, -int64(len(r.wire.Shares)), firstShare+perSticky*int64(len(r.sticky))-1))
	switch {
	case r.err != nil || n == everybodyShare:
		return nil
	case n < 0:
		named := r.list(r.wire.Shares[^n], 2)
		n, name = int(r.whole(named[0], firstShare, firstShare+perSticky*int64(len(r.sticky))-1)), r.text(named[1])
	}
	if n -= firstShare; n < 0 || n >= perSticky*len(r.sticky) {
		r.fail("%s is no share", shown(v))
		return nil
	}
	return &share{sticky: r.sticky[n/perSticky], percent: n % perSticky, group: name, prefix: newPrefix(rolloutSeed, name)}
}

// shape is what variants of several flags may have in common.
type shape struct {
	list      []Variant // without payloads
	weights   []int
	total     int
	overrides []override
	sticky    *sticky
	group     *string // nil: the name of the flag
}

// spareVariants is how many variants a document may have that refer to a shape,
// beside one for each of its bytes: each has payloads of its own, and is looked
// at by the comparison of flags.
const spareVariants = 100_000

func (r *decoder) variants(name string, v any) *variants {
	if v == json.Number("0") {
		return nil
	}
	list := r.list(v, 1)
	at := r.place(list[0], len(r.shapes))
	if at < 0 || r.err != nil {
		return nil
	}
	if r.shapes[at] == nil {
		r.shapes[at] = r.shape(at)
	}
	shape, payloads := r.shapes[at], list[1:]
	if r.variantsLeft -= len(shape.list); r.variantsLeft < 0 {
		r.fail("the flags have more variants than the document has bytes")
	}
	if len(payloads) > len(shape.list) {
		r.fail("the variants of shape %d do not fit together", at)
	}
	if r.err != nil {
		return nil
	}
	out := &variants{
		list: shape.list, weights: shape.weights, total: shape.total, overrides: shape.overrides, sticky: shape.sticky, group: name,
	}
	if shape.group != nil {
		out.group = *shape.group
	}
	out.prefix = newPrefix(variantSeed, out.group)
	if len(payloads) > 0 {
		out.list = slices.Clone(shape.list)
	}
	for i := range payloads {
		out.list[i].Payload = r.payload(payloads[i])
	}
	out.normalize()
	return out
}

// shape reads a row of the table of shapes. It is not nil.
func (r *decoder) shape(at int) *shape {
	out := &shape{}
	wire := r.list(r.wire.Shapes[at], 4)
	names, weights := r.list(wire[2], 0), r.list(wire[3], 0)
	by := r.place(wire[0], len(r.sticky))
	if len(names) != len(weights) || by < 0 {
		r.fail("the variants of shape %d do not fit together", at)
		return out
	}
	if wire[1] != json.Number("0") {
		group := r.text(wire[1])
		out.group = &group
	}
	out.sticky = r.sticky[by]
	out.list, out.weights = make([]Variant, len(names)), make([]int, len(names))
	for i := range names {
		out.list[i] = Variant{Name: r.text(names[i]), Enabled: true}
		out.weights[i] = int(r.whole(weights[i], 0, maxWeight))
		out.total += out.weights[i]
	}
	if len(wire) > 4 {
		overrides := r.list(wire[4], 2)
		for i := 0; i+1 < len(overrides); i += 2 {
			out.overrides = append(out.overrides, override{r.reference(overrides[i]), max(r.place(overrides[i+1], len(names)), 0)})
		}
	}
	return out
}

func (r *decoder) payload(v any) *edgecore.Payload {
	switch v := v.(type) {
	case json.Number:
		return nil
	case string:
		return &edgecore.Payload{Type: "string", Value: v}
	default:
		pair := r.list(v, 2)
		return &edgecore.Payload{Type: r.text(pair[0]), Value: r.text(pair[1])}
	}
}
