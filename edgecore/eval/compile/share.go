package compile

import (
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

func (c *compiler) share(s *edgecore.Strategy, where, parameter, stickiness, group string) (*eval.Share, bool) {
	text := s.Parameters[parameter]
	percent, ok := eval.ParseNumber(text)
	const wrong = "%q must be a number from 0 to 100, it is %q; "
	switch {
	case !ok:
		c.problem(where, wrong+"the strategy passes for no user", parameter, text)
		return nil, false
	case percent < 0:
		c.problem(where, wrong+"it counts as 0", parameter, text)
	case percent > 100:
		c.problem(where, wrong+"it counts as 100", parameter, text)
	}
	// A bucket is a whole number, so a fraction of a percent changes nothing.
	whole := int(max(0, min(percent, 100)))
	out := c.shares.one()
	*out = eval.Share{
		Sticky: c.sticky(stickiness), Group: group, Prefix: eval.NewHash(eval.RolloutSeed, group), Percent: whole,
	}
	return out, whole > 0
}

// sticky of a rollout: "default" is the user, else the session, else chance;
// "random" is chance; any other name is that field, and no user without it.
func (c *compiler) sticky(stickiness string) *eval.Sticky {
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
func (c *compiler) newSticky(random bool, names ...string) *eval.Sticky {
	key := strings.Join(names, "\x00")
	if random {
		key += "\x00"
	}
	s := c.stickies[key]
	if s == nil {
		s = &eval.Sticky{Random: random}
		for _, name := range names {
			s.Fields = append(s.Fields, c.field(name))
		}
		c.stickies[key] = s
	}
	return s
}

// variants: stickiness is that of the first variant. Unlike a rollout, a
// variant without the deciding field is drawn (unleash-client, Node), and
// "random" is looked up as a field first.
func (c *compiler) variants(list []edgecore.Variant, group, stickiness, where string) *eval.Variants {
	v := c.variantsOf.one()
	*v = eval.Variants{
		Group: group, Prefix: eval.NewHash(eval.VariantSeed, group),
		List: c.values.take(len(list)), Weights: c.weights.take(len(list)),
	}
	if stickiness == "" || stickiness == "default" {
		v.Sticky = c.newSticky(true, "userId", "sessionId", "remoteAddress")
	} else {
		v.Sticky = c.newSticky(true, stickiness)
	}
	for i := range list {
		weight := list[i].Weight
		if weight > eval.MaxWeight {
			c.problem(where+"variants["+strconv.Itoa(i)+"].weight", "is %d, the limit is %d; it counts as 0", weight,
				eval.MaxWeight)
			weight = 0
		}
		v.Total += weight
		v.List[i] = eval.Variant{Name: list[i].Name, Enabled: true, Payload: list[i].Payload}
		v.Weights[i] = weight
		for _, o := range list[i].Overrides {
			k := c.condition(eval.Condition{Op: eval.OpIn, Field: c.field(o.ContextName)})
			k.Items = c.items(k.Field, o.Values, where+"variants["+strconv.Itoa(i)+"].overrides")
			v.Overrides = append(v.Overrides, eval.Override{Condition: k, Variant: i})
		}
	}
	v.Normalize()
	return v
}
