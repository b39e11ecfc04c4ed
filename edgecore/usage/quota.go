package usage

// A count that overflows in Unleash's database, over several reports of one hour, makes
// it lose the reports of all clients, and the token of a browser is public. So the
// counts of browsers for one flag in one hour have a quota, which keeps sixteen
// replicas together below maxCount. Only large counts are tracked: small ones cannot
// reach it.
const (
	quotaCount = 1 << 27
	largeCount = 1 << 20
	maxLarge   = 1000
)

type rowKey struct {
	hour int64
	key
}

// quota holds the sums of large counts that have been sent.
type quota map[rowKey]uint64

// clip cuts the counts of a row at the quota.
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
		left = largeCount // a flood of large counts: treat it as small
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

// restore subtracts a row that was clipped and not sent.
func (c quota) restore(r row) {
	k := rowKey{r.hour, r.key}
	if taken, known := c[k]; known && r.largest() >= largeCount {
		c[k] = taken - min(taken, r.largest())
	}
}

// largest returns the largest count of a row: each has a column of its own.
func (r *row) largest() uint64 {
	n := max(r.yes, r.no)
	for _, v := range r.variants {
		n = max(n, v.count)
	}
	return n
}
