package rules

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

func (r *decoder) flags() {
	r.in("names")
	var names []string
	if r.wire.Names != "" || len(r.wire.Flags) > 0 {
		if n := 1 + strings.Count(r.wire.Names, eval.EndOfText); n != len(r.wire.Flags) {
			r.fail("there are %d for %d flags", n, len(r.wire.Flags))
			return
		}
		names = strings.Split(r.wire.Names, eval.EndOfText)
	}
	r.p.List, r.p.Rules = make([]eval.Flag, len(names)), make([]eval.Rule, len(names))
	for i, name := range names {
		r.p.List[i].Name = name
		r.p.Index[name] = int32(i)
		if i > 0 && eval.CompareNames(names[i-1], name) >= 0 {
			r.fail("%q is behind %q: they must be sorted, and once each", shown(name), shown(names[i-1]))
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
				r.p.List[i].Hidden = true
			} else {
				r.p.List[i].ImpressionData = true
			}
		}
	}
	for i, v := range r.wire.Flags {
		if r.err != nil {
			return
		}
		r.at("flags", i)
		r.p.Rules[i] = r.flag(names[i], v)
	}
	for i := range r.p.Rules {
		r.at("flags", i)
		for _, d := range r.p.Rules[i].Parents {
			if len(r.p.Rules[d.Flag].Parents) > 0 {
				r.fail("its parent has parents")
			}
		}
	}
}

func (r *decoder) flag(name string, v any) eval.Rule {
	if v == json.Number("0") {
		return eval.Rule{}
	}
	list, _ := v.([]any)
	if len(list) == 0 {
		return eval.Rule{Strategies: []eval.Strategy{r.strategy(name, v)}}
	}
	strategies, full := list[0].([]any)
	if !full {
		return eval.Rule{Strategies: []eval.Strategy{r.strategy(name, v)}}
	}
	out := eval.Rule{Strategies: make([]eval.Strategy, 0, len(strategies))}
	for _, s := range strategies {
		out.Strategies = append(out.Strategies, r.strategy(name, s))
	}
	if len(out.Strategies) == 0 || len(list) > 4 {
		r.fail("has no strategies, or more than four members")
	}
	if r.err != nil {
		return out
	}
	list = append(slices.Clone(list), json.Number("0"), json.Number("0"), json.Number("0"))
	out.Variants = r.variants(name, list[1])
	if list[2] != json.Number("0") {
		own := r.list(list[2], len(strategies))
		for i := range out.Strategies {
			if r.err != nil {
				return out
			}
			out.Strategies[i].Variants = r.variants(name, own[i])
		}
	}
	if list[3] != json.Number("0") {
		for _, v := range r.list(list[3], 1) {
			one := r.list(v, 2)
			d := eval.Parent{
				Flag: int32(max(r.place(one[0], len(r.wire.Flags)), 0)), Enabled: r.whole(one[1], 0, 1) == 1,
			}
			for _, variant := range one[2:] {
				d.Variants = append(d.Variants, r.text(variant))
			}
			out.Parents = append(out.Parents, d)
		}
	}
	return out
}

func (r *decoder) strategy(name string, v any) eval.Strategy {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return eval.Strategy{Share: r.shareOf(name, v)}
	}
	s := eval.Strategy{Share: r.shareOf(name, list[0])}
	if len(list) > 1 {
		s.Conditions = make([]*eval.Condition, 0, len(list)-1)
	}
	for _, one := range list[1:] {
		s.Conditions = append(s.Conditions, r.reference(one))
	}
	return s
}

func (r *decoder) shareOf(name string, v any) *eval.Share {
	n := int(r.whole(v, -int64(len(r.wire.Shares)), firstShare+perSticky*int64(len(r.sticky))-1))
	switch {
	case r.err != nil || n == everybodyShare:
		return nil
	case n < 0:
		named := r.list(r.wire.Shares[^n], 2)
		n, name = int(r.whole(named[0], firstShare, firstShare+perSticky*int64(len(r.sticky))-1)), r.text(named[1])
	}
	if n -= firstShare; n < 0 || n >= perSticky*len(r.sticky) {
		r.fail("%s is not a share", shown(v))
		return nil
	}
	return &eval.Share{
		Sticky: r.sticky[n/perSticky], Percent: n % perSticky, Group: name,
		Prefix: eval.NewHash(eval.RolloutSeed, name),
	}
}

// shape is what variants of several flags may have in common.
type shape struct {
	list      []eval.Variant // without payloads
	weights   []int
	total     int
	overrides []eval.Override
	sticky    *eval.Sticky
	group     *string // nil: the name of the flag
}

// spareVariants is how many variants a document may have that refer to a shape,
// beside one for each of its bytes: each has payloads of its own, and is looked
// at by the comparison of flags.
const spareVariants = 100_000

func (r *decoder) variants(name string, v any) *eval.Variants {
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
	out := &eval.Variants{
		List: shape.list, Weights: shape.weights, Total: shape.total, Overrides: shape.overrides, Sticky: shape.sticky,
		Group: name,
	}
	if shape.group != nil {
		out.Group = *shape.group
	}
	out.Prefix = eval.NewHash(eval.VariantSeed, out.Group)
	if len(payloads) > 0 {
		out.List = slices.Clone(shape.list)
	}
	for i := range payloads {
		out.List[i].Payload = r.payload(payloads[i])
	}
	out.Normalize()
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
	out.list, out.weights = make([]eval.Variant, len(names)), make([]int, len(names))
	for i := range names {
		out.list[i] = eval.Variant{Name: r.text(names[i]), Enabled: true}
		out.weights[i] = int(r.whole(weights[i], 0, eval.MaxWeight))
		out.total += out.weights[i]
	}
	if len(wire) > 4 {
		overrides := r.list(wire[4], 2)
		for i := 0; i+1 < len(overrides); i += 2 {
			out.overrides = append(out.overrides, eval.Override{
				Condition: r.reference(overrides[i]), Variant: max(r.place(overrides[i+1], len(names)), 0),
			})
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
