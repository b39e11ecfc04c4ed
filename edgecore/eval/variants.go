package eval

import "math"

// variants are the values of a flag or of one of its strategies. With a total
// of 0 the variant is the disabled one.
type variants struct {
	list      []Variant
	weights   []int
	overrides []override // the first that holds counts, before any weight
	total     int        // sum of the weights
	only      int        // the variant that has all the weight, -1: none has
	sticky    *sticky
	group     string
	prefix    prefix // of the group
}

// maxWeight bounds a weight; the Unleash server has 1000. A snapshot holds none
// beyond it.
const maxWeight = math.MaxInt32

// override gives a variant to every context that a condition holds for.
type override struct {
	condition *condition
	variant   int
}

// choose returns a variant for an enabled flag.
func (v *View) choose(all *variants) *Variant {
	if all.total == 0 {
		return &disabled
	}
	for i := range all.overrides {
		if o := &all.overrides[i]; v.holds(o.condition) {
			return &all.list[o.variant]
		}
	}
	if all.only >= 0 {
		return &all.list[all.only]
	}
	id, _, ok := v.decider(all.sticky)
	if !ok {
		return &disabled
	}
	target := all.prefix.bucket(id, all.total)
	for i, weight := range all.weights {
		if target -= weight; target <= 0 {
			return &all.list[i]
		}
	}
	return &disabled // not reached: the weights add up to total
}

// normalize computes what follows from the weights. Without any weight there is
// only the disabled variant, overrides or not.
func (v *variants) normalize() {
	v.only = -1
	for i, weight := range v.weights {
		if weight == v.total {
			v.only = i
			break
		}
	}
	if v.total == 0 {
		v.list, v.weights, v.overrides = nil, nil, nil
	}
}

// constant returns the name of the variant, if there is but one.
func (v *variants) constant() (name string, ok bool) {
	switch {
	case v == nil || v.total == 0:
		return disabled.Name, true
	case v.only >= 0 && len(v.overrides) == 0:
		return v.list[v.only].Name, true
	}
	return "", false
}
