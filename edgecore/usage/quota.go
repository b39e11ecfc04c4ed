package usage

// A count that overflows in Unleash's database, over several reports of one
// hour, costs it the reports of everybody, and anybody may have the token of a
// browser. So what browsers say of one flag in one hour has a quota, which
// sixteen replicas together keep below maxCount. Only large counts are
// remembered: small ones do not get there.
const (
	quotaCount = 1 << 27
	largeCount = 1 << 20
	maxLarge   = 1000
)

type rowKey struct {
	hour int64
	key
}

// quota is what has been taken of large counts.
type quota map[rowKey]uint64

// clip takes from a row what is above the quota.
func (c quota) clip(r row) (clipped row, lost loss) {
	if r.largest() < largeCount {
		return r, loss{}
	}
	k := rowKey{r.hour, r.key}
	taken, known := c[k]
	if !known && len(c) >= maxLarge {
		for old := range c {
			if old.hour < r.hour {
				delete(c, old)
			}
		}
	}
	left := quotaCount - min(taken, quotaCount)
	if !known && len(c) >= maxLarge {
		left = largeCount // of a flood of large counts: as if it were small
	} else {
		c[k] = taken + min(r.largest(), left)
	}
	part := func(n uint64, lost *uint64) uint64 {
		*lost += n - min(n, left)
		return min(n, left)
	}
	variants := make([]variant, len(r.variants))
	for i, v := range r.variants {
		variants[i] = variant{v.name, part(v.count, &lost.variants)}
	}
	r.yes, r.no, r.variants = part(r.yes, &lost.evaluations), part(r.no, &lost.evaluations), variants
	return r, lost
}

// restore gives back what was clipped and not sent.
func (c quota) restore(r row) {
	k := rowKey{r.hour, r.key}
	if taken, known := c[k]; known && r.largest() >= largeCount {
		c[k] = taken - min(taken, r.largest())
	}
}

// largest is the largest count of a row: each has a column of its own.
func (r *row) largest() uint64 {
	n := max(r.yes, r.no)
	for _, v := range r.variants {
		n = max(n, v.count)
	}
	return n
}
