package compare

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/flagcast/flagcast/internal/plainjson"
)

// decode reads JSON with its numbers as they are written.
func decode(document []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	return d.Decode(into)
}

// unordered names the lists whose order means nothing: all conditions have to
// hold, a value is in a list or is not. The first strategy that passes decides
// about variants, and weights of variants add up in order: those lists keep it.
var unordered = map[string]bool{
	"constraints": true, "values": true, "segments": true, "dependencies": true, "tags": true,
}

// offByDefault names the members that are false where they are absent. (The
// member enabled of a dependency is true then.)
var offByDefault = map[string]bool{
	"inverted": true, "caseInsensitive": true, "impressionData": true, "stale": true, "disabled": true,
}

// clean brings a value into the one form of all that mean the same: null, an
// empty list or object and false by default are absent, and lists whose order
// means nothing are sorted. nil is absent.
func clean(name string, v any) any {
	switch v := v.(type) {
	case bool:
		if !v && offByDefault[name] {
			return nil
		}
	case json.Number:
		_, err := v.Int64()
		if f, bad := v.Float64(); err != nil && bad == nil {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64)) // 1.0 is 1
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		list := make([]any, len(v))
		texts := true
		for i, item := range v {
			list[i] = clean("", item)
			_, text := item.(string)
			texts = texts && text
		}
		if unordered[name] || name == "variants" && texts { // of a dependency
			slices.SortStableFunc(list, func(a, b any) int { return bytes.Compare(encode(a), encode(b)) })
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, item := range v {
			if item = clean(key, item); item != nil {
				object[key] = item
			}
		}
		if len(object) == 0 {
			return nil
		}
		return object
	}
	return v
}

// encode writes a value that has been decoded, with the names of objects in
// order.
func encode(v any) []byte { return plainjson.Must(v) }

func equal(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// walk calls found for each place where two clean values differ, as deep as
// both have one. nil is absent.
func walk(path, name string, a, b any, found func(path string, a, b any)) {
	if equal(a, b) {
		return
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			break
		}
		for _, key := range union(a, b) {
			at := key
			if path != "" {
				at = path + "." + key
			}
			walk(at, key, a[key], b[key], found)
		}
		return
	case []any:
		b, ok := b.([]any)
		if !ok {
			break
		}
		if unordered[name] {
			onlyA, onlyB := without(a, b), without(b, a)
			if len(onlyA) != 1 || len(onlyB) != 1 || name == "values" {
				found(path, orAbsent(onlyA), orAbsent(onlyB))
				return
			}
			walk(path+"[]", "", onlyA[0], onlyB[0], found)
			return
		}
		for i := range max(len(a), len(b)) {
			walk(path+"["+strconv.Itoa(i)+"]", "", at(a, i), at(b, i), found)
		}
		return
	}
	found(path, a, b)
}

// without gives the items of one list that another does not have as often.
func without(list, other []any) []any {
	left := map[string]int{}
	for _, item := range other {
		left[string(encode(item))]++
	}
	var out []any
	for _, item := range list {
		if key := string(encode(item)); left[key] > 0 {
			left[key]--
		} else {
			out = append(out, item)
		}
	}
	return out
}

func orAbsent(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func compareText(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }
