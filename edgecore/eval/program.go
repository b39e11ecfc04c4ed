package eval

import (
	"slices"
	"sync"
	"time"
)

// Program is definitions compiled for evaluation: an immutable tree of plain
// data. It is safe for concurrent use.
//
// Every way of making one gives the same form: Compile from definitions,
// Specialize from another program and a static context, Decode from a
// snapshot.
type Program struct {
	Fields []Field // the context fields that any flag looks at
	Rules  []Rule  // sorted by name (CompareNames)
	heads  []head  // of the flags
	List   []Flag  // what is known about each of them
	Index  map[string]int32
	Flips  []time.Time // sorted: when a DATE constraint changes its answer
	Salt   string      // of hashed fields
	Source any         // what Next goes on from; nil where it was not compiled of definitions
	views  sync.Pool   // for Evaluate
}

// Field is a context field that conditions refer to by its number.
type Field struct {
	Name string
	// Values numbers the texts that lists of this field hold, so that a list
	// is numbers and a request looks its value up once.
	Values map[string]int32
	// Hashed says that values are digests of values (Program.digest).
	Hashed bool
}

// Rule is what decides a flag.
type Rule struct {
	// Strategies are tried in order. There is none for a flag that is off; a
	// flag that is on for everybody has one without conditions.
	Strategies []Strategy
	Parents    []Parent
	Variants   *Variants // of the flag itself; nil: none
}

// head is the answer of most flags in as few bytes as possible: a request for
// all flags walks over all heads, and looks at little else.
type head struct {
	kind    headKind
	percent int32     // headShare: of the share that decides
	sticky  *Sticky   // likewise
	prefix  HashState // likewise
}

type headKind uint8

const (
	headOff   headKind = iota
	headOn             // for everybody, without variants
	headShare          // a share of less than 100 % decides, and nothing else
	headOpen           // see the flag
)

// Finish makes the heads of flags that are done.
func (p *Program) Finish() *Program {
	p.heads = make([]head, len(p.Rules))
	for i := range p.Rules {
		p.heads[i] = headOf(&p.Rules[i])
	}
	return p
}

func headOf(f *Rule) head {
	if len(f.Strategies) == 0 {
		return head{kind: headOff}
	}
	first := &f.Strategies[0]
	switch s := first.Share; {
	case len(f.Parents) > 0 || f.Variants != nil || first.Variants != nil || len(first.Conditions) > 0:
	case s == nil:
		return head{kind: headOn}
	case len(f.Strategies) == 1 && s.Percent < 100:
		return head{kind: headShare, percent: int32(s.Percent), sticky: s.Sticky, prefix: s.Prefix}
	}
	return head{kind: headOpen}
}

// Parent is one dependency of a flag.
type Parent struct {
	Flag     int32 // number of the flag
	Enabled  bool  // what it must be
	Variants []string
}

// Strategy passes when all its conditions and its share do.
type Strategy struct {
	Conditions []*Condition
	Share      *Share    // nil: everybody
	Variants   *Variants // nil: those of the flag
}

// Everybody reports whether all pass a strategy.
func (s *Strategy) Everybody() bool { return len(s.Conditions) == 0 && s.Share == nil }

// Flags lists the flags of the program, sorted by name. The list is shared: do
// not change it.
func (p *Program) Flags() []Flag { return p.List }

// Lookup returns what is known about one flag.
func (p *Program) Lookup(name string) (Flag, bool) {
	i, ok := p.Index[name]
	if !ok {
		return Flag{}, false
	}
	return p.List[i], true
}

// NextFlip returns the first instant after t at which a DATE constraint
// changes its answer, so that the same context may get another result. ok is
// false when there is none.
func (p *Program) NextFlip(t time.Time) (flip time.Time, ok bool) {
	i, found := slices.BinarySearchFunc(p.Flips, t, time.Time.Compare)
	if found {
		i++
	}
	if i == len(p.Flips) {
		return time.Time{}, false
	}
	return p.Flips[i], true
}

// Evaluate decides one flag. A flag that the program does not know is off.
// The variant of a flag that is off, or has no variants, is "disabled". To
// decide several flags for one context take a View.
func (p *Program) Evaluate(name string, c *Context) Result {
	i, ok := p.Index[name]
	if !ok {
		return Off
	}
	v, _ := p.views.Get().(*View)
	if v == nil {
		v = &View{}
	}
	v.Reset(p, c)
	r := v.Flag(int(i))
	v.C = nil
	p.views.Put(v)
	return r
}

// Clone returns a program with rules of its own, which SetRule may set. It
// shares everything else.
func (p *Program) Clone() *Program {
	return &Program{
		Fields: slices.Clone(p.Fields), Rules: slices.Clone(p.Rules), heads: slices.Clone(p.heads), List: p.List,
		Index: p.Index, Flips: p.Flips, Salt: p.Salt,
	}
}

// SetRule sets the rule of a flag, before the program is used.
func (p *Program) SetRule(i int32, f Rule) {
	p.Rules[i] = f
	p.heads[i] = headOf(&p.Rules[i])
}
