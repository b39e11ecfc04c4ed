package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Difference is one place where the definitions of two servers differ. A value
// that a server does not have is null.
type Difference struct {
	Flag    string `json:"flag,omitempty"`
	Segment string `json:"segment,omitempty"` // its id
	// Field is a path, such as strategies[0].parameters.rollout. It is empty
	// where only one server has the flag or the segment.
	Field string `json:"field,omitempty"`
	A     any    `json:"a"`
	B     any    `json:"b"`
}

// ignored are the members of a GET /api/client/features body that say where it
// comes from and how it was asked for, and not what the flags are.
var ignored = map[string]bool{"meta": true, "query": true, "flagcast": true, "features": true, "segments": true}

// document is a GET /api/client/features body.
type document struct {
	rest     map[string]any
	flags    map[string]any
	segments map[string]any
}

func parseDefinitions(body []byte) (*document, error) {
	var members map[string]any
	if err := decode(body, &members); err != nil {
		return nil, fmt.Errorf("the answer is not a JSON object: %w", err)
	}
	features, ok := members["features"].([]any)
	if !ok {
		return nil, errors.New("the answer has no list of features")
	}
	d := &document{rest: map[string]any{}, flags: map[string]any{}, segments: map[string]any{}}
	for name, value := range members {
		if !ignored[name] {
			d.rest[name] = clean(name, value)
		}
	}
	for i, f := range features {
		object, _ := f.(map[string]any)
		name, ok := object["name"].(string)
		if !ok {
			return nil, fmt.Errorf("features[%d] has no name", i)
		}
		d.flags[name] = clean("", object) // of two with one name SDKs take the last
	}
	segments, _ := members["segments"].([]any)
	for _, s := range segments {
		object, _ := s.(map[string]any)
		if id, ok := object["id"].(json.Number); ok {
			delete(object, "name") // no SDK has a use for it, and Unleash Edge drops it
			d.segments[id.String()] = clean("", object)
		}
	}
	return d, nil
}

// used collects the ids of the segments that flags refer to. The others change
// no answer, and Unleash Edge leaves them out.
func (d *document) used(ids map[string]bool) {
	for _, f := range d.flags {
		strategies, _ := f.(map[string]any)["strategies"].([]any)
		for _, s := range strategies {
			object, _ := s.(map[string]any)
			list, _ := object["segments"].([]any)
			for _, id := range list {
				ids[string(encode(id))] = true
			}
		}
	}
}

// definitions compares two GET /api/client/features bodies.
func definitions(a, b *document) []Difference {
	list := []Difference{}
	walk("", "", any(a.rest), any(b.rest), func(path string, x, y any) {
		list = append(list, Difference{Field: path, A: x, B: y})
	})
	for _, name := range union(a.flags, b.flags) {
		walk("", "", a.flags[name], b.flags[name], func(path string, x, y any) {
			list = append(list, Difference{Flag: name, Field: path, A: x, B: y})
		})
	}
	ids := map[string]bool{}
	a.used(ids)
	b.used(ids)
	for _, id := range union(a.segments, b.segments) {
		if !ids[id] {
			continue
		}
		walk("", "", a.segments[id], b.segments[id], func(path string, x, y any) {
			list = append(list, Difference{Segment: id, Field: path, A: x, B: y})
		})
	}
	return list
}

func union(a, b map[string]any) []string { return slices.Sorted(maps.Keys(merge(a, b))) }

func merge(all ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}
