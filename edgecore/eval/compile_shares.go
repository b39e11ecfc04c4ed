package eval

import (
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

func (c *compiler) share(s *edgecore.Strategy, where, parameter, stickiness, group string) (*share, bool) {
	text := s.Parameters[parameter]
	percent, ok := parseNumber(text)
	const wrong = "%q has to be a number from 0 to 100, it is %q; "
	switch {
	case !ok:
		c.problem(where, wrong+"the strategy passes for nobody", parameter, text)
		return nil, false
	case percent < 0:
		c.problem(where, wrong+"it counts as 0", parameter, text)
	case percent > 100:
		c.problem(where, wrong+"it counts as 100", parameter, text)
	}
	// A bucket is a whole number, so a fraction of a percent changes nothing.
	whole := int(max(0, min(percent, 100)))
	out := c.shares.one()
	*out = share{sticky: c.sticky(stickiness), group: group, prefix: newPrefix(rolloutSeed, group), percent: whole}
	return out, whole > 0
}

// sticky of a rollout: "default" is the user, else the session, else chance;
// "random" is chance; any other name is that field, and nobody without it.
func (c *compiler) sticky(stickiness string) *sticky {
	switch stickiness {
	case "", "default":
		return c.newSticky(true, "userId", "sessionId")
	case "random":
		return c.newSticky(true)
	default:
		return c.newSticky(false, stickiness)
	}
}

// newSticky returns the same pointer for the same rule.
func (c *compiler) newSticky(random bool, names ...string) *sticky {
	key := strings.Join(names, "\x00")
	if random {
		key += "\x00"
	}
	s := c.stickies[key]
	if s == nil {
		s = &sticky{random: random}
		for _, name := range names {
			s.fields = append(s.fields, c.field(name))
		}
		c.stickies[key] = s
	}
	return s
}

// variants: stickiness is that of the first variant. Unlike a rollout, a
// variant without the deciding field is drawn (unleash-client, Node), and
// "random" is looked up as a field first.
func (c *compiler) variants(list []edgecore.Variant, group, stickiness, where string) *variants {
	v := c.variantsOf.one()
	*v = variants{
		group: group, prefix: newPrefix(variantSeed, group),
		list: c.values.take(len(list)), weights: c.weights.take(len(list)),
	}
	if stickiness == "" || stickiness == "default" {
		v.sticky = c.newSticky(true, "userId", "sessionId", "remoteAddress")
	} else {
		v.sticky = c.newSticky(true, stickiness)
	}
	for i := range list {
		weight := list[i].Weight
		if weight > maxWeight {
			c.problem(where+"variants["+strconv.Itoa(i)+"].weight", "is %d, the limit is %d; it counts as 0", weight, maxWeight)
			weight = 0
		}
		v.total += weight
		v.list[i] = Variant{Name: list[i].Name, Enabled: true, Payload: list[i].Payload}
		v.weights[i] = weight
		for _, o := range list[i].Overrides {
			k := c.condition(condition{op: opIn, field: c.field(o.ContextName)})
			k.items = c.items(k.field, o.Values, where+"variants["+strconv.Itoa(i)+"].overrides")
			v.overrides = append(v.overrides, override{condition: k, variant: i})
		}
	}
	v.normalize()
	return v
}
