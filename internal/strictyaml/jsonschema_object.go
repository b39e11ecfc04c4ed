package strictyaml

import (
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/keydoc"
)

// objectSchema gathers the schema of a mapping.
type objectSchema struct {
	address    string         // of the schema in the document
	properties map[string]any // by key
	other      map[string]any // the camelCase of keys, by pattern
	required   []any          // keys
	all        []any          // what keys ask of others
}

// add adds a key. Editors propose the keys of properties; the other spelling of
// a key is valid and not proposed.
func (o *objectSchema) add(name string, value map[string]any) {
	o.properties[name] = value
	if other := camel(name); other != name {
		o.other["^"+other+"$"] = map[string]any{"$ref": o.address + "/properties/" + name}
	}
}

// relate adds what a key asks of the others.
func (o *objectSchema) relate(f *field, key keydoc.Key, fields []field) {
	if f.secret {
		o.all = append(o.all, map[string]any{"not": map[string]any{
			"allOf": []any{has(f.name, false), has(f.name+"_file", false)},
		}})
	}
	if key.Required || f.tag.Get("required") != "" {
		if len(spellings(f.name, f.secret)) == 1 {
			o.required = append(o.required, f.name)
		} else {
			o.all = append(o.all, has(f.name, f.secret))
		}
	}
	if s := key.RequiredBy; s != nil {
		o.all = append(o.all, map[string]any{
			"if":   map[string]any{"required": []any{s.Key}, "properties": map[string]any{s.Key: enum(s.Values)}},
			"then": has(f.name, f.secret),
		})
	}
	if key.Needs != "" {
		o.all = append(o.all, anyOf(hasNot(f.name, f.secret), has(key.Needs, isSecretField(key.Needs, fields))))
	}
	if s := key.Only; s != nil {
		o.all = append(o.all, anyOf(allows(s, fields), without(f)))
	}
	for _, name := range key.Excludes {
		o.all = append(o.all, anyOf(without(f), hasNot(name, isSecretField(name, fields))))
	}
}

func (o *objectSchema) schema(meaning string) map[string]any {
	schema := map[string]any{"type": "object", "properties": o.properties, "additionalProperties": false}
	if meaning != "" {
		schema["description"] = meaning
	}
	if len(o.other) > 0 {
		schema["patternProperties"] = o.other
	}
	if len(o.required) > 0 {
		schema["required"] = o.required
	}
	if len(o.all) > 0 {
		schema["allOf"] = o.all
	}
	return schema
}

// spellings returns how a key may be written, for a secret also as the key of
// its file.
func spellings(name string, file bool) []string {
	list := []string{name}
	if other := camel(name); other != name {
		list = append(list, other)
	}
	if file {
		list = append(list, spellings(name+"_file", false)...)
	}
	return list
}

// has is the schema of mappings that have a key.
func has(name string, file bool) map[string]any {
	var list []any
	for _, spelling := range spellings(name, file) {
		list = append(list, map[string]any{"required": []any{spelling}})
	}
	if len(list) == 1 {
		return list[0].(map[string]any)
	}
	return map[string]any{"anyOf": list}
}

func hasNot(name string, file bool) map[string]any { return map[string]any{"not": has(name, file)} }

// allows is the schema of mappings whose sibling s has one of its values.
func allows(s *keydoc.Sibling, fields []field) map[string]any {
	schema := map[string]any{"properties": map[string]any{s.Key: anyOf(enum(s.Values), refer("variable"))}}
	for i := range fields {
		if fields[i].name != s.Key {
			continue
		}
		if usual, ok := preset(&fields[i]); !ok || !slices.Contains(s.Values, usual) {
			schema["required"] = []any{s.Key}
		}
	}
	return schema
}

// without is the schema of mappings in which a key has no value of its own: it
// is empty, the default, or what a variable holds.
func without(f *field) map[string]any {
	none := refer("none")
	if value, ok := preset(f); ok {
		none = anyOf(none, map[string]any{"const": value})
	}
	properties := map[string]any{}
	for _, name := range spellings(f.name, f.secret) {
		properties[name] = none
	}
	return map[string]any{"properties": properties}
}

func isSecretField(name string, fields []field) bool {
	for i := range fields {
		if fields[i].name == name {
			return fields[i].secret
		}
	}
	return false
}

func enum(values []any) map[string]any { return map[string]any{"enum": values} }

func anyOf(schemas ...map[string]any) map[string]any {
	list := make([]any, len(schemas))
	for i, schema := range schemas {
		list[i] = schema
	}
	return map[string]any{"anyOf": list}
}

// definition is the address of a schema that has a name.
func definition(name string) string { return "#/$defs/" + strings.ReplaceAll(name, "/", "~1") }

func refer(name string) map[string]any { return map[string]any{"$ref": definition(name)} }
