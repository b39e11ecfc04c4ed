package eval

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/suggest"
)

// Compile turns definitions into a program. A fault of one strategy or
// constraint makes that strategy pass for nobody and is reported as a Problem;
// it affects neither its siblings nor other flags. The problems of reading
// (Definitions.Problems) are not repeated; there are at most
// edgecore.MaxProblems and one more that says how many are left out. For the
// next version of definitions there is CompileNext.
func Compile(d *edgecore.Definitions) (*Program, []edgecore.Problem) {
	p, problems, _ := compile(context.Background(), d)
	return p, problems
}

func compile(ctx context.Context, d *edgecore.Definitions) (*Program, []edgecore.Problem, error) {
	c := newCompiler(ctx, len(d.Features))
	for i := range d.Segments {
		c.segment(&d.Segments[i])
	}
	c.features, c.places = d.Features, make([]int32, 0, len(d.Features))
	for i := range d.Features {
		if c.representable(&d.Features[i]) {
			c.places = append(c.places, int32(i))
		}
	}
	slices.SortFunc(c.places, func(a, b int32) int { return compareNames(d.Features[a].Name, d.Features[b].Name) })
	for i := range c.places {
		f := c.at(int32(i))
		c.program.index[f.Name] = int32(i)
		c.program.list[i] = about(f)
	}
	c.program.list = c.program.list[:len(c.places)]
	c.program.flags = make([]flag, len(c.places))
	for i := range c.places {
		f := c.at(int32(i))
		c.feature = f.Name
		c.program.flags[i] = c.flag(f)
		if c.stopped {
			return nil, nil, ctx.Err()
		}
	}
	slices.SortFunc(c.program.flips, time.Time.Compare)
	c.program.flips = slices.CompactFunc(c.program.flips, time.Time.Equal)
	problems := c.problems.List()
	c.program.source = &source{
		definitions: d, problems: problems, places: c.places, fields: c.fields, stickies: c.stickies, segments: c.segments, values: c.added,
		patterns: c.patternsTake,
	}
	return c.program.finish(), problems, nil
}

type compiler struct {
	program  *Program
	features []edgecore.Feature
	places   []int32            // of features in their list, by their place in the program
	segments map[int]*condition // nil for one that nobody passes
	fields   map[string]int32
	stickies map[string]*sticky
	feature  string // the flag that is being compiled, "" for segments
	problems edgecore.ProblemList
	lent     []bool // by field: its values are another program's
	added    int    // values

	patterns     map[string]*pattern // by their text
	patternsTake int                 // the size of all of them (newPattern)

	ended   func() error // why the context of this compilation has ended
	steps   int          // flags, segments, strategies and constraints so far
	stopped bool         // since the context has ended

	strategies arena[strategy]
	shares     arena[share]
	variantsOf arena[variants]
	values     arena[Variant]
	weights    arena[int]
	conditions arena[condition]
	references arena[*condition]
	items32    arena[int32]
}

func newCompiler(ctx context.Context, flags int) *compiler {
	return &compiler{
		ended: ctx.Err, patterns: map[string]*pattern{},
		program:  &Program{index: make(map[string]int32, flags), list: make([]Flag, flags)},
		segments: map[int]*condition{}, fields: map[string]int32{}, stickies: map[string]*sticky{},
	}
}

func (c *compiler) problem(where, format string, args ...any) {
	if c.problems.Full() {
		c.problems.Omit()
		return
	}
	c.problems.Add(edgecore.Problem{Feature: c.feature, Where: where, What: fmt.Sprintf(format, args...)})
}

// stepsPerCheck is how many parts are compiled between two looks at the context.
const stepsPerCheck = 64

// goOn counts a part. It reports whether the context has not ended.
func (c *compiler) goOn() bool {
	if c.steps++; c.steps%stepsPerCheck == 0 {
		c.stopped = c.stopped || c.ended() != nil
	}
	return !c.stopped
}

// representable tells whether a snapshot can hold the name of a flag: names
// and values are separated there by two control characters that JSON does not
// escape.
func (c *compiler) representable(f *edgecore.Feature) bool {
	if !separable(f.Name) {
		c.feature = f.Name
		c.problem("name", "holds the control character U+007F or U+0080; the flag is left out")
		return false
	}
	return true
}

// field returns the number of a context field.
func (c *compiler) field(name string) int32 {
	i, ok := c.fields[name]
	if !ok {
		i = int32(len(c.program.fields))
		c.fields[name] = i
		c.program.fields = append(c.program.fields, field{name: name})
	}
	return i
}

func (c *compiler) condition(k condition) *condition {
	out := c.conditions.one()
	*out = k
	return out
}

func (c *compiler) segment(s *edgecore.Segment) {
	where := fmt.Sprintf("segment %d", s.ID)
	constraints, ok := c.constraints(s.Constraints, where)
	if !ok {
		c.segments[s.ID] = nil
		return
	}
	c.segments[s.ID] = &condition{op: opAll, all: constraints}
}

// at returns the definition of a flag of the program.
func (c *compiler) at(i int32) *edgecore.Feature { return &c.features[c.places[i]] }

func (c *compiler) flag(f *edgecore.Feature) flag {
	var out flag
	if !c.goOn() || !f.Enabled {
		return out
	}
	for _, d := range f.Dependencies {
		p, ok := c.parent(d)
		if !ok {
			return flag{}
		}
		out.parents = append(out.parents, p)
	}
	out.strategies = c.strategies.take(max(len(f.Strategies), 1))[:0]
	for i := range f.Strategies {
		if !c.goOn() {
			return out
		}
		if s, ok := c.strategy(f, &f.Strategies[i], i); ok {
			out.strategies = append(out.strategies, s)
		}
	}
	if len(f.Strategies) == 0 {
		out.strategies = append(out.strategies, strategy{})
	}
	if len(f.Variants) > 0 {
		out.variants = c.variants(f.Variants, f.Name, f.Variants[0].Stickiness, "")
	}
	return out
}

// parent: dependencies have one level. A parent with parents of its own is
// never satisfied, which ends cycles as well. ok is false for one that nothing
// satisfies.
func (c *compiler) parent(d edgecore.Dependency) (p parent, ok bool) {
	i, ok := c.program.index[d.Feature]
	if !ok {
		c.problem("dependencies", "the parent flag %q does not exist in this environment or project; the flag is off", d.Feature)
		return p, false
	}
	if len(c.at(i).Dependencies) > 0 {
		c.problem("dependencies", "the parent flag %q has a parent of its own, which Unleash does not follow; the flag is off", d.Feature)
		return p, false
	}
	return parent{flag: i, enabled: d.Enabled, variants: d.Variants}, true
}

// noGroup is the group of a strategy's variants without groupId: the text that
// JavaScript makes of a missing value, and so Node's SDK and the frontend API of
// the Unleash server hash.
const noGroup = "undefined"

// strategy returns false for one that nobody passes.
func (c *compiler) strategy(f *edgecore.Feature, s *edgecore.Strategy, number int) (out strategy, ok bool) {
	where := "strategies[" + strconv.Itoa(number) + "]"
	out, ok = c.rule(f.Name, s, where)
	constraints, sound := c.constraints(s.Constraints, where)
	if len(out.conditions) == 0 {
		out.conditions = constraints
	} else {
		out.conditions = append(out.conditions, constraints...)
	}
	ok = ok && sound
	for _, id := range s.Segments {
		segment, known := c.segments[id]
		if !known {
			c.problem(where, "segment %d is missing; the strategy passes for nobody", id)
		}
		if segment == nil {
			ok = false
			continue
		}
		out.conditions = append(out.conditions, segment)
	}
	if !ok {
		return strategy{}, false
	}
	// Without any weight those of the flag count.
	if len(s.Variants) > 0 {
		group, given := s.Parameters["groupId"]
		if !given {
			group = noGroup
		}
		stickiness := s.Variants[0].Stickiness
		if stickiness == "" {
			stickiness = s.Parameters["stickiness"]
		}
		out.variants = c.variants(s.Variants, group, stickiness, where+".")
		if out.variants.total == 0 {
			out.variants = nil
		}
	}
	return out, true
}

// rule compiles what a strategy's name and parameters say.
func (c *compiler) rule(name string, s *edgecore.Strategy, where string) (out strategy, ok bool) {
	group, grouped := s.Parameters["groupId"]
	switch s.Name {
	case "default":
		return out, true
	case "userWithId":
		k := c.condition(condition{op: opIn, field: c.field("userId")})
		k.items = c.items(k.field, splitList(s.Parameters["userIds"]), where)
		out.conditions = append(out.conditions, k)
		return out, true
	case "remoteAddress":
		k := c.condition(condition{op: opCIDR, field: c.field("remoteAddress")})
		for _, text := range splitList(s.Parameters["IPs"]) {
			if text = trim(text); text == "" {
				continue
			}
			prefix, ok := parsePrefix(text)
			if !ok {
				c.problem(where, "%q is neither an address nor a CIDR range; it matches nobody", text)
				continue
			}
			k.prefixes = append(k.prefixes, prefix)
		}
		out.conditions = append(out.conditions, k)
		return out, true
	case "flexibleRollout":
		out.share, ok = c.share(s, where, "rollout", s.Parameters["stickiness"], group)
	case "gradualRolloutUserId":
		out.share, ok = c.share(s, where, "percentage", "userId", group)
	case "gradualRolloutSessionId":
		out.share, ok = c.share(s, where, "percentage", "sessionId", group)
	case "gradualRolloutRandom":
		if !grouped {
			group = name
		}
		out.share, ok = c.share(s, where, "percentage", "random", group)
	case "applicationHostname":
		c.problem(where, "the strategy \"applicationHostname\" asks for the name of the host, which means nothing at a CDN; it passes for nobody")
	case "":
		// The parser has reported it.
	default:
		c.problem(where, "the strategy %q is not one of Unleash's own%s; it passes for nobody", s.Name, didYouMean(s.Name, strategies))
	}
	return out, ok
}

// strategies are Unleash's own that pass for anybody here.
var strategies = []string{
	"default", "userWithId", "flexibleRollout", "gradualRolloutUserId", "gradualRolloutSessionId", "gradualRolloutRandom", "remoteAddress",
}

// didYouMean names the word that was probably meant, if there is one.
func didYouMean(written string, words []string) string {
	if word := suggest.Closest(written, words); word != "" {
		return ", did you mean " + strconv.Quote(word) + "?"
	}
	return ""
}
