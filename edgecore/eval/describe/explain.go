package describe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// Explanation says why a flag has its result.
type Explanation struct {
	Flag   string
	Result eval.Result
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
func Explain(p *eval.Program, name string, c *eval.Context) Explanation {
	e := Explanation{Flag: name, Result: eval.Off}
	i, ok := p.Index[name]
	if !ok {
		e.Why = "there is no such flag"
		return e
	}
	x := explainer{v: p.NewView(c)}
	f := &p.Rules[i]
	e.Result = x.v.Flag(int(i))
	if len(f.Strategies) == 0 {
		e.Why = "it is off for everybody: it is switched off, or none of its strategies can pass"
		return e
	}
	for i := range f.Parents {
		step := x.parent(&f.Parents[i])
		e.Steps = append(e.Steps, step)
		if !step.Holds {
			e.Why = "a parent is not as it must be: " + step.Why
		}
	}
	if e.Why != "" {
		return e
	}
	for i := range f.Strategies {
		s := &f.Strategies[i]
		step := x.strategy(s)
		step.What = "strategy " + strconv.Itoa(i+1)
		e.Steps = append(e.Steps, step)
		if !step.Holds {
			continue
		}
		e.Why = step.What + " passes"
		chosen := s.Variants
		if chosen == nil {
			chosen = f.Variants
		}
		e.Variant = x.variant(chosen)
		return e
	}
	e.Why = "no strategy passes"
	return e
}

type explainer struct{ v *eval.View }

func (x explainer) parent(d *eval.Parent) Step {
	p := x.v.P
	r := x.v.Flag(int(d.Flag))
	step := Step{What: parentText(p, d), Holds: r.Enabled == d.Enabled && (!d.Enabled || d.Takes(r.Variant.Name))}
	state := "off"
	if r.Enabled {
		state = "on with variant " + strconv.Quote(r.Variant.Name)
	}
	step.Why = strconv.Quote(p.List[d.Flag].Name) + " is " + state
	return step
}

func (x explainer) strategy(s *eval.Strategy) Step {
	step := Step{Holds: true}
	for _, k := range s.Conditions {
		step.Steps = append(step.Steps, x.condition(k))
	}
	if s.Share != nil {
		step.Steps = append(step.Steps, x.share(s.Share))
	}
	for _, one := range step.Steps {
		step.Holds = step.Holds && one.Holds
	}
	if len(step.Steps) == 0 {
		step.Why = "it is for everybody"
	}
	return step
}

func (x explainer) condition(k *eval.Condition) Step {
	p := x.v.P
	step := Step{What: conditionText(p, k, shownValues), Holds: x.v.Holds(k)}
	switch k.Op {
	case eval.OpAll:
		step.What = "segment"
		if k.Inverted {
			step.What = "not in the segment"
		}
		for _, one := range k.All {
			step.Steps = append(step.Steps, x.condition(one))
		}
	case eval.OpDate:
		step.Why = "the time is " + x.v.C.Time.UTC().Format("2006-01-02T15:04:05.999Z07:00")
	default:
		step.Why = x.fieldText(k.Field)
	}
	return step
}

func (x explainer) fieldText(i int32) string {
	name := x.v.P.Fields[i].Name
	if s := x.v.Field(i); s.State == eval.Present {
		return name + " is " + strconv.Quote(s.Value)
	}
	return name + " is missing"
}

func (x explainer) share(s *eval.Share) Step {
	step := Step{What: shareText(x.v.P, s), Holds: x.v.InShare(s)}
	id, drawn, ok := x.v.StickyValue(s.Sticky)
	switch {
	case ok:
		step.Why = fmt.Sprintf("%s is in bucket %d of 100 of group %q", decided(id, drawn), s.Prefix.Percent(id),
			s.Group)
	case drawn:
		step.Why = "nothing but chance could decide, and there is no draw here"
	default:
		step.Why = x.missing(s.Sticky)
	}
	return step
}

func decided(id string, drawn bool) string {
	if drawn {
		return "a random draw"
	}
	return strconv.Quote(id)
}

func (x explainer) missing(s *eval.Sticky) string {
	var words []string
	for _, i := range s.Fields {
		words = append(words, x.v.P.Fields[i].Name)
	}
	return strings.Join(words, " and ") + " is missing or empty"
}

func (x explainer) variant(all *eval.Variants) string {
	if all == nil || all.Total == 0 {
		return "it has no variants"
	}
	for i := range all.Overrides {
		if o := &all.Overrides[i]; x.v.Holds(o.Condition) {
			return fmt.Sprintf("%q by an override: %s", all.List[o.Variant].Name,
				conditionText(x.v.P, o.Condition, shownValues))
		}
	}
	if all.Only >= 0 {
		return fmt.Sprintf("%q has all the weight", all.List[all.Only].Name)
	}
	id, drawn, ok := x.v.StickyValue(all.Sticky)
	if !ok {
		return "nothing but chance could choose one, and there is no draw here"
	}
	return fmt.Sprintf("%q: %s is in bucket %d of %d of group %q", x.v.Choose(all).Name, decided(id, drawn),
		all.Prefix.Bucket(id, all.Total), all.Total, all.Group)
}
