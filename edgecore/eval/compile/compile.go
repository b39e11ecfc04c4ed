package compile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/suggest"
)

// Program turns definitions into a program. A fault of one strategy or
// constraint makes that strategy pass for no user and is reported as a Problem;
// it affects neither its siblings nor other flags. The problems of reading
// (Definitions.Problems) are not repeated; there are at most
// edgecore.MaxProblems and one more that says how many are left out. For the
// next version of definitions there is Next.
func Program(d *edgecore.Definitions) (*eval.Program, []edgecore.Problem) {
	p, problems, _ := compileAll(context.Background(), d)
	return p, problems
}

func compileAll(ctx context.Context, d *edgecore.Definitions) (*eval.Program, []edgecore.Problem, error) {
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
	slices.SortFunc(c.places, func(a, b int32) int { return eval.CompareNames(d.Features[a].Name, d.Features[b].Name) })
	for i := range c.places {
		f := c.at(int32(i))
		c.program.Index[f.Name] = int32(i)
		c.program.List[i] = about(f)
	}
	c.program.List = c.program.List[:len(c.places)]
	c.program.Rules = make([]eval.Rule, len(c.places))
	for i := range c.places {
		f := c.at(int32(i))
		c.feature = f.Name
		c.program.Rules[i] = c.flag(f)
		if c.stopped {
			return nil, nil, ctx.Err()
		}
	}
	slices.SortFunc(c.program.Flips, time.Time.Compare)
	c.program.Flips = slices.CompactFunc(c.program.Flips, time.Time.Equal)
	problems := c.problems.List()
	c.program.Source = &source{
		definitions: d, problems: problems, places: c.places, fields: c.fields, stickies: c.stickies,
		segments: c.segments, values: c.added,
		patterns: c.patternsTake,
	}
	return c.program.Finish(), problems, nil
}

type compiler struct {
	program  *eval.Program
	features []edgecore.Feature
	places   []int32                 // of features in their list, by their place in the program
	segments map[int]*eval.Condition // nil for one that no context passes
	fields   map[string]int32
	stickies map[string]*eval.Sticky
	feature  string // the flag that is being compiled, "" for segments
	problems edgecore.ProblemList
	lent     []bool // by field: its values are another program's
	added    int    // values

	patterns     map[string]*eval.Pattern // by their text
	patternsTake int                      // the size of all of them (NewPattern)

	ended   func() error // why the context of this compilation has ended
	steps   int          // flags, segments, strategies and constraints so far
	stopped bool         // since the context has ended

	strategies arena[eval.Strategy]
	shares     arena[eval.Share]
	variantsOf arena[eval.Variants]
	values     arena[eval.Variant]
	weights    arena[int]
	conditions arena[eval.Condition]
	references arena[*eval.Condition]
	items32    arena[int32]
}

func newCompiler(ctx context.Context, flags int) *compiler {
	return &compiler{
		ended: ctx.Err, patterns: map[string]*eval.Pattern{},
		program:  &eval.Program{Index: make(map[string]int32, flags), List: make([]eval.Flag, flags)},
		segments: map[int]*eval.Condition{}, fields: map[string]int32{}, stickies: map[string]*eval.Sticky{},
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

// representable reports whether a snapshot can hold the name of a flag: names
// and values are separated there by two control characters that JSON does not
// escape.
func (c *compiler) representable(f *edgecore.Feature) bool {
	if !eval.Separable(f.Name) {
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
		i = int32(len(c.program.Fields))
		c.fields[name] = i
		c.program.Fields = append(c.program.Fields, eval.Field{Name: name})
	}
	return i
}

func (c *compiler) condition(k eval.Condition) *eval.Condition {
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
	c.segments[s.ID] = &eval.Condition{Op: eval.OpAll, All: constraints}
}

// at returns the definition of a flag of the program.
func (c *compiler) at(i int32) *edgecore.Feature { return &c.features[c.places[i]] }

func (c *compiler) flag(f *edgecore.Feature) eval.Rule {
	var out eval.Rule
	if !c.goOn() || !f.Enabled {
		return out
	}
	for _, d := range f.Dependencies {
		p, ok := c.parent(d)
		if !ok {
			return eval.Rule{}
		}
		out.Parents = append(out.Parents, p)
	}
	out.Strategies = c.strategies.take(max(len(f.Strategies), 1))[:0]
	for i := range f.Strategies {
		if !c.goOn() {
			return out
		}
		if s, ok := c.strategy(f, &f.Strategies[i], i); ok {
			out.Strategies = append(out.Strategies, s)
		}
	}
	if len(f.Strategies) == 0 {
		out.Strategies = append(out.Strategies, eval.Strategy{})
	}
	if len(f.Variants) > 0 {
		out.Variants = c.variants(f.Variants, f.Name, f.Variants[0].Stickiness, "")
	}
	return out
}

// parent: dependencies have one level. A parent with parents of its own is
// never satisfied, which ends cycles as well. ok is false for one that nothing
// satisfies.
func (c *compiler) parent(d edgecore.Dependency) (p eval.Parent, ok bool) {
	i, ok := c.program.Index[d.Feature]
	if !ok {
		c.problem("dependencies", "the parent flag %q does not exist in this environment or project; the flag is off",
			d.Feature)
		return p, false
	}
	if len(c.at(i).Dependencies) > 0 {
		c.problem("dependencies",
			"the parent flag %q has a parent of its own, which Unleash does not follow; the flag is off", d.Feature)
		return p, false
	}
	return eval.Parent{Flag: i, Enabled: d.Enabled, Variants: d.Variants}, true
}

// noGroup is the group of a strategy's variants without groupId: the text that
// JavaScript makes of a missing value, and so Node's SDK and the frontend API of
// the Unleash server hash.
const noGroup = "undefined"

// strategy returns false for one that no context passes.
func (c *compiler) strategy(f *edgecore.Feature, s *edgecore.Strategy, number int) (out eval.Strategy, ok bool) {
	where := "strategies[" + strconv.Itoa(number) + "]"
	out, ok = c.rule(f.Name, s, where)
	constraints, sound := c.constraints(s.Constraints, where)
	if len(out.Conditions) == 0 {
		out.Conditions = constraints
	} else {
		out.Conditions = append(out.Conditions, constraints...)
	}
	ok = ok && sound
	for _, id := range s.Segments {
		segment, known := c.segments[id]
		if !known {
			c.problem(where, "segment %d is missing; the strategy passes for no user", id)
		}
		if segment == nil {
			ok = false
			continue
		}
		out.Conditions = append(out.Conditions, segment)
	}
	if !ok {
		return eval.Strategy{}, false
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
		out.Variants = c.variants(s.Variants, group, stickiness, where+".")
		if out.Variants.Total == 0 {
			out.Variants = nil
		}
	}
	return out, true
}

// rule compiles what a strategy's name and parameters say.
func (c *compiler) rule(name string, s *edgecore.Strategy, where string) (out eval.Strategy, ok bool) {
	group, grouped := s.Parameters["groupId"]
	switch s.Name {
	case "default":
		return out, true
	case "userWithId":
		k := c.condition(eval.Condition{Op: eval.OpIn, Field: c.field("userId")})
		k.Items = c.items(k.Field, eval.SplitList(s.Parameters["userIds"]), where)
		out.Conditions = append(out.Conditions, k)
		return out, true
	case "remoteAddress":
		k := c.condition(eval.Condition{Op: eval.OpCIDR, Field: c.field("remoteAddress")})
		for _, text := range eval.SplitList(s.Parameters["IPs"]) {
			if text = eval.Trim(text); text == "" {
				continue
			}
			prefix, ok := eval.ParsePrefix(text)
			if !ok {
				c.problem(where, "%q is neither an address nor a CIDR range; it matches nothing", text)
				continue
			}
			k.Prefixes = append(k.Prefixes, prefix)
		}
		out.Conditions = append(out.Conditions, k)
		return out, true
	case "flexibleRollout":
		out.Share, ok = c.share(s, where, "rollout", s.Parameters["stickiness"], group)
	case "gradualRolloutUserId":
		out.Share, ok = c.share(s, where, "percentage", "userId", group)
	case "gradualRolloutSessionId":
		out.Share, ok = c.share(s, where, "percentage", "sessionId", group)
	case "gradualRolloutRandom":
		if !grouped {
			group = name
		}
		out.Share, ok = c.share(s, where, "percentage", "random", group)
	case "applicationHostname":
		c.problem(where,
			"the strategy \"applicationHostname\" asks for the name of the host, which means nothing at a CDN; it "+
				"passes for no user")
	case "":
		// The parser has reported it.
	default:
		c.problem(where, "the strategy %q is not one of Unleash's own%s; it passes for no user", s.Name,
			didYouMean(s.Name, strategies))
	}
	return out, ok
}

// strategies are Unleash's own that pass for anybody here.
var strategies = []string{
	"default", "userWithId", "flexibleRollout", "gradualRolloutUserId", "gradualRolloutSessionId",
	"gradualRolloutRandom", "remoteAddress",
}

// didYouMean names the word that was probably meant, if there is one.
func didYouMean(written string, words []string) string {
	if word := suggest.Closest(written, words); word != "" {
		return ", did you mean " + strconv.Quote(word) + "?"
	}
	return ""
}
