package parse

import (
	"slices"

	"github.com/flagcast/flagcast/edgecore"
)

// readFeature returns false, with a Problem, for what cannot be a flag.
func (p *parser) readFeature() (f edgecore.Feature, ok bool) {
	p.blanks()
	if p.kind() != 'o' {
		p.problem("is ", p.what(), ", not a flag; it is left out")
		p.skip()
		return f, false
	}
	start := p.begin()
	sound, enabled, strategies := true, false, false
	p.members(func(key string) {
		switch key {
		case "name":
			f.Name = p.only('t')
		case "type":
			f.Type = p.only('t')
		case "project":
			f.Project = p.only('t')
		case "enabled":
			enabled = true
			if p.kind() != 'b' {
				p.problem("must be true or false, it is ", p.what(), "; the flag is left out")
				sound = false
			}
			f.Enabled = p.bool()
		case "stale":
			f.Stale = p.bool()
		case "impressionData":
			f.ImpressionData = p.bool()
		case "strategies":
			strategies = p.kind() == 'l'
			f.Strategies = readList(p, bytesPerElement, p.readStrategy)
		case "variants":
			f.Variants = readList(p, bytesPerElement, p.readVariant)
		case "dependencies":
			f.Dependencies = readList(p, bytesPerElement, p.readDependency)
		default:
			p.skip()
		}
	})
	if p.tooDense(start) {
		p.problem(denseText, "; the flag is left out")
		return f, false
	}
	f.Raw = p.s[start:p.i]
	if !p.stopped {
		f.Digest = p.digester.of(f.Raw)
	}
	if f.Name == "" {
		p.problem("has no \"name\"; it is left out")
		return f, false
	}
	if !enabled {
		p.enter("enabled", 0)
		p.problem("must be true or false, it is missing; the flag is left out")
		p.leave()
	}
	if !strategies {
		p.enter("strategies", 0)
		p.problem("must be a list (an empty one means on for everybody); the flag is left out")
		p.leave()
	}
	return f, sound && enabled && strategies
}

// only reads a text, and "" for anything else.
func (p *parser) only(kind byte) string {
	if p.kind() != kind {
		p.skip()
		return ""
	}
	return p.text()
}

// bool reads true, and false for anything else.
func (p *parser) bool() bool { return p.skip() == "true" }

// readList reads every element of a list. Anything else is an empty list, and
// but for null a Problem. least is the length of the shortest element, in bytes:
// scalarBytes, or bytesPerElement for what counts as an element of the flag.
func readList[T any](p *parser, least int, read func() T) []T {
	if p.kind() != 'l' {
		p.elements(nil)
		return nil
	}
	out := []T{}
	p.elements(func() {
		if len(out)%stepsPerCheck == sample {
			p.lookAtContext()
			if len(out) == sample { // a long one takes what it needs, and no more
				out = slices.Grow(out, p.left(least))
			}
		}
		if least == bytesPerElement {
			p.element()
		}
		out = append(out, read())
	})
	return out
}

// readStrategy returns a strategy without a name, which passes for no user, for
// what cannot be one.
func (p *parser) readStrategy() (s edgecore.Strategy) {
	sound := p.kind() == 'o'
	p.members(func(key string) {
		switch key {
		case "name":
			s.Name = p.only('t')
		case "parameters":
			s.Parameters = p.readParameters()
		case "constraints":
			s.Constraints = p.constraints()
		case "segments":
			s.Segments = readList(p, scalarBytes, func() int {
				id, ok := p.whole()
				if !ok {
					p.problem("must be the number of a segment; the strategy passes for no user")
					return -1
				}
				return id
			})
		case "variants":
			s.Variants = readList(p, bytesPerElement, p.readVariant)
		default:
			p.skip()
		}
	})
	if !sound || s.Name == "" {
		p.problem("is not a strategy with a \"name\"; it passes for no user")
		return edgecore.Strategy{}
	}
	return s
}

func (p *parser) readParameters() map[string]string {
	parameters := map[string]string{}
	p.members(func(key string) {
		switch p.kind() {
		case '0':
			p.skip()
		case 'o', 'l':
			p.problem("must be text, it is ", p.what(), "; it is ignored")
			p.skip()
		default:
			parameters[key] = p.scalar()
		}
	})
	return parameters
}

// constraints reads a list of constraints. What cannot be read becomes a
// constraint without an operator, which no context passes.
func (p *parser) constraints() []edgecore.Constraint {
	if kind := p.kind(); kind != 'l' && kind != '0' {
		p.problem("must be a list, it is ", p.what(), "; the strategy passes for no user")
		p.skip()
		return []edgecore.Constraint{{}}
	}
	return readList(p, bytesPerElement, p.readConstraint)
}

func (p *parser) readConstraint() (c edgecore.Constraint) {
	if p.kind() != 'o' {
		p.problem("is not a constraint; no user passes it")
		p.skip()
		return c
	}
	p.members(func(key string) {
		switch key {
		case "contextName":
			c.ContextName = p.only('t')
		case "operator":
			c.Operator = p.only('t')
		case "value":
			if null := p.kind() == '0'; null {
				p.skip()
			} else {
				c.Value = p.scalar()
			}
		case "values":
			c.Values = p.texts()
		case "inverted":
			c.Inverted = p.bool()
		case "caseInsensitive":
			c.CaseInsensitive = p.bool()
		default:
			p.skip()
		}
	})
	return c
}

// texts reads a list of texts; other scalars are taken as they are written.
func (p *parser) texts() []string { return readList(p, scalarBytes, p.scalar) }

func (p *parser) readVariant() (v edgecore.Variant) {
	p.members(func(key string) {
		switch key {
		case "name":
			v.Name = p.only('t')
		case "weight":
			n, ok := p.whole()
			if !ok || n < 0 {
				p.problem("must be a whole number from 0 on; it counts as 0")
				n = 0
			}
			v.Weight = n
		case "stickiness":
			v.Stickiness = p.only('t')
		case "payload":
			v.Payload = p.readPayload()
		case "overrides":
			v.Overrides = readList(p, bytesPerElement, p.readOverride)
		default:
			p.skip()
		}
	})
	return v
}

func (p *parser) readPayload() *edgecore.Payload {
	if p.kind() != 'o' {
		p.skip()
		return nil
	}
	payload := &edgecore.Payload{}
	p.members(func(key string) {
		switch key {
		case "type":
			payload.Type = p.only('t')
		case "value":
			payload.Value = p.scalar()
		default:
			p.skip()
		}
	})
	return payload
}

func (p *parser) readOverride() (o edgecore.Override) {
	p.members(func(key string) {
		switch key {
		case "contextName":
			o.ContextName = p.only('t')
		case "values":
			o.Values = p.texts()
		default:
			p.skip()
		}
	})
	return o
}

func (p *parser) readDependency() edgecore.Dependency {
	d := edgecore.Dependency{Enabled: true}
	p.members(func(key string) {
		switch key {
		case "feature":
			d.Feature = p.only('t')
		case "enabled":
			d.Enabled = p.skip() != "false"
		case "variants":
			d.Variants = p.texts()
		default:
			p.skip()
		}
	})
	return d
}
