package usage

// key identifies the counts that are merged within an hour.
type key struct{ app, flag string }

// counts of one flag. Each fits Unleash's database: see maxCount.
type counts struct {
	yes, no  uint64
	variants []variant
}

type variant struct {
	name  string
	count uint64
}

func (c *counts) evaluations() uint64 { return c.yes + c.no }

// row has the counts of one application, flag and hour.
type row struct {
	hour int64 // since 1970
	key
	counts
}

// Approximate memory of a row and of a variant without their names, in bytes: map
// entry, struct, allocations.
const (
	rowCost     = 200
	variantCost = 48
	// maxVariants bounds the bytes of the variants of one row, so that it fits
	// into a report.
	maxVariants = 16 << 10
)

// aggregator merges rows within a number of bytes. It has no clock and no lock.
type aggregator struct {
	max, used int
	hours     map[int64]map[key]*counts
	rows      int
}

func newAggregator(most int) aggregator {
	return aggregator{max: most, hours: map[int64]map[key]*counts{}}
}

// loss counts what was dropped because memory was full.
type loss struct{ evaluations, variants, registrations uint64 }

// add merges a row. Older hours are dropped for a newer one.
func (p *aggregator) add(r row) (lost loss) {
	have := p.hours[r.hour][r.key]
	if have == nil {
		cost := rowCost + len(r.app) + len(r.flag)
		if !p.evict(cost, r.hour, &lost) {
			lost.evaluations += r.evaluations()
			lost.variants += sum(r.variants)
			return lost
		}
		have = &counts{}
		if p.hours[r.hour] == nil {
			p.hours[r.hour] = map[key]*counts{}
		}
		p.hours[r.hour][r.key] = have
		p.used += cost
		p.rows++
	}
	have.yes = capped(have.yes, r.yes, &lost.evaluations)
	have.no = capped(have.no, r.no, &lost.evaluations)
	for _, v := range r.variants {
		p.addVariant(have, r.hour, v, &lost)
	}
	return lost
}

func (p *aggregator) addVariant(have *counts, hour int64, v variant, lost *loss) {
	bytes := 0
	for i := range have.variants {
		if have.variants[i].name == v.name {
			have.variants[i].count = capped(have.variants[i].count, v.count, &lost.variants)
			return
		}
		bytes += variantCost + len(have.variants[i].name)
	}
	cost := variantCost + len(v.name)
	if bytes+cost > maxVariants || !p.evict(cost, hour, lost) {
		lost.variants += v.count
		return
	}
	have.variants = append(have.variants, v)
	p.used += cost
}

// capped adds up to maxCount, and counts the rest as lost.
func capped(a, b uint64, lost *uint64) uint64 {
	if a+b > maxCount {
		*lost += a + b - maxCount
		return maxCount
	}
	return a + b
}

// evict drops whole hours before one, the oldest first.
func (p *aggregator) evict(cost int, hour int64, lost *loss) bool {
	for p.used+cost > p.max {
		first, ok := p.first()
		if !ok || first >= hour {
			return false
		}
		for k, c := range p.hours[first] {
			lost.evaluations += c.evaluations()
			lost.variants += sum(c.variants)
			p.forget(first, k, c)
		}
	}
	return true
}

// first returns the oldest hour.
func (p *aggregator) first() (hour int64, ok bool) {
	for h := range p.hours {
		if !ok || h < hour {
			hour, ok = h, true
		}
	}
	return hour, ok
}

// take removes and returns a row of the oldest hour.
func (p *aggregator) take() (row, bool) {
	hour, _ := p.first()
	for k, c := range p.hours[hour] {
		p.forget(hour, k, c)
		return row{hour: hour, key: k, counts: *c}, true
	}
	return row{}, false
}

func (p *aggregator) forget(hour int64, k key, c *counts) {
	p.used -= rowCost + len(k.app) + len(k.flag)
	for _, v := range c.variants {
		p.used -= variantCost + len(v.name)
	}
	p.rows--
	delete(p.hours[hour], k)
	if len(p.hours[hour]) == 0 {
		delete(p.hours, hour)
	}
}

// evaluations returns the sum of all rows.
func (p *aggregator) evaluations() (n uint64) {
	for _, rows := range p.hours {
		for _, c := range rows {
			n += c.evaluations()
		}
	}
	return n
}

func sum(list []variant) (n uint64) {
	for _, v := range list {
		n += v.count
	}
	return n
}
