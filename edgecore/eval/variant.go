package eval

import (
	"slices"

	"github.com/flagcast/flagcast/edgecore"
)

// variants are the values of a flag or of one of its strategies.
type variants struct {
	list   []variant
	total  int // sum of the weights
	group  string
	sticky sticky
}

type variant struct {
	Variant
	weight    int
	overrides []edgecore.Override
}

// choose returns a variant for an enabled flag.
func (v *variants) choose(c *Context) Variant {
	if v.total == 0 {
		return disabled
	}
	for i := range v.list {
		if v.list[i].overridden(c) {
			return v.list[i].Variant
		}
	}
	if only := v.only(); only != nil {
		return only.Variant
	}
	id, _, ok := v.sticky.id(c)
	if !ok {
		return disabled
	}
	target := bucket(variantSeed, v.group, id, v.total)
	for i := range v.list {
		if target -= v.list[i].weight; target <= 0 && v.list[i].weight > 0 {
			return v.list[i].Variant
		}
	}
	return disabled // not reached: the weights add up to total
}

// only returns the variant that has all the weight, if one has.
func (v *variants) only() *variant {
	for i := range v.list {
		if v.list[i].weight == v.total {
			return &v.list[i]
		}
	}
	return nil
}

func (v *variant) overridden(c *Context) bool {
	for i := range v.overrides {
		o := &v.overrides[i]
		if value, ok := c.Fields[o.ContextName]; ok && slices.Contains(o.Values, value) {
			return true
		}
	}
	return false
}
