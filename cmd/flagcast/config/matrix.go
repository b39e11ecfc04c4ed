package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/sinks"
)

// KeyPattern is a key, in a target with a matrix with {field} in it.
type KeyPattern string

// Combination is one snapshot of a target: one of each value of its matrix.
type Combination struct {
	Values map[string]string // of the matrix; empty without one
	Key    sinks.Key
	Probe  []string
}

// maxCombinations bounds what one target publishes.
const maxCombinations = 1000

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// Combinations lists what a target publishes, in the order of the fields'
// names and of their values.
func (t *Target) Combinations() []Combination {
	all := []map[string]string{{}}
	for _, field := range slices.Sorted(maps.Keys(t.Matrix)) {
		var more []map[string]string
		for _, values := range all {
			for _, value := range t.Matrix[field] {
				with := maps.Clone(values)
				with[field] = value
				more = append(more, with)
			}
		}
		all = more
	}
	list := make([]Combination, len(all))
	for i, values := range all {
		list[i] = Combination{Values: values, Key: sinks.Key(fill(string(t.Key), values))}
		for _, probe := range t.Probe {
			list[i].Probe = append(list[i].Probe, fill(probe, values))
		}
	}
	return list
}

// fill puts values in for {field}.
func fill(pattern string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(pattern, func(match string) string {
		if value, ok := values[match[1:len(match)-1]]; ok {
			return value
		}
		return match
	})
}

// checkMatrix reports what is wrong with the matrix of a target, and keys that
// are none or the same. It reports whether the keys are sound.
func (k *checker) checkMatrix(t *Target, where string) bool {
	if !k.Sound(t, "key") || !k.Sound(t, "matrix") || t.Key == "" {
		return false
	}
	fields := slices.Sorted(maps.Keys(t.Matrix))
	for _, match := range placeholder.FindAllStringSubmatch(string(t.Key), -1) {
		if _, ok := t.Matrix[match[1]]; !ok {
			k.Wrong(t, "key",
				fmt.Sprintf("%q%s names {%s}, which is not a field of \"matrix\"", "key", strictyaml.In(where),
					match[1]), strictyaml.HintFor(match[1], fields))
			return false
		}
	}
	count := 1
	for _, field := range fields {
		switch values := t.Matrix[field]; {
		case len(values) == 0:
			k.Wrong(t, "matrix", fmt.Sprintf("field %s of \"matrix\"%s has no values", strictyaml.Quoted(field),
				strictyaml.In(where)), "")
			return false
		case !strings.Contains(string(t.Key), "{"+field+"}"):
			k.Wrong(t, "key", fmt.Sprintf("keys collide%s: \"key\" does not hold {%s}", strictyaml.In(where), field),
				"each combination needs a key of its own, such as \"flags-{"+field+"}\"")
			return false
		default:
			count *= len(values)
		}
		if _, fixed := t.Static[field]; fixed || slices.Contains(t.Absent, field) {
			k.Wrong(t, "matrix", fmt.Sprintf("field %s is in \"matrix\" and in \"context\"%s", strictyaml.Quoted(field),
				strictyaml.In(where)), "keep one of them")
		}
	}
	if count > maxCombinations {
		k.Wrong(t, "matrix", fmt.Sprintf("\"matrix\"%s has %d combinations, more than %d", strictyaml.In(where), count,
			maxCombinations), "let rules/1 decide some of the fields in the worker")
		return false
	}
	if len(fields) > 0 && t.Snapshot == snapshot.Definitions1 {
		k.Wrong(t, "matrix", fmt.Sprintf("\"matrix\"%s is for evaluated/1 and rules/1", strictyaml.In(where)),
			"definitions/1 holds all rules whatever the context is")
	}
	first := map[sinks.Key]map[string]string{}
	for _, c := range t.Combinations() {
		if _, err := sinks.ParseKey(string(c.Key)); err != nil {
			k.Wrong(t, "key", fmt.Sprintf("%q%s becomes %s, which is not portable", "key", strictyaml.In(where),
				strictyaml.Quoted(string(c.Key))), `a key has 1 to 512 letters, digits, "-" and "_"`)
			return false
		}
		if other, taken := first[c.Key]; taken {
			k.Wrong(t, "key", fmt.Sprintf("keys collide%s: %s is that of %s and of %s", strictyaml.In(where),
				strictyaml.Quoted(string(c.Key)), sentence(other), sentence(c.Values)),
				"separate the fields by a sign that no value has")
			return false
		}
		first[c.Key] = c.Values
	}
	return true
}

// sentence writes a combination for people.
func sentence(values map[string]string) string {
	var words []string
	for _, field := range slices.Sorted(maps.Keys(values)) {
		words = append(words, field+"="+values[field])
	}
	return strings.Join(words, ", ")
}
