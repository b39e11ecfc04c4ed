package eval

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

func (r *decoder) flags() {
	names := strings.Split(r.wire.Names, endOfText)
	if r.wire.Names == "" && len(r.wire.Flags) == 0 {
		names = nil
	}
	r.where = "names"
	if len(names) != len(r.wire.Flags) {
		r.fail("there are %d for %d flags", len(names), len(r.wire.Flags))
		return
	}
	r.p.list, r.p.flags = make([]Flag, len(names)), make([]flag, len(names))
	for i, name := range names {
		r.p.list[i].Name = name
		r.p.index[name] = int32(i)
		if i > 0 && compareNames(names[i-1], name) >= 0 {
			r.fail("%q stands behind %q: they have to be sorted, and once each", name, names[i-1])
		}
	}
	for what, places := range map[string][]int32{"impressions": r.wire.Impressions, "hidden": r.wire.Hidden} {
		for _, i := range places {
			r.where = what
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
	var out flag
	for _, s := range strategies {
		out.strategies = append(out.strategies, r.strategy(name, s))
	}
	if len(out.strategies) == 0 || len(list) > 4 {
		r.fail("has no strategies, or more than four members")
	}
	list = append(slices.Clone(list), json.Number("0"), json.Number("0"), json.Number("0"))
	out.variants = r.variants(name, list[1])
	if list[2] != json.Number("0") {
		own := r.list(list[2], len(strategies))
		for i := range out.strategies {
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
		r.fail("%v is no share", v)
		return nil
	}
	return &share{sticky: r.sticky[n/perSticky], percent: n % perSticky, group: name, prefix: newPrefix(rolloutSeed, name)}
}

func (r *decoder) variants(name string, v any) *variants {
	if v == json.Number("0") {
		return nil
	}
	list := r.list(v, 1)
	at := r.place(list[0], len(r.wire.Shapes))
	if at < 0 || r.err != nil {
		return nil
	}
	shape := r.list(r.wire.Shapes[at], 4)
	names, weights, payloads := r.list(shape[2], 0), r.list(shape[3], 0), list[1:]
	by := r.place(shape[0], len(r.sticky))
	if len(names) != len(weights) || len(payloads) > len(names) || by < 0 {
		r.fail("the variants of shape %d do not fit together", at)
		return nil
	}
	out := &variants{sticky: r.sticky[by], group: name}
	if shape[1] != json.Number("0") {
		out.group = r.text(shape[1])
	}
	out.prefix = newPrefix(variantSeed, out.group)
	for i := range names {
		weight := int(r.whole(weights[i], 0, maxWeight))
		one := Variant{Name: r.text(names[i]), Enabled: true}
		if i < len(payloads) {
			one.Payload = r.payload(payloads[i])
		}
		out.list, out.weights, out.total = append(out.list, one), append(out.weights, weight), out.total+weight
	}
	if len(shape) > 4 {
		overrides := r.list(shape[4], 2)
		for i := 0; i+1 < len(overrides); i += 2 {
			out.overrides = append(out.overrides, override{r.reference(overrides[i]), max(r.place(overrides[i+1], len(names)), 0)})
		}
	}
	if r.err != nil {
		return nil
	}
	out.settle()
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
