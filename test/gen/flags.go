package gen

import (
	"strings"
)

var flagNames = []string{
	"__proto__", "constructor", "hasOwnProperty", "toString", "größe", "日本", "😀", "\ue000private", "\uffee", "𝒜",
	"a/b", "a b",
	"a.b", "<flag>", "a\u2028b", "A", "a", "a10", "a2", `quote"d`, `back\slash`, "e\u0301", "é", "0", "null",
	strings.Repeat("long-", 19) + "long",
}

func (g *generator) document() object {
	segments := g.drawSegments()
	features := list{}
	for range g.flagCount() {
		features = append(features, g.feature())
	}
	out := object{{"version", 2}, {"features", features}}
	if len(segments) > 0 || g.chance(50) {
		out.add("segments", segments)
	}
	if g.chance(50) {
		out.add("query", object{{"environment", "production"}, {"inlineSegmentConstraints", false}})
		out.add("meta", object{{"revisionId", g.IntN(1000)}, {"etag", "\"76d8bb0e:1\""}})
	}
	return out
}

func (g *generator) flagCount() int {
	if g.o.Flags > 0 {
		return g.o.Flags
	}
	return 1 + g.IntN(6)
}

// flagName is one that no flag has yet.
func (g *generator) flagName() string {
	name := "f" + itoa(len(g.names))
	if g.chance(30) {
		name = pick(g, flagNames)
	}
	if g.may(Separator) && g.chance(2) {
		name += pick(g, separators)
	}
	for _, other := range g.names {
		if other == name {
			return "f" + itoa(len(g.names))
		}
	}
	return name
}

func (g *generator) feature() object {
	name := g.flagName()
	f := object{
		{"name", name},
		{"type", pick(g, []string{"release", "experiment", "operational", "kill-switch", "permission"})},
		{"enabled", !g.chance(8)},
		{"project", pick(g, []string{"default", "web"})},
		{"stale", g.chance(5)},
		{"strategies", g.strategies(name)},
	}
	if g.chance(40) {
		f.add("variants", g.variants())
	} else if g.chance(50) {
		f.add("variants", pick[any](g, []any{list{}, nil}))
	}
	child := false
	if g.chance(25) {
		dependencies := g.dependencies(name)
		child = len(dependencies) > 0
		f.add("dependencies", dependencies)
	}
	if g.chance(50) {
		f.add("impressionData", g.chance(30))
	}
	if g.chance(20) {
		f.add("description", pick[any](g, []any{nil, "what it is for"}))
		f.add("unheardOf", object{{"name", "not the flag's"}, {"enabled", false}})
	}
	g.names, g.children = append(g.names, name), append(g.children, child)
	return f
}

func (g *generator) strategies(flag string) list {
	out := list{}
	for range pick(g, []int{1, 1, 1, 2, 2, 3, 0, 4}) {
		out = append(out, g.strategy(flag))
	}
	return out
}

func (g *generator) strategy(flag string) object {
	name := pick(g, []string{
		"default", "flexibleRollout", "flexibleRollout", "flexibleRollout", "userWithId", "remoteAddress",
		"gradualRolloutUserId", "gradualRolloutSessionId", "gradualRolloutRandom", "applicationHostname", "custom",
	})
	parameters := g.parameters(name, flag)
	s := object{{"name", name}}
	if g.chance(30) {
		s.add("id", "7a1a9e2c-56a6-4b55-9e35-1ffd3ab2c1f"+itoa(g.IntN(10)))
		s.add("sortOrder", g.IntN(3))
		s.add("disabled", false)
		s.add("title", nil)
	}
	variants := list{}
	if g.chance(25) {
		variants = g.variants()
	}
	switch {
	case g.may(NoParameters) && g.chance(4):
	case len(parameters) > 0, len(variants) > 0, g.chance(80):
		s.add("parameters", parameters)
	}
	if g.chance(55) {
		s.add("constraints", g.constraints(3))
	} else if g.chance(50) {
		s.add("constraints", pick[any](g, []any{list{}, nil}))
	}
	if g.chance(25) {
		s.add("segments", g.segmentsOf())
	}
	if len(variants) > 0 || g.chance(20) {
		s.add("variants", variants)
	}
	return s
}

func (g *generator) segmentsOf() list {
	out := list{}
	for range 1 + g.IntN(2) {
		if len(g.segments) == 0 || g.chance(4) {
			out = append(out, 999) // there is none of this number
			continue
		}
		out = append(out, pick(g, g.segments))
	}
	return out
}

func (g *generator) parameters(strategy, flag string) object {
	p := object{}
	group := func() {
		if g.chance(85) {
			p.add("groupId", pick(g, []string{flag, flag, "g", "gruppe-ø", "日本", ""}))
		}
	}
	switch strategy {
	case "flexibleRollout":
		p.add("rollout", g.percentage())
		if g.chance(90) {
			p.add("stickiness", g.stickiness())
		}
		group()
	case "gradualRolloutUserId", "gradualRolloutSessionId":
		p.add("percentage", g.percentage())
		group()
	case "gradualRolloutRandom":
		p.add("percentage", g.percentage())
	case "userWithId":
		users := some(g, texts, 4)
		g.compares("userId", 0, users...)
		text := strings.Join(users, pick(g, []string{",", ", ", " , ", "\u00a0,\t"}))
		if g.chance(10) {
			text = pick(g, blankTexts) + text
		}
		p.add("userIds", text)
	case "remoteAddress":
		p.add("IPs", g.addresses())
	case "applicationHostname":
		p.add("hostNames", "web-1, WEB-2")
	case "custom":
		p.add("percentage", "50")
	}
	return p
}

func (g *generator) addresses() string {
	items := some(g, ranges4, 3)
	if g.chance(30) {
		items = append(items, pick(g, addresses6))
	}
	if g.may(LooseAddress) && g.chance(10) {
		items = append(items, pick(g, looseRanges))
	}
	if g.may(WideAddress) && g.chance(40) {
		items = append(items, some(g, ranges6, 2)...)
	}
	g.compares("remoteAddress", byAddress, items...)
	if g.may(EmptyAddress) && g.chance(30) {
		word := pick(g, append([]string{"foo", "localhost"}, notRanges...))
		g.compares("remoteAddress", byAddress, word)
		items = append(items, word)
	}
	text := strings.Join(items, pick(g, []string{",", ", ", " , "}))
	if g.may(WideAddress) && g.chance(10) {
		text = pick(g, blankTexts) + text + pick(g, blankTexts)
	}
	return text
}

func (g *generator) percentage() any {
	switch g.IntN(12) {
	case 0:
		return pick(g, []string{"50.5", "0.5", " 50", "1e1", "99.9", "33.33333"})
	case 1:
		return g.IntN(101)
	case 2, 3, 4, 5:
		return itoa(g.IntN(101))
	default:
		return pick(g, []string{"0", "1", "50", "99", "100", "100"})
	}
}

func (g *generator) stickiness() string {
	if g.chance(50) {
		return pick(g, []string{"default", "default", "userId", "sessionId", "random"})
	}
	return g.field()
}

func (g *generator) dependencies(flag string) list {
	out := list{}
	for range 1 + g.IntN(2) {
		parent := g.parent(flag)
		d := object{{"feature", parent}}
		switch g.IntN(5) {
		case 0:
			d.add("enabled", false)
		case 1:
			d.add("enabled", true)
		case 2:
			d.add("enabled", nil)
		}
		if g.chance(40) {
			d.add("variants", some(g, []string{"a", "b", "c", "disabled", "größe"}, 3))
		}
		out = append(out, d)
	}
	return out
}

// parent is mostly a flag that may be one, and sometimes a flag with parents,
// the flag itself or none.
func (g *generator) parent(flag string) string {
	if g.chance(4) {
		return pick(g, []string{"no such flag", flag})
	}
	for range 4 {
		if len(g.names) == 0 {
			break
		}
		if n := g.IntN(len(g.names)); !g.children[n] || g.chance(5) {
			return g.names[n]
		}
	}
	return "no such flag"
}

func (g *generator) drawSegments() list {
	out := list{}
	for i := range g.IntN(4) {
		id := 1 + i*7
		g.segments = append(g.segments, id)
		s := object{{"id", id}, {"name", "segment " + itoa(id)}}
		if !g.chance(5) {
			s.add("constraints", g.constraints(3))
		}
		out = append(out, s)
	}
	return out
}
