package eval

import "math"

// Variants are the values of a flag or of one of its strategies. With a total
// of 0 the variant is the disabled one.
type Variants struct {
	List      []Variant
	Weights   []int
	Overrides []Override // the first that holds counts, before any weight
	Total     int        // sum of the weights
	Only      int        // the variant that has all the weight, -1: none has
	Sticky    *Sticky
	Group     string
	Prefix    HashState // of the group
}

// MaxWeight bounds a weight; the Unleash server has 1000. A snapshot holds none
// beyond it.
const MaxWeight = math.MaxInt32

// Override gives a variant to every context that a condition holds for.
type Override struct {
	Condition *Condition
	Variant   int
}

// Choose returns a variant for an enabled flag.
func (v *View) Choose(all *Variants) *Variant {
	if all.Total == 0 {
		return &Disabled
	}
	for i := range all.Overrides {
		if o := &all.Overrides[i]; v.Holds(o.Condition) {
			return &all.List[o.Variant]
		}
	}
	if all.Only >= 0 {
		return &all.List[all.Only]
	}
	id, _, ok := v.StickyValue(all.Sticky)
	if !ok {
		return &Disabled
	}
	target := all.Prefix.Bucket(id, all.Total)
	for i, weight := range all.Weights {
		if target -= weight; target <= 0 {
			return &all.List[i]
		}
	}
	return &Disabled // not reached: the weights add up to total
}

// Normalize computes what follows from the weights. Without any weight there is
// only the disabled variant, overrides or not.
func (v *Variants) Normalize() {
	v.Only = -1
	for i, weight := range v.Weights {
		if weight == v.Total {
			v.Only = i
			break
		}
	}
	if v.Total == 0 {
		v.List, v.Weights, v.Overrides = nil, nil, nil
	}
}

// Constant returns the name of the variant, if there is but one.
func (v *Variants) Constant() (name string, ok bool) {
	switch {
	case v == nil || v.Total == 0:
		return Disabled.Name, true
	case v.Only >= 0 && len(v.Overrides) == 0:
		return v.List[v.Only].Name, true
	}
	return "", false
}
