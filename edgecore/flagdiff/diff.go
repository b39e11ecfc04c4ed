package flagdiff

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// Signs of a change. NeedsReview is for what takes a flag from all who had it,
// and for an answer for everyone that was to depend on the request.
const (
	Added       = "+"
	Removed     = "-"
	Changed     = "~"
	NeedsReview = "!!"
)

// Change is what happened to one flag, in words.
type Change struct {
	Sign    string // Added, Removed, Changed or NeedsReview
	Flag    string
	Project string // of the flag, where the documents say it
	Text    string // such as "10 % -> 25 % by userId"; it holds no id
}

// String is such as "~ checkout 10 % -> 25 % by userId".
func (c Change) String() string { return strings.TrimRight(c.Sign+" "+c.Flag+" "+c.Text, " ") }

// noEffect is the text of a flag whose definition changed and whose answers
// did not.
const noEffect = "changed, with no effect on evaluation"

// Definitions says which flags differ between two definitions, sorted by name: those
// whose definition changed, and those whose segments or parents did. old may be
// nil. identifiers are the context fields whose values are counted and not
// shown; without any they are eval.DefaultIdentifierFields.
func Definitions(old, new *edgecore.Definitions, identifiers ...string) []Change {
	if old == nil {
		old = &edgecore.Definitions{}
	}
	before, after := byName(old), byName(new)
	touched := touched(old, new, before, after)
	describer := describerOf(identifiers)
	was, is := describer.compiled(old, touched, before), describer.compiled(new, touched, after)
	changes, compare := []Change{}, newComparison()
	for name := range touched {
		stood, stands := before[name], after[name]
		c, differs := compare.flag(name, was.lookup(name, stood != nil), is.lookup(name, stands != nil))
		switch {
		case stands == nil:
			c.Project = stood.Project
		case stood != nil && !differs && stood.Raw != stands.Raw:
			c, differs = Change{Changed, name, stands.Project, noEffect}, true
		default:
			c.Project = stands.Project
		}
		if differs {
			changes = append(changes, c)
		}
	}
	return sorted(changes)
}

func byName(d *edgecore.Definitions) map[string]*edgecore.Feature {
	index := make(map[string]*edgecore.Feature, len(d.Features))
	for i := range d.Features {
		index[d.Features[i].Name] = &d.Features[i]
	}
	return index
}

func sorted(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Flag, b.Flag) })
	return changes
}

// touched names the flags that may answer otherwise: nothing else must be
// compiled.
func touched(old, new *edgecore.Definitions, before, after map[string]*edgecore.Feature) map[string]bool {
	names, segments := map[string]bool{}, map[int]bool{}
	for name, f := range after {
		if was, ok := before[name]; !ok || was.Raw != f.Raw {
			names[name] = true
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names[name] = true
		}
	}
	stood := map[int]*edgecore.Segment{}
	for i := range old.Segments {
		stood[old.Segments[i].ID] = &old.Segments[i]
	}
	for i := range new.Segments {
		s := &new.Segments[i]
		if was, ok := stood[s.ID]; !ok || was.Raw != s.Raw {
			segments[s.ID] = true
		}
		delete(stood, s.ID)
	}
	for id := range stood {
		segments[id] = true
	}
	// What the rest looks at is the same before and after.
	for i := range new.Features {
		if f := &new.Features[i]; len(segments) > 0 && usesAny(f, segments) {
			names[f.Name] = true
		}
	}
	var children []string
	for i := range new.Features {
		for _, parent := range new.Features[i].Dependencies {
			if names[parent.Feature] {
				children = append(children, new.Features[i].Name)
			}
		}
	}
	for _, name := range children {
		names[name] = true
	}
	return names
}

func usesAny(f *edgecore.Feature, segments map[int]bool) bool {
	return slices.ContainsFunc(f.Strategies, func(s edgecore.Strategy) bool {
		return slices.ContainsFunc(s.Segments, func(id int) bool { return segments[id] })
	})
}

// describer describes what is compared.
type describer struct{ *describe.Describer }

func describerOf(identifiers []string) describer {
	if len(identifiers) == 0 {
		identifiers = describe.DefaultIdentifierFields()
	}
	return describer{describe.NewDescriber(identifiers)}
}

// descriptions are flags of a program by name.
type descriptions struct {
	describer describer
	program   *eval.Program
}

// compiled describes some flags of definitions; they are compiled with the
// parents that they need.
func (d describer) compiled(
	from *edgecore.Definitions, wanted map[string]bool, index map[string]*edgecore.Feature,
) descriptions {
	part, taken := &edgecore.Definitions{Segments: from.Segments}, map[string]bool{}
	take := func(name string) {
		if f := index[name]; f != nil && !taken[name] {
			taken[name] = true
			part.Features = append(part.Features, *f)
		}
	}
	for name := range wanted {
		take(name)
		if f := index[name]; f != nil {
			for _, parent := range f.Dependencies {
				take(parent.Feature)
			}
		}
	}
	p, _ := compile.Program(part)
	return descriptions{d, compile.Specialize(p, &eval.Context{})}
}

// lookup describes a flag, nil for one that is not there. One that is there and
// that the program does not know is off.
func (d descriptions) lookup(name string, there bool) *describe.Description {
	if !there {
		return nil
	}
	out, _ := d.describer.Named(d.program, name)
	return &out
}

// Stored says what a snapshot would change over what is stored, sorted by
// flag. stored may be nil; what is not a snapshot of the same format counts as
// nothing.
func Stored(s *snapshot.Snapshot, stored []byte) []Change {
	if bytes.HasPrefix(stored, s.Content()[:len(s.Content())-1]) {
		return []Change{}
	}
	if meta, err := snapshot.Open(stored); err != nil || meta.Format != s.Spec().Format {
		stored = nil
	}
	switch s.Spec().Format {
	case snapshot.Rules1:
		return diffRules(s, stored)
	case snapshot.Definitions1:
		old, err := parse.Definitions(stored, s.Spec().Environment)
		if err != nil {
			old = nil
		}
		is, err := parse.Definitions(s.Content(), s.Spec().Environment)
		if err != nil {
			return nil // not reached: it has just been encoded
		}
		return Definitions(old, is, s.Spec().Rules.Fields...)
	default:
		return diffToggles(s, stored)
	}
}

// diffRules compares what is decoded. What cannot be decoded counts as
// nothing.
func diffRules(s *snapshot.Snapshot, stored []byte) []Change {
	before, err := &eval.Program{}, error(nil)
	if len(stored) > 0 {
		if before, err = rules.Decode([]byte(gjson.GetBytes(stored, "rules").Raw)); err != nil {
			before = &eval.Program{}
		}
	}
	after := s.Program()
	if s.Spec().Rules.Identifiers == rules.IdentifiersHash {
		// Digests can be compared with digests only.
		if after, err = rules.Decode([]byte(gjson.GetBytes(s.Content(), "rules").Raw)); err != nil {
			return nil // not reached: it has just been encoded
		}
	}
	describer := describerOf(s.Spec().Rules.Fields)
	was, is := descriptions{describer, before}, descriptions{describer, after}
	changes, compare := []Change{}, newComparison()
	for _, f := range after.Flags() {
		stood, ok := before.Lookup(f.Name)
		if f.Hidden {
			continue
		}
		if c, differs := compare.flag(f.Name, was.lookup(f.Name, ok && !stood.Hidden),
			is.lookup(f.Name, true)); differs {
			changes = append(changes, c)
		}
	}
	for _, f := range before.Flags() {
		if stays, ok := after.Lookup(f.Name); (!ok || stays.Hidden) && !f.Hidden {
			c, _ := compare.flag(f.Name, was.lookup(f.Name, true), nil)
			changes = append(changes, c)
		}
	}
	return sorted(changes)
}

// diffToggles compares answers. A flag that is not listed is off, unless flags
// that are off are listed, too.
func diffToggles(s *snapshot.Snapshot, stored []byte) []Change {
	before, after := toggles(stored), toggles(s.Content())
	changes, compare := []Change{}, newComparison()
	for name, t := range after {
		t, stood := t, before[name]
		if t.Raw == stood.Raw {
			continue
		}
		var was *describe.Description
		if stood.Exists() {
			was = describeToggle(stood)
		}
		c, differs := compare.flag(name, was, describeToggle(t))
		if differs && slices.Contains(s.Contextual, name) {
			c.Sign, c.Text = NeedsReview, c.Text+", frozen: it depends on the request"
		}
		if differs {
			changes = append(changes, c)
		}
	}
	for name, t := range before {
		if after[name].Exists() {
			continue
		}
		var is *describe.Description
		if !s.Spec().IncludeDisabled && t.Get("enabled").Bool() {
			is = &describe.Description{}
		}
		c, _ := compare.flag(name, describeToggle(t), is)
		changes = append(changes, c)
	}
	return sorted(changes)
}

func toggles(stored []byte) map[string]gjson.Result {
	index := map[string]gjson.Result{}
	gjson.GetBytes(stored, "toggles").ForEach(func(_, t gjson.Result) bool {
		index[t.Get("name").Str] = t
		return true
	})
	return index
}

// describeToggle describes an answer as a flag that gives it to everybody.
func describeToggle(t gjson.Result) *describe.Description {
	out := &describe.Description{ImpressionData: t.Get("impressionData").Bool()}
	if t.Get("enabled").Bool() {
		out.Strategies = []describe.DescribedStrategy{{}}
	}
	if v := t.Get("variant"); v.Get("enabled").Bool() {
		one := eval.Variant{Name: v.Get("name").Str, Enabled: true}
		if payload := v.Get("payload"); payload.Exists() {
			one.Payload = &edgecore.Payload{Type: payload.Get("type").Str, Value: payload.Get("value").Str}
		}
		out.Variants = &describe.DescribedVariants{List: []eval.Variant{one}, Weights: []int{1}}
	}
	return out
}
