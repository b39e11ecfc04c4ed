package config

import (
	"reflect"

	"github.com/flagcast/flagcast/internal/strictyaml"
)

// JSONSchema returns the JSON Schema (2020-12) of the configuration, with the sinks of
// o. describe returns what a key means; see strictyaml.Describe.
func JSONSchema(o Overrides, describe strictyaml.Describe) map[string]any {
	s := schema(o).JSONSchema(Config{}, describe)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "configuration of flagcast"
	return s
}

// staticSchema is of a context: any names, with texts, numbers, truth values, or null
// for a field that no request has.
func staticSchema(string, strictyaml.Describe) map[string]any {
	return map[string]any{
		"type":                 []any{"object", "null"},
		"additionalProperties": map[string]any{"type": []any{"string", "number", "boolean", "null"}},
	}
}

// schema is of a sink: "type" decides which other keys there are.
func (s sinkDecoder) schema(y *strictyaml.Schema, path string, describe strictyaml.Describe) map[string]any {
	types, rules := []any{}, []any{}
	for _, name := range s.types {
		types = append(types, name)
		settings, ok := s.settings(name)
		if !ok {
			continue
		}
		object := y.Object(reflect.ValueOf(settings).Elem().Interface(), path+"."+name, describe)
		object["properties"].(map[string]any)["type"] = map[string]any{"const": name}
		rules = append(rules, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"type": map[string]any{"const": name}}},
			"then": object,
		})
	}
	return map[string]any{
		"type": "object", "required": []any{"type"}, "allOf": rules,
		"properties": map[string]any{"type": map[string]any{"enum": types, "description": describe(path + ".type")}},
	}
}
