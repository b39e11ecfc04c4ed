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
// Specialize from another program and a static context, DecodeRules from a
// snapshot.
type Program struct {
	fields []field // the context fields that any flag looks at
	flags  []flag  // sorted by name (compareNames)
	heads  []head  // of the flags
	list   []Flag  // what is known about each of them
	index  map[string]int32
	flips  []time.Time // sorted: when a DATE constraint changes its answer
	salt   string      // of hashed fields
	source any         // what CompileNext goes on from; nil where it was not compiled of definitions
	views  sync.Pool   // for Evaluate
}

// field is a context field that conditions refer to by its number.
type field struct {
	name string
	// values numbers the texts that lists of this field hold, so that a list
	// is numbers and a request looks its value up once.
	values map[string]int32
	// hashed says that values are digests of values (Program.digest).
	hashed bool
}

type flag struct {
	// strategies are tried in order. There is none for a flag that is off; a
	// flag that is on for everybody has one without conditions.
	strategies []strategy
	parents    []parent
	variants   *variants // of the flag itself; nil: none
}

// head is the answer of most flags in as few bytes as possible: a request for
// all flags walks over all heads, and looks at little else.
type head struct {
	kind    headKind
	percent int32   // headShare: of the share that decides
	sticky  *sticky // likewise
	prefix  prefix  // likewise
}

type headKind uint8

const (
	headOff   headKind = iota
	headOn             // for everybody, without variants
	headShare          // a share of less than 100 % decides, and nothing else
	headOpen           // see the flag
)

// finish makes the heads of flags that are done.
func (p *Program) finish() *Program {
	p.heads = make([]head, len(p.flags))
	for i := range p.flags {
		p.heads[i] = headOf(&p.flags[i])
	}
	return p
}

func headOf(f *flag) head {
	if len(f.strategies) == 0 {
		return head{kind: headOff}
	}
	first := &f.strategies[0]
	switch s := first.share; {
	case len(f.parents) > 0 || f.variants != nil || first.variants != nil || len(first.conditions) > 0:
	case s == nil:
		return head{kind: headOn}
	case len(f.strategies) == 1 && s.percent < 100:
		return head{kind: headShare, percent: int32(s.percent), sticky: s.sticky, prefix: s.prefix}
	}
	return head{kind: headOpen}
}

// parent is one dependency of a flag.
type parent struct {
	flag     int32 // number of the flag
	enabled  bool  // what it has to be
	variants []string
}

// strategy passes when all its conditions and its share do.
type strategy struct {
	conditions []*condition
	share      *share    // nil: everybody
	variants   *variants // nil: those of the flag
}

// everybody tells whether all pass a strategy.
func (s *strategy) everybody() bool { return len(s.conditions) == 0 && s.share == nil }

// Flags lists the flags of the program, sorted by name. The list is shared: do
// not change it.
func (p *Program) Flags() []Flag { return p.list }

// Lookup returns what is known about one flag.
func (p *Program) Lookup(name string) (Flag, bool) {
	i, ok := p.index[name]
	if !ok {
		return Flag{}, false
	}
	return p.list[i], true
}

// NextFlip returns the first instant after t at which a DATE constraint
// changes its answer, so that the same context may get another result. ok is
// false when there is none.
func (p *Program) NextFlip(t time.Time) (flip time.Time, ok bool) {
	i, found := slices.BinarySearchFunc(p.flips, t, time.Time.Compare)
	if found {
		i++
	}
	if i == len(p.flips) {
		return time.Time{}, false
	}
	return p.flips[i], true
}

// Evaluate decides one flag. A flag that the program does not know is off.
// The variant of a flag that is off, or has no variants, is "disabled". To
// decide several flags for one context take a View.
func (p *Program) Evaluate(name string, c *Context) Result {
	i, ok := p.index[name]
	if !ok {
		return off
	}
	v, _ := p.views.Get().(*View)
	if v == nil {
		v = &View{}
	}
	v.Reset(p, c)
	r := v.Flag(int(i))
	v.c = nil
	p.views.Put(v)
	return r
}

// clone returns a program with rules of its own, which setRule may set. It
// shares everything else.
func (p *Program) clone() *Program {
	return &Program{
		fields: slices.Clone(p.fields), flags: slices.Clone(p.flags), heads: slices.Clone(p.heads), list: p.list,
		index: p.index, flips: p.flips, salt: p.salt,
	}
}

// setRule sets the rule of a flag, before the program is used.
func (p *Program) setRule(i int32, f flag) {
	p.flags[i] = f
	p.heads[i] = headOf(&p.flags[i])
}
