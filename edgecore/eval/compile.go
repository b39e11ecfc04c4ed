package eval

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Compile turns definitions into a program. A fault of one strategy or
// constraint makes that strategy pass for nobody and is reported as a Problem;
// it affects neither its siblings nor other flags. The problems of reading
// (Definitions.Problems) are not repeated.
func Compile(d *edgecore.Definitions) (*Program, []edgecore.Problem) {
	c := &compiler{program: &Program{index: make(map[string]int, len(d.Features))}, segments: map[int][]constraint{}}
	for i := range d.Segments {
		s := &d.Segments[i]
		c.segments[s.ID] = c.constraints(s.Constraints, fmt.Sprintf("segment %d", s.ID))
	}
	features := slices.Clone(d.Features)
	sort.SliceStable(features, func(i, j int) bool { return features[i].Name < features[j].Name })
	for i := range features {
		f := &features[i]
		c.program.index[f.Name] = i
		c.program.list = append(c.program.list, Flag{Name: f.Name, Type: f.Type, Project: f.Project, ImpressionData: f.ImpressionData})
	}
	for i := range features {
		c.feature = features[i].Name
		c.program.flags = append(c.program.flags, c.flag(&features[i], features))
	}
	slices.SortFunc(c.program.flips, time.Time.Compare)
	c.program.flips = slices.CompactFunc(c.program.flips, time.Time.Equal)
	return c.program, c.problems
}

type compiler struct {
	program  *Program
	segments map[int][]constraint
	feature  string // the flag that is being compiled, "" for segments
	problems []edgecore.Problem
}

func (c *compiler) problem(where, format string, args ...any) {
	c.problems = append(c.problems, edgecore.Problem{Feature: c.feature, Where: where, What: fmt.Sprintf(format, args...)})
}

func (c *compiler) flag(f *edgecore.Feature, all []edgecore.Feature) flag {
	out := flag{enabled: f.Enabled}
	for _, d := range f.Dependencies {
		out.parents = append(out.parents, c.parent(d, all))
	}
	for i := range f.Strategies {
		out.strategies = append(out.strategies, c.strategy(f, &f.Strategies[i], fmt.Sprintf("strategies[%d]", i)))
	}
	if len(f.Variants) > 0 {
		out.variants = newVariants(f.Variants, f.Name, f.Variants[0].Stickiness)
	}
	return out
}

// parent: dependencies have one level. A parent with parents of its own is
// never satisfied, which ends cycles as well.
func (c *compiler) parent(d edgecore.Dependency, all []edgecore.Feature) parent {
	i, ok := c.program.index[d.Feature]
	if !ok {
		c.problem("dependencies", "the parent flag %q does not exist in this environment or project; the flag is off", d.Feature)
		return parent{unmet: true}
	}
	if len(all[i].Dependencies) > 0 {
		c.problem("dependencies", "the parent flag %q has a parent of its own, which Unleash does not follow; the flag is off", d.Feature)
		return parent{unmet: true}
	}
	return parent{flag: i, enabled: d.Enabled, variants: d.Variants}
}

func (c *compiler) strategy(f *edgecore.Feature, s *edgecore.Strategy, where string) strategy {
	out := strategy{
		constraints: c.constraints(s.Constraints, where),
		rule:        c.rule(f.Name, s, where),
	}
	for _, id := range s.Segments {
		constraints, ok := c.segments[id]
		if !ok {
			c.problem(where, "segment %d is missing; the strategy passes for nobody", id)
			out.rule = rule{kind: ruleNobody}
		}
		out.segments = append(out.segments, constraints)
	}
	if len(s.Variants) > 0 {
		group, ok := s.Parameters["groupId"]
		if !ok {
			group = f.Name
		}
		stickiness := s.Variants[0].Stickiness
		if stickiness == "" {
			stickiness = s.Parameters["stickiness"]
		}
		out.variants = newVariants(s.Variants, group, stickiness)
	}
	return out
}

func (c *compiler) rule(name string, s *edgecore.Strategy, where string) rule {
	switch s.Name {
	case "default":
		return rule{kind: ruleEverybody}
	case "userWithId":
		return rule{kind: ruleUsers, users: splitList(s.Parameters["userIds"])}
	case "remoteAddress":
		r := rule{kind: ruleAddresses}
		for _, text := range splitList(s.Parameters["IPs"]) {
			prefix, ok := parsePrefix(strings.TrimSpace(text))
			if !ok {
				c.problem(where, "%q is neither an address nor a CIDR range; it matches nobody", text)
				continue
			}
			r.addresses = append(r.addresses, prefix)
		}
		return r
	case "flexibleRollout":
		return c.share(s, where, "rollout", rolloutStickiness(s.Parameters["stickiness"]), s.Parameters["groupId"])
	case "gradualRolloutUserId":
		return c.share(s, where, "percentage", sticky{fields: []string{"userId"}}, s.Parameters["groupId"])
	case "gradualRolloutSessionId":
		return c.share(s, where, "percentage", sticky{fields: []string{"sessionId"}}, s.Parameters["groupId"])
	case "gradualRolloutRandom":
		group, ok := s.Parameters["groupId"]
		if !ok {
			group = name
		}
		return c.share(s, where, "percentage", sticky{random: true}, group)
	case "applicationHostname":
		c.problem(where, "the strategy \"applicationHostname\" asks for the name of the host, which means nothing at a CDN; it passes for nobody")
	case "":
		// The parser has reported it.
	default:
		c.problem(where, "the strategy %q is not one of Unleash's own; it passes for nobody", s.Name)
	}
	return rule{kind: ruleNobody}
}

func (c *compiler) share(s *edgecore.Strategy, where, parameter string, by sticky, group string) rule {
	percent, ok := parseNumber(s.Parameters[parameter])
	if !ok || percent < 0 || percent > 100 {
		c.problem(where, "%q has to be a number from 0 to 100, it is %q", parameter, s.Parameters[parameter])
		if !ok {
			return rule{kind: ruleNobody}
		}
	}
	// A bucket is a whole number, so a fraction of a percent changes nothing.
	return rule{kind: ruleShare, sticky: by, group: group, percent: int(max(0, min(percent, 100)))}
}

func rolloutStickiness(stickiness string) sticky {
	switch stickiness {
	case "", "default":
		return sticky{fields: []string{"userId", "sessionId"}, random: true}
	case "random":
		return sticky{random: true}
	default:
		return sticky{fields: []string{stickiness}}
	}
}

// newVariants: stickiness is that of the first variant. Unlike a rollout, a
// variant without the deciding field is drawn (unleash-client, Node).
func newVariants(list []edgecore.Variant, group, stickiness string) variants {
	v := variants{group: group, sticky: sticky{fields: []string{stickiness}, random: true}}
	if stickiness == "" || stickiness == "default" {
		v.sticky.fields = []string{"userId", "sessionId", "remoteAddress"}
	}
	for i := range list {
		v.total += list[i].Weight
		v.list = append(v.list, variant{
			Variant:   Variant{Name: list[i].Name, Enabled: true, Payload: list[i].Payload},
			weight:    list[i].Weight,
			overrides: list[i].Overrides,
		})
	}
	return v
}

// splitList splits a parameter at its commas, blanks around them included; the
// ends are not trimmed (unleash-client, Node). An empty text is an empty list.
func splitList(text string) []string {
	if text == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		if i > 0 {
			items[i] = strings.TrimLeft(items[i], blanks)
		}
		if i < len(items)-1 {
			items[i] = strings.TrimRight(items[i], blanks)
		}
	}
	return items
}

const blanks = " \t\r\n\v\f\u00a0\ufeff"
