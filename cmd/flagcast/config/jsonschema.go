package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/keydoc"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// described is implemented by settings of sinks, for the JSON Schema.
type described interface{ Keys() keydoc.Keys }

// JSONSchema returns the JSON Schema (draft 2020-12) of the configuration, with
// the sinks of o. The error names types of sinks without a description, and
// descriptions of keys that do not exist.
func JSONSchema(o Overrides) (map[string]any, error) {
	described, err := describedKeys(o)
	if err != nil {
		return nil, err
	}
	c := &Config{}
	c.setDefaults()
	s, unused := schema(o).JSONSchema(c, described)
	if len(unused) > 0 {
		return nil, fmt.Errorf("config: descriptions of keys that do not exist: %s", strings.Join(unused, ", "))
	}
	s["type"] = []any{"object", "null"} // flags and variables may say all
	s["title"] = described[""].Meaning
	return s, nil
}

// describedKeys returns the descriptions of all keys.
func describedKeys(o Overrides) (keydoc.Keys, error) {
	all := keys()
	for _, name := range o.SinkTypes {
		settings, _ := o.SinkConfig(name)
		sink, ok := settings.(described)
		if !ok {
			return nil, fmt.Errorf("config: the settings of %s sinks have no method Keys", name)
		}
		all = all.With(sink.Keys().Under("sinks." + name))
	}
	return all, nil
}

// staticSchema is the schema of a context: any names, with texts, numbers, truth
// values, or null for a field that no request has.
func staticSchema(*strictyaml.SchemaBuilder, string) map[string]any {
	return map[string]any{
		"type": []any{"object", "null"},
		"additionalProperties": map[string]any{
			"anyOf": []any{
				map[string]any{"$ref": "#/$defs/text"}, map[string]any{"type": []any{"boolean", "null"}},
			},
		},
	}
}

// schema is the schema of a sink: "type" decides which other keys there are.
func (s sinkDecoder) schema(b *strictyaml.SchemaBuilder, path string) map[string]any {
	types, rules := []any{}, []any{}
	for _, name := range slices.Sorted(slices.Values(s.types)) {
		types = append(types, name)
		settings, ok := s.settings(name)
		if !ok {
			continue
		}
		object := b.Object(settings, path+"."+name)
		object["properties"].(map[string]any)["type"] = map[string]any{"const": name}
		rules = append(rules, map[string]any{
			"if": map[string]any{
				"required": []any{"type"}, "properties": map[string]any{"type": map[string]any{"const": name}},
			},
			"then": b.Define(path+"."+name, object),
		})
	}
	return b.Define(path, map[string]any{
		"type": "object", "required": []any{"type"}, "allOf": rules,
		"properties": map[string]any{"type": map[string]any{
			"anyOf":       []any{map[string]any{"enum": types}, map[string]any{"$ref": "#/$defs/variable"}},
			"description": b.Key(path + ".type").Meaning,
		}},
	})
}
