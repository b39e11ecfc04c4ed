package snapshot

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/untrusted"
)

// Loss tells how many flags of one snapshot are on for somebody, and how many
// of them are gone or off for everybody in another one, with their names,
// sorted. Both are what is stored, or Content; they are not checked. Answers
// and definitions go by "enabled", rules by what is decided. Snapshots of
// different formats, and what is no snapshot, cannot be compared: that is no
// loss. Empty bytes hold no flag.
func Loss(before, after []byte) (on, lost int, flags []string) {
	was, format := enabled(before)
	is, other := enabled(after)
	if format == "" || other != format && len(after) > 0 {
		return 0, 0, nil
	}
	for name := range was {
		if !is[name] {
			flags = append(flags, name)
		}
	}
	slices.Sort(flags)
	return len(was), len(flags), flags
}

// enabled names the flags that are on for somebody.
func enabled(stored []byte) (map[string]bool, Format) {
	if untrusted.CheckJSON(stored, untrusted.DocumentDepth) != nil {
		return nil, ""
	}
	on, root := map[string]bool{}, gjson.ParseBytes(stored)
	collect := func(_, f gjson.Result) bool {
		if f.Get("enabled").Bool() {
			on[f.Get("name").Str] = true
		}
		return true
	}
	for format, list := range map[Format]gjson.Result{Evaluated1: root.Get("toggles"), Definitions1: root.Get("features")} {
		if list.IsArray() {
			list.ForEach(collect)
			return on, format
		}
	}
	rules := root.Get("rules")
	if !rules.IsObject() {
		return nil, ""
	}
	names, err := eval.EnabledInRules([]byte(rules.Raw))
	if err != nil {
		return nil, ""
	}
	for _, name := range names {
		on[name] = true
	}
	return on, Rules1
}
