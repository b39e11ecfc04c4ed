package gen

var variantNames = []string{"a", "b", "c", "disabled", "größe", "__proto__", "日本 😀"}

// variants are 1 to 3.
func (g *generator) variants() list {
	out := list{}
	n := 1 + g.IntN(3)
	weights := g.weights(n)
	offset := g.IntN(len(variantNames))
	stickiness := g.variantStickiness()
	for i := range n {
		v := object{{"name", variantNames[(offset+i)%len(variantNames)]}, {"weight", weights[i]}}
		if stickiness != "" {
			v.add("stickiness", stickiness)
		}
		if g.chance(20) {
			stickiness = g.variantStickiness() // only that of the first counts
		}
		if g.chance(50) {
			v.add("weightType", pick(g, []string{"fix", "variable"}))
		}
		if g.chance(50) {
			v.add("payload", g.payload())
		}
		if g.chance(25) {
			v.add("overrides", g.overrides())
		} else if g.chance(30) {
			v.add("overrides", list{})
		}
		out = append(out, v)
	}
	return out
}

// variantStickiness is mostly what an id decides: what chance decides cannot
// be compared.
func (g *generator) variantStickiness() string {
	switch g.IntN(10) {
	case 0:
		return ""
	case 1:
		return g.field()
	case 2:
		return "random"
	case 3, 4, 5:
		return "userId"
	default:
		return "default"
	}
}

// weights add up to 1000 as a rule, and sometimes to nothing.
func (g *generator) weights(n int) []int {
	out := make([]int, n)
	switch g.IntN(8) {
	case 0:
		for i := range out {
			out[i] = pick(g, []int{0, 1, 1, 2, 99, 333})
		}
	case 1:
		out[g.IntN(n)] = 1000
	case 2:
	default:
		rest := 1000
		for i := range n - 1 {
			out[i] = g.IntN(rest + 1)
			rest -= out[i]
		}
		out[n-1] = rest
	}
	return out
}

func (g *generator) payload() object {
	kind := pick(g, []string{"string", "json", "csv", "number"})
	value := map[string][]string{
		"string": {"", "text", " blanks ", "日本 😀", "<b>\"&\\", "\u2028"},
		"json":   {"{}", `{"a":[1,2,{"b":null}]}`, "null"},
		"csv":    {"", "1,2,3"},
		"number": {"1", "0.10", "1e3"},
	}[kind]
	return object{{"type", kind}, {"value", pick(g, value)}}
}

func (g *generator) overrides() list {
	out := list{}
	for range 1 + g.IntN(2) {
		name := g.field()
		values := some(g, texts, 3)
		g.compares(name, 0, values...)
		out = append(out, object{{"contextName", name}, {"values", values}})
	}
	return out
}
