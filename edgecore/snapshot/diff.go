package snapshot

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

// Change is what happened to one flag, in words.
type Change struct {
	Sign    string // "+" added, "-" removed, "~" changed
	Flag    string
	Project string // of the flag, where the documents tell
	Text    string // such as "10 % -> 25 %"
}

func (c Change) String() string { return strings.TrimRight(c.Sign+" "+c.Flag+" "+c.Text, " ") }

// Diff tells which flags differ between two definitions, sorted by name. old
// may be nil.
func Diff(old, new *edgecore.Definitions) []Change {
	before, after := byName(old), byName(new)
	changes := []Change{}
	for name, f := range after {
		was, ok := before[name]
		switch {
		case !ok:
			changes = append(changes, Change{"+", name, f.Project, summary(f)})
		case !bytes.Equal(was.Raw, f.Raw):
			changes = append(changes, Change{"~", name, f.Project, difference(was, f)})
		}
	}
	for name, f := range before {
		if _, ok := after[name]; !ok {
			changes = append(changes, Change{"-", name, f.Project, ""})
		}
	}
	return append(sorted(changes), segmentChanges(old, new)...)
}

func segmentChanges(old, new *edgecore.Definitions) []Change {
	if old == nil {
		return nil
	}
	var changes []Change
	for _, s := range new.Segments {
		i := slices.IndexFunc(old.Segments, func(o edgecore.Segment) bool { return o.ID == s.ID })
		if i >= 0 && !bytes.Equal(old.Segments[i].Raw, s.Raw) {
			changes = append(changes, Change{"~", "segment " + strconv.Itoa(s.ID), "", "changed"})
		}
	}
	return changes
}

func byName(d *edgecore.Definitions) map[string]*edgecore.Feature {
	index := map[string]*edgecore.Feature{}
	if d != nil {
		for i := range d.Features {
			index[d.Features[i].Name] = &d.Features[i]
		}
	}
	return index
}

func sorted(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Flag, b.Flag) })
	return changes
}

// summary says in a few words for whom a flag is on.
func summary(f *edgecore.Feature) string {
	if !f.Enabled {
		return "off"
	}
	if len(f.Strategies) == 0 {
		return "on"
	}
	words := make([]string, len(f.Strategies))
	for i := range f.Strategies {
		words[i] = strategySummary(&f.Strategies[i])
	}
	return strings.Join(words, " or ")
}

func strategySummary(s *edgecore.Strategy) string {
	words := s.Name
	switch s.Name {
	case "default":
		words = "on"
	case "flexibleRollout":
		words = s.Parameters["rollout"] + " %"
	case "gradualRolloutUserId", "gradualRolloutSessionId", "gradualRolloutRandom":
		words = s.Parameters["percentage"] + " %"
	case "userWithId":
		words = "some users"
	}
	if len(s.Constraints)+len(s.Segments) > 0 {
		words += " under conditions"
	}
	return words
}

func difference(was, is *edgecore.Feature) string {
	if before, after := summary(was), summary(is); before != after {
		return before + " -> " + after
	}
	if before, after := shares(was.Variants), shares(is.Variants); before != after {
		return "variants " + before + " -> " + after
	}
	for i := range was.Strategies {
		before, after := shares(was.Strategies[i].Variants), shares(is.Strategies[i].Variants)
		if before != after {
			return "variants " + before + " -> " + after
		}
	}
	for _, member := range []string{"strategies", "variants", "dependencies"} {
		if gjson.GetBytes(was.Raw, member).Raw != gjson.GetBytes(is.Raw, member).Raw {
			return member + " changed"
		}
	}
	return "changed, with no effect on evaluation"
}

// shares writes variants as "red:blue 50:50", in percent.
func shares(list []edgecore.Variant) string {
	if len(list) == 0 {
		return "none"
	}
	total := 0
	for _, v := range list {
		total += v.Weight
	}
	var names, weights []string
	for _, v := range list {
		names = append(names, v.Name)
		weights = append(weights, strconv.FormatFloat(100*float64(v.Weight)/float64(max(total, 1)), 'g', 4, 64))
	}
	return strings.Join(names, ":") + " " + strings.Join(weights, ":")
}

// DiffStored tells what a snapshot would change over what is stored: for
// evaluated snapshots each flag's answer, for rules for whom it is on. stored
// may be nil.
func (s *Snapshot) DiffStored(stored []byte) []Change {
	if s.spec.Format == Rules1 {
		return s.diffRules(stored)
	}
	if s.spec.Format != Evaluated1 {
		old := gjson.GetBytes(stored, "features")
		return diffRaw(old, gjson.GetBytes(s.content, "features"), func(gjson.Result) string { return "" })
	}
	return diffRaw(gjson.GetBytes(stored, "toggles"), gjson.GetBytes(s.content, "toggles"), func(t gjson.Result) string {
		switch {
		case !t.Get("enabled").Bool():
			return "off"
		case t.Get("variant.enabled").Bool():
			return fmt.Sprintf("on (%s)", t.Get("variant.name").Str)
		default:
			return "on"
		}
	})
}

// diffRules compares what is decoded. What cannot be decoded counts as
// nothing.
func (s *Snapshot) diffRules(stored []byte) []Change {
	before, _, err := Decode(stored)
	if err != nil {
		before = &eval.Program{}
	}
	after, err := eval.DecodeRules([]byte(gjson.GetBytes(s.content, "rules").Raw))
	if err != nil {
		return nil // not reached: it has just been encoded
	}
	changes := []Change{}
	for _, f := range after.Flags() {
		is, details := after.Describe(f.Name)
		was, had := before.Describe(f.Name)
		stood, ok := before.Lookup(f.Name)
		switch {
		case f.Hidden:
		case !ok || stood.Hidden:
			changes = append(changes, Change{"+", f.Name, "", is})
		case was != is:
			changes = append(changes, Change{"~", f.Name, "", was + " -> " + is})
		case had != details:
			changes = append(changes, Change{"~", f.Name, "", "conditions or variants changed"})
		}
	}
	for _, f := range before.Flags() {
		if stays, ok := after.Lookup(f.Name); (!ok || stays.Hidden) && !f.Hidden {
			changes = append(changes, Change{"-", f.Name, "", ""})
		}
	}
	return sorted(changes)
}

func diffRaw(old, new gjson.Result, words func(gjson.Result) string) []Change {
	before, after := map[string]gjson.Result{}, map[string]gjson.Result{}
	for _, v := range old.Array() {
		before[v.Get("name").Str] = v
	}
	for _, v := range new.Array() {
		after[v.Get("name").Str] = v
	}
	changes := []Change{}
	for name, v := range after {
		was, ok := before[name]
		switch {
		case !ok:
			changes = append(changes, Change{"+", name, "", words(v)})
		case was.Raw != v.Raw && words(was) != words(v):
			changes = append(changes, Change{"~", name, "", words(was) + " -> " + words(v)})
		case was.Raw != v.Raw:
			changes = append(changes, Change{"~", name, "", "changed"})
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			changes = append(changes, Change{"-", name, "", ""})
		}
	}
	return sorted(changes)
}
