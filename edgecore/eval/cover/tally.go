package cover

import (
	"cmp"
	"maps"
	"slices"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// shareBranch is a share that is of some ids only.
type shareBranch struct {
	share  *eval.Share
	branch int
	draft  int // a draft that comes to it; -1: none does
}

// number gives each branch its place.
func (c *search) number() {
	c.starts = make([]int, len(c.p.Rules))
	c.byShare = map[int]int{}
	fields := map[int32]bool{}
	decides := func(by *eval.Sticky) {
		if by != nil {
			for _, field := range by.Fields {
				fields[field] = true
			}
		}
	}
	for i := range c.p.Rules {
		f := &c.p.Rules[i]
		c.starts[i] = len(c.both)
		if f.Variants != nil {
			decides(f.Variants.Sticky)
		}
		for j := range f.Strategies {
			s := &f.Strategies[j]
			c.both = append(c.both, make([][2]bool, len(s.Conditions))...)
			if s.Variants != nil {
				decides(s.Variants.Sticky)
			}
			if s.Share != nil {
				decides(s.Share.Sticky)
			}
			if ofSome(s.Share) {
				c.byShare[len(c.both)] = len(c.shares)
				c.shares = append(c.shares, shareBranch{s.Share, len(c.both), -1})
				c.both = append(c.both, [2]bool{})
			}
		}
	}
	c.sticky = slices.Sorted(maps.Keys(fields))
}

// ofSome: an id of the request decides, and not always the same way.
func ofSome(s *eval.Share) bool {
	return s != nil && s.Percent > 0 && s.Percent < 100 && len(s.Sticky.Fields) > 0
}

func (c *search) coverage() Coverage {
	total := Coverage{Total: 2 * len(c.both)}
	for _, b := range c.both {
		for _, taken := range b {
			if taken {
				total.Taken++
			}
		}
	}
	return total
}

// visit notes the branches that a draft takes.
func (c *search) visit(number int) {
	context := c.candidates[number].context(c.p)
	c.walk(&context, number)
}

// walk goes the way of a context through each flag, as decide does.
func (c *search) walk(context *eval.Context, number int) {
	v := c.p.NewView(context)
	for i := range c.p.Rules {
		f := &c.p.Rules[i]
		if len(f.Parents) > 0 && !v.ParentsMet(f) {
			continue
		}
		next := c.starts[i]
		for j := range f.Strategies {
			s := &f.Strategies[j]
			branch := next
			next += len(s.Conditions)
			passes := true
			for _, k := range s.Conditions {
				passes = v.Holds(k)
				c.take(branch, passes)
				if branch++; !passes {
					break
				}
			}
			if ofSome(s.Share) {
				next++
			}
			if passes && s.Share != nil {
				if passes = v.InShare(s.Share); ofSome(s.Share) {
					c.take(branch, passes)
					c.shares[c.byShare[branch]].draft = number
				}
			}
			if passes {
				break
			}
		}
	}
}

func (c *search) take(branch int, is bool) {
	if is {
		c.both[branch][1] = true
	} else {
		c.both[branch][0] = true
	}
}

// draw adds drafts with other ids, each with the one of many that takes the
// most branches of shares that no draft has taken yet.
func (c *search) draw() {
	vain := map[int]bool{} // drafts that cannot be made better
	for len(c.candidates) < c.most {
		open := map[int][]shareBranch{} // by draft that comes to them
		for _, s := range c.shares {
			if both := c.both[s.branch]; s.draft >= 0 && !vain[s.draft] && both[0] != both[1] {
				open[s.draft] = append(open[s.draft], s)
			}
		}
		if len(open) == 0 {
			return
		}
		base := slices.MinFunc(slices.Sorted(maps.Keys(open)), func(a, b int) int {
			return cmp.Compare(len(open[b]), len(open[a]))
		})
		if d := c.mutate(base, open[base]); d == nil || !c.keep(d) {
			vain[base] = true
		}
	}
}

// permute adds drafts with other ids where these come to something new: a
// strategy behind a share, the child of a parent with one.
func (c *search) permute() {
	const ids = 4
	for number := range c.candidates {
		for try := range ids {
			if len(c.candidates) >= c.most {
				return
			}
			d := &candidate{fields: maps.Clone(c.candidates[number].fields), time: c.candidates[number].time}
			for _, field := range c.sticky {
				d.fields[field] = value{text: idOf(-1 - number*ids - try)}
			}
			c.keep(d)
		}
	}
}

// keep adds a draft if it takes a branch that none has taken.
func (c *search) keep(d *candidate) bool {
	before, shares := c.coverage(), slices.Clone(c.shares)
	c.candidates = append(c.candidates, d)
	if c.visit(len(c.candidates) - 1); c.coverage() != before {
		return true
	}
	c.candidates, c.shares = c.candidates[:len(c.candidates)-1], shares
	return false
}

// mutate is a draft with another id; nil: none takes a new branch.
func (c *search) mutate(base int, open []shareBranch) *candidate {
	const ids = 1000
	field := open[0].share.Sticky.Fields[0]
	best, most := "", 0
	for number := range ids {
		id, gain := idOf(len(c.candidates)*ids+number), 0
		for _, s := range open {
			// What has been taken one way is wanted the other way.
			if s.share.Sticky.Fields[0] == field &&
				(s.share.Prefix.Percent(id) <= s.share.Percent) != c.both[s.branch][1] {
				gain++
			}
		}
		if gain > most {
			best, most = id, gain
		}
	}
	if most == 0 {
		return nil
	}
	d := &candidate{fields: maps.Clone(c.candidates[base].fields), time: c.candidates[base].time}
	d.fields[field] = value{text: best}
	return d
}
