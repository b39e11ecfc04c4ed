package edgecore

import (
	"encoding/json"

	"github.com/tidwall/gjson"
)

// readFeature returns false, with a Problem, for what cannot be a flag.
func (p *parser) readFeature(v gjson.Result, where string) (Feature, bool) {
	p.feature = ""
	if !v.IsObject() {
		p.problem(where, "is "+kindOf(v)+", not a flag; it is left out")
		return Feature{}, false
	}
	name := v.Get("name")
	if name.Type != gjson.String || name.Str == "" {
		p.problem(where, "has no \"name\"; it is left out")
		return Feature{}, false
	}
	p.feature = name.Str
	f := Feature{Raw: json.RawMessage(v.Raw)}
	ok, strategies := true, false
	p.members(v, where, func(key string, v gjson.Result) {
		switch key {
		case "name":
			f.Name = v.Str
		case "type":
			f.Type = v.Str
		case "project":
			f.Project = v.Str
		case "enabled":
			if !v.IsBool() {
				p.problem(join(where, key), "has to be true or false, it is "+kindOf(v)+"; the flag is left out")
				ok = false
			}
			f.Enabled = v.Bool()
		case "stale":
			f.Stale = v.Bool()
		case "impressionData":
			f.ImpressionData = v.Bool()
		case "strategies":
			strategies = v.IsArray()
			f.Strategies = readList(p, v, join(where, key), p.readStrategy)
		case "variants":
			f.Variants = readList(p, v, join(where, key), p.readVariant)
		case "dependencies":
			f.Dependencies = readList(p, v, join(where, key), p.readDependency)
		}
	})
	if !strategies {
		p.problem(join(where, "strategies"), "has to be a list (an empty one means on for everybody); the flag is left out")
	}
	return f, ok && strategies
}

// readList reads every element of a list. null and absent are an empty list;
// anything else is a Problem.
func readList[T any](p *parser, list gjson.Result, where string, read func(gjson.Result, string) T) []T {
	if !list.IsArray() {
		if list.Type != gjson.Null {
			p.problem(where, "has to be a list, it is "+kindOf(list))
		}
		return nil
	}
	out := []T{}
	list.ForEach(func(_, v gjson.Result) bool {
		out = append(out, read(v, element(where, len(out))))
		return true
	})
	return out
}

// readStrategy returns a strategy without a name, which passes for nobody, for
// what cannot be one.
func (p *parser) readStrategy(v gjson.Result, where string) Strategy {
	var s Strategy
	if !v.IsObject() || v.Get("name").Type != gjson.String {
		p.problem(where, "is no strategy with a \"name\"; it passes for nobody")
		return s
	}
	p.members(v, where, func(key string, v gjson.Result) {
		at := join(where, key)
		switch key {
		case "name":
			s.Name = v.Str
		case "parameters":
			s.Parameters = p.readParameters(v, at)
		case "constraints":
			s.Constraints = p.constraints(v, at)
		case "segments":
			s.Segments = readList(p, v, at, func(v gjson.Result, where string) int {
				if v.Type != gjson.Number {
					p.problem(where, "has to be the number of a segment; the strategy passes for nobody")
					return -1
				}
				return int(v.Int())
			})
		case "variants":
			s.Variants = readList(p, v, at, p.readVariant)
		}
	})
	return s
}

func (p *parser) readParameters(v gjson.Result, where string) map[string]string {
	parameters := map[string]string{}
	p.members(v, where, func(key string, v gjson.Result) {
		switch {
		case v.Type == gjson.Null:
		case v.IsObject() || v.IsArray():
			p.problem(join(where, key), "has to be text, it is "+kindOf(v)+"; it is ignored")
		default:
			parameters[key] = text(v)
		}
	})
	return parameters
}

// constraints reads a list of constraints. What cannot be read becomes a
// constraint without an operator, which nobody passes.
func (p *parser) constraints(list gjson.Result, where string) []Constraint {
	if !list.IsArray() && list.Type != gjson.Null {
		p.problem(where, "has to be a list, it is "+kindOf(list)+"; the strategy passes for nobody")
		return []Constraint{{}}
	}
	return readList(p, list, where, p.readConstraint)
}

func (p *parser) readConstraint(v gjson.Result, where string) Constraint {
	var c Constraint
	if !v.IsObject() {
		p.problem(where, "is no constraint; nobody passes it")
		return c
	}
	p.members(v, where, func(key string, v gjson.Result) {
		switch key {
		case "contextName":
			c.ContextName = v.Str
		case "operator":
			c.Operator = v.Str
		case "value":
			if v.Type != gjson.Null {
				c.Value = text(v)
			}
		case "values":
			c.Values = readList(p, v, join(where, key), func(v gjson.Result, _ string) string { return text(v) })
		case "inverted":
			c.Inverted = v.Bool()
		case "caseInsensitive":
			c.CaseInsensitive = v.Bool()
		}
	})
	return c
}

func (p *parser) readVariant(v gjson.Result, where string) Variant {
	var variant Variant
	p.members(v, where, func(key string, v gjson.Result) {
		switch key {
		case "name":
			variant.Name = v.Str
		case "weight":
			if v.Type != gjson.Number || v.Num < 0 || v.Num != float64(int(v.Num)) {
				p.problem(join(where, key), "has to be a whole number from 0 on; it counts as 0")
				return
			}
			variant.Weight = int(v.Num)
		case "stickiness":
			variant.Stickiness = v.Str
		case "payload":
			if v.IsObject() {
				variant.Payload = &Payload{Type: v.Get("type").Str, Value: text(v.Get("value"))}
			}
		case "overrides":
			variant.Overrides = readList(p, v, join(where, key), func(v gjson.Result, where string) Override {
				o := Override{ContextName: v.Get("contextName").Str}
				o.Values = readList(p, v.Get("values"), join(where, "values"), func(v gjson.Result, _ string) string { return text(v) })
				return o
			})
		}
	})
	return variant
}

func (p *parser) readDependency(v gjson.Result, where string) Dependency {
	d := Dependency{Enabled: true}
	p.members(v, where, func(key string, v gjson.Result) {
		switch key {
		case "feature":
			d.Feature = v.Str
		case "enabled":
			d.Enabled = v.Type != gjson.False
		case "variants":
			d.Variants = readList(p, v, join(where, key), func(v gjson.Result, _ string) string { return text(v) })
		}
	})
	return d
}

// text is a scalar as it is written, without quotes and escapes.
func text(v gjson.Result) string {
	if v.Type == gjson.String {
		return v.Str
	}
	return v.Raw
}
