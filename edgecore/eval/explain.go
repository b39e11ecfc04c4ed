package eval

import (
	"fmt"
	"strconv"
	"strings"
)

// Explanation tells why a flag has its result.
type Explanation struct {
	Flag   string
	Result Result
	// Why is the reason in one line.
	Why string
	// Steps are what was looked at, in order: parents, then strategies up to
	// the one that passes.
	Steps []Step
	// Variant says how the variant was chosen; "" for a flag that is off.
	Variant string
}

// Step is one thing that was looked at.
type Step struct {
	What  string `json:"what"` // such as `country IN ["no"]`
	Holds bool   `json:"holds"`
	Why   string `json:"why,omitempty"`   // such as `country is "cn"`
	Steps []Step `json:"steps,omitempty"` // what it consists of
}

// shownValues is how many values of a list an explanation shows.
const shownValues = 5

// Explain decides a flag as Evaluate does, and keeps what it has looked at.
func (p *Program) Explain(name string, c *Context) Explanation {
	e := Explanation{Flag: name, Result: off}
	i, ok := p.index[name]
	if !ok {
		e.Why = "there is no such flag"
		return e
	}
	x := explainer{v: p.NewView(c)}
	f := &p.flags[i]
	e.Result = x.v.Flag(int(i))
	if len(f.strategies) == 0 {
		e.Why = "it is off for everybody: it is switched off, or none of its strategies can pass"
		return e
	}
	for i := range f.parents {
		step := x.parent(&f.parents[i])
		e.Steps = append(e.Steps, step)
		if !step.Holds {
			e.Why = "a parent is not as it has to be: " + step.Why
		}
	}
	if e.Why != "" {
		return e
	}
	for i := range f.strategies {
		s := &f.strategies[i]
		step := x.strategy(s)
		step.What = "strategy " + strconv.Itoa(i+1)
		e.Steps = append(e.Steps, step)
		if !step.Holds {
			continue
		}
		e.Why = step.What + " passes"
		chosen := s.variants
		if chosen == nil {
			chosen = f.variants
		}
		e.Variant = x.variant(chosen)
		return e
	}
	e.Why = "no strategy passes"
	return e
}

type explainer struct{ v *View }

func (x explainer) parent(d *parent) Step {
	p := x.v.p
	r := x.v.Flag(int(d.flag))
	step := Step{What: p.parentText(d), Holds: r.Enabled == d.enabled && (!d.enabled || d.takes(r.Variant.Name))}
	state := "off"
	if r.Enabled {
		state = "on with variant " + strconv.Quote(r.Variant.Name)
	}
	step.Why = strconv.Quote(p.list[d.flag].Name) + " is " + state
	return step
}

func (x explainer) strategy(s *strategy) Step {
	step := Step{Holds: true}
	for _, k := range s.conditions {
		step.Steps = append(step.Steps, x.condition(k))
	}
	if s.share != nil {
		step.Steps = append(step.Steps, x.share(s.share))
	}
	for _, one := range step.Steps {
		step.Holds = step.Holds && one.Holds
	}
	if len(step.Steps) == 0 {
		step.Why = "it is for everybody"
	}
	return step
}

func (x explainer) condition(k *condition) Step {
	p := x.v.p
	step := Step{What: p.conditionText(k, shownValues), Holds: x.v.holds(k)}
	switch k.op {
	case opAll:
		step.What = "segment"
		if k.inverted {
			step.What = "not in the segment"
		}
		for _, one := range k.all {
			step.Steps = append(step.Steps, x.condition(one))
		}
	case opDate:
		step.Why = "the time is " + x.v.c.Time.UTC().Format("2006-01-02T15:04:05.999Z07:00")
	default:
		step.Why = x.fieldText(k.field)
	}
	return step
}

func (x explainer) fieldText(i int32) string {
	name := x.v.p.fields[i].name
	if s := x.v.field(i); s.state == present {
		return name + " is " + strconv.Quote(s.value)
	}
	return name + " is missing"
}

func (x explainer) share(s *share) Step {
	step := Step{What: x.v.p.shareText(s), Holds: x.v.shares(s)}
	id, drawn, ok := x.v.decider(s.sticky)
	switch {
	case ok:
		step.Why = fmt.Sprintf("%s is in bucket %d of 100 of group %q", decided(id, drawn), s.prefix.percent(id), s.group)
	case drawn:
		step.Why = "nothing but chance could decide, and there is no draw here"
	default:
		step.Why = x.missing(s.sticky)
	}
	return step
}

func decided(id string, drawn bool) string {
	if drawn {
		return "a random draw"
	}
	return strconv.Quote(id)
}

func (x explainer) missing(s *sticky) string {
	var words []string
	for _, i := range s.fields {
		words = append(words, x.v.p.fields[i].name)
	}
	return strings.Join(words, " and ") + " is missing or empty"
}

func (x explainer) variant(all *variants) string {
	if all == nil || all.total == 0 {
		return "it has no variants"
	}
	for i := range all.overrides {
		if o := &all.overrides[i]; x.v.holds(o.condition) {
			return fmt.Sprintf("%q by an override: %s", all.list[o.variant].Name, x.v.p.conditionText(o.condition, shownValues))
		}
	}
	if all.only >= 0 {
		return fmt.Sprintf("%q has all the weight", all.list[all.only].Name)
	}
	id, drawn, ok := x.v.decider(all.sticky)
	if !ok {
		return "nothing but chance could choose one, and there is no draw here"
	}
	return fmt.Sprintf("%q: %s is in bucket %d of %d of group %q", x.v.choose(all).Name, decided(id, drawn), all.prefix.bucket(id, all.total), all.total, all.group)
}
