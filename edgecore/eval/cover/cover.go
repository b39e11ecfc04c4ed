package cover

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// Coverage says how many branches of a program some contexts take: each
// condition of each strategy both ways, and each share of some of all ids. Some
// branches that cannot be taken, such as those behind a strategy that always passes.
type Coverage struct {
	Taken int `json:"taken"`
	Total int `json:"total"`
}

// String is such as "12 of 14 branches".
func (c Coverage) String() string { return fmt.Sprintf("%d of %d branches", c.Taken, c.Total) }

// Inputs returns contexts, at most some number of them, that take the branches
// of a program as far as they are found: what a request can cost is measured
// with them. The same program gives the same contexts. One has a time only
// where a date decides.
func Inputs(p *eval.Program, most int) ([]eval.Context, Coverage) {
	c := newSearch(p, most)
	contexts := c.run()
	return contexts, c.coverage()
}

// search is the work on one program.
type search struct {
	p          *eval.Program
	most       int
	candidates []*candidate
	v          eval.View // to try one value at a time

	sticky  []int32   // the fields that decide shares and variants
	starts  []int     // by flag: its first branch
	both    [][2]bool // by branch: taken when false, when true
	shares  []shareBranch
	byShare map[int]int // branch: its place in shares
}

func newSearch(p *eval.Program, most int) *search {
	return &search{
		p: p, most: max(most, 1), v: eval.View{P: p, C: &eval.Context{}, Slots: make([]eval.Slot, len(p.Fields))},
	}
}

func (c *search) run() []eval.Context {
	p := c.p
	for i := range p.Rules {
		c.flag(&p.Rules[i])
	}
	if len(c.candidates) == 0 {
		c.candidates = append(c.candidates, &candidate{fields: map[int32]value{}})
	}
	c.number()
	for i, d := range c.candidates {
		c.identify(d, i)
		c.visit(i)
	}
	c.permute()
	c.draw()
	out := make([]eval.Context, len(c.candidates))
	for i, d := range c.candidates {
		out[i] = d.context(p)
	}
	return out
}

// candidate is a context in the making. A field without a value is still free.
type candidate struct {
	fields map[int32]value
	time   time.Time // zero: free
}

type value struct {
	text   string
	absent bool
}

func (d *candidate) context(p *eval.Program) eval.Context {
	c := eval.Context{Fields: map[string]string{}, Time: d.time}
	for i, v := range d.fields {
		if !v.absent {
			c.Fields[p.Fields[i].Name] = v.text
		}
	}
	return c
}

// requirement is what a condition should say.
type requirement struct {
	condition *eval.Condition
	holds     bool
}

// Rule has a draft for each way through the conditions of a flag. What the
// parents and the strategies before have to say comes first.
func (c *search) flag(f *eval.Rule) {
	var before []requirement
	for i := range f.Parents {
		before = append(before, c.parent(&f.Parents[i])...)
	}
	for i := range f.Strategies {
		s := &f.Strategies[i]
		passed := slices.Clone(before)
		for _, k := range s.Conditions {
			c.require(append(slices.Clone(passed), requirement{k, false}))
			passed = append(passed, requirement{k, true})
		}
		c.require(passed)
		for _, all := range []*eval.Variants{s.Variants, f.Variants} {
			if all == nil {
				continue
			}
			for _, o := range all.Overrides {
				c.require(append(slices.Clone(passed), requirement{o.Condition, true}))
			}
		}
		if len(s.Conditions) > 0 {
			before = append(before, requirement{s.Conditions[0], false})
		}
	}
}

// parent requires that a dependency is met.
func (c *search) parent(d *eval.Parent) (requirements []requirement) {
	strategies := c.p.Rules[d.Flag].Strategies
	for i := range strategies {
		for _, k := range strategies[i].Conditions {
			requirements = append(requirements, requirement{k, d.Enabled})
			if !d.Enabled {
				break
			}
		}
		if d.Enabled {
			break
		}
	}
	return requirements
}

// require puts requirements into the first draft that they fit in, or into a new one.
func (c *search) require(requirements []requirement) {
	if len(requirements) == 0 {
		return
	}
	for _, d := range c.candidates {
		if c.satisfy(d, requirements) {
			return
		}
	}
	if d := (&candidate{fields: map[int32]value{}}); len(c.candidates) < c.most && c.satisfy(d, requirements) {
		c.candidates = append(c.candidates, d)
	}
}

// satisfy fixes what requirements need, or nothing when that is not possible. Of a
// segment that should fail the first condition that can does.
func (c *search) satisfy(d *candidate, requirements []requirement) bool {
	const alternatives = 4
	for alternative := range alternatives {
		open := false
		byField := map[int32][]requirement{}
		var flatten func(w requirement)
		flatten = func(w requirement) {
			if w.condition.Op != eval.OpAll {
				field := w.condition.Field
				if w.condition.Op == eval.OpDate {
					field = ofTime
				}
				byField[field] = append(byField[field], w)
				return
			}
			all := w.condition.All
			if w.holds != w.condition.Inverted {
				for _, k := range all {
					flatten(requirement{k, true})
				}
			} else if len(all) > 0 {
				open = open || len(all) > 1
				flatten(requirement{all[alternative%len(all)], false})
			}
		}
		for _, w := range requirements {
			flatten(w)
		}
		if c.fix(d, byField) {
			return true
		}
		if !open {
			return false
		}
	}
	return false
}

// ofTime is the time among the fields.
const ofTime = -1

func (c *search) fix(d *candidate, byField map[int32][]requirement) bool {
	found := map[int32]value{}
	at := d.time
	for field, requirements := range byField {
		if field == ofTime {
			var ok bool
			if at, ok = c.instant(d.time, requirements); !ok {
				return false
			}
			continue
		}
		if v, fixed := d.fields[field]; fixed {
			if !c.agrees(field, v, requirements) {
				return false
			}
			continue
		}
		v, ok := c.choose(field, requirements)
		if !ok {
			return false
		}
		found[field] = v
	}
	d.time = at
	for field, v := range found {
		d.fields[field] = v
	}
	return true
}

// choose finds a value of a field that all requirements about it are content with,
// if possible one that other drafts have: then one draft does for many flags.
func (c *search) choose(field int32, requirements []requirement) (value, bool) {
	const looked = 16
	for i := range min(len(c.candidates), looked) {
		if v, ok := c.candidates[i].fields[field]; ok && c.agrees(field, v, requirements) {
			return v, true
		}
	}
	for _, w := range requirements {
		for _, text := range c.examples(w.condition) {
			if v := (value{text: text}); c.agrees(field, v, requirements) {
				return v, true
			}
		}
	}
	for _, v := range []value{{text: "other"}, {absent: true}} {
		if c.agrees(field, v, requirements) {
			return v, true
		}
	}
	return value{}, false
}

func (c *search) agrees(field int32, v value, requirements []requirement) bool {
	s := &c.v.Slots[field]
	*s = eval.Slot{State: eval.Missing}
	if !v.absent {
		c.v.C.Fields = map[string]string{c.p.Fields[field].Name: v.text}
		c.v.Read(s, field)
	}
	for _, w := range requirements {
		if c.v.Holds(w.condition) != w.holds {
			return false
		}
	}
	return true
}

func (c *search) instant(fixed time.Time, requirements []requirement) (time.Time, bool) {
	candidates := []time.Time{fixed}
	if fixed.IsZero() {
		candidates = nil
		for _, w := range requirements {
			for _, ms := range []int64{0, -1, 1} {
				candidates = append(candidates, time.UnixMilli(w.condition.Instant+ms).UTC())
			}
		}
	}
	for _, at := range candidates {
		c.v.C.Time = at
		if !slices.ContainsFunc(requirements, func(w requirement) bool { return c.v.Holds(w.condition) != w.holds }) {
			return at, true
		}
	}
	return fixed, false
}

// examples are values near what a condition looks for.
func (c *search) examples(k *eval.Condition) []string {
	const most = 8
	var out []string
	switch k.Op {
	case eval.OpIn:
		for text, item := range c.p.Fields[k.Field].Values {
			if eval.Contains(k.Items, item) {
				out = append(out, text)
			}
		}
		slices.Sort(out) // the map has no order
		return out[:min(len(out), most)]
	case eval.OpStartsWith, eval.OpEndsWith, eval.OpContains:
		return append(slices.Clone(k.Texts[:min(len(k.Texts), most)]), "")
	case eval.OpNumber:
		for _, n := range []float64{k.Number, k.Number + 1, k.Number - 1} {
			out = append(out, strconv.FormatFloat(n, 'f', -1, 64))
		}
	case eval.OpVersion:
		out = append(out, k.Version.String(), k.Version.Next().String(), "0.0.0")
	case eval.OpRegex:
		if text, ok := example(k.MachineOf()); ok {
			out = append(out, text)
		}
	case eval.OpCIDR:
		for _, prefix := range k.Prefixes[:min(len(k.Prefixes), most)] {
			out = append(out, prefix.Addr().String())
		}
		out = append(out, netip.AddrFrom4([4]byte{192, 0, 2, 1}).String())
	}
	return out
}

// example is the shortest text that the machine takes, as if its assertions
// held.
func example(m *eval.Machine) (string, bool) {
	if m == nil || len(m.Code) == 0 {
		return "", false
	}
	type step struct {
		pc   int32
		text string
	}
	seen := make([]bool, len(m.Code))
	for queue := []step{{}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if seen[at.pc] {
			continue
		}
		seen[at.pc] = true
		switch i := &m.Code[at.pc]; i.Op {
		case eval.CodeMatch:
			return at.text, true
		case eval.CodeSplit:
			queue = append(queue, step{i.Out, at.text}, step{i.Alt, at.text})
		case eval.CodeAssert:
			queue = append(queue, step{i.Out, at.text})
		case eval.CodeRune:
			if len(i.Runs) > 0 {
				queue = append(queue, step{i.Out, at.text + string(printable(i.Runs))})
			}
		}
	}
	return "", false
}

// printable prefers a letter among runs of characters.
func printable(runs []int32) rune {
	for _, r := range "a0A-" {
		if eval.Takes(runs, r) {
			return r
		}
	}
	return runs[0]
}

// identify gives a value to the free fields that a share is decided by.
func (c *search) identify(d *candidate, number int) {
	for _, field := range c.sticky {
		if _, fixed := d.fields[field]; !fixed {
			d.fields[field] = value{text: idOf(number)}
		}
	}
}

func idOf(number int) string { return "user-" + strconv.Itoa(number) }
