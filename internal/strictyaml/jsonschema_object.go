package strictyaml

import (
	"reflect"
	"strings"

	"github.com/flagcast/flagcast/internal/keydoc"
)

// objectSchema gathers the schema of a mapping.
type objectSchema struct {
	address    string         // of the schema in the document
	properties map[string]any // by key
	other      map[string]any // the camelCase of keys, by pattern
	dependent  map[string]any // what keys ask of the others, by spelling
	all        []any          // what holds beside
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
		o.all = append(o.all, has(f.name, f.secret))
	}
	if s := key.RequiredBy; s != nil {
		o.all = append(o.all, map[string]any{
			"if":   map[string]any{"required": []any{s.Key}, "properties": map[string]any{s.Key: enum(s.Values)}},
			"then": has(f.name, f.secret),
		})
	}
	if key.Needs != "" {
		o.ask(f, has(key.Needs, isSecretField(key.Needs, fields)))
	}
	if s := key.Only; s != nil {
		o.ask(f, only(f, s, fields))
	}
	for _, name := range key.Excludes {
		o.ask(f, anyOf(without(f), map[string]any{"not": has(name, isSecretField(name, fields))}))
	}
}

// ask adds what is asked where a key is given.
func (o *objectSchema) ask(f *field, schema map[string]any) {
	for _, name := range spellings(f.name, f.secret) {
		before, _ := o.dependent[name].(map[string]any)
		if before == nil {
			before = map[string]any{"allOf": []any{}}
			o.dependent[name] = before
		}
		before["allOf"] = append(before["allOf"].([]any), schema)
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
	if len(o.dependent) > 0 {
		schema["dependentSchemas"] = o.dependent
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

// only is the schema of mappings in which the key of f may be given.
func only(f *field, s *keydoc.Sibling, fields []field) map[string]any {
	allowed := map[string]any{"properties": map[string]any{s.Key: anyOf(enum(s.Values), refer("variable"))}}
	usual := ""
	for i := range fields {
		if fields[i].name == s.Key {
			if value, ok := preset(&fields[i]); ok {
				usual, _ = value.(string)
			}
		}
	}
	if !contains(s.Values, usual) {
		allowed["required"] = []any{s.Key}
	}
	return anyOf(allowed, without(f))
}

// without is the schema of mappings in which a key has no value of its own: it
// is empty, the default, or what a variable holds.
func without(f *field) map[string]any {
	values := []any{""}
	if value, ok := preset(f); ok {
		values = append(values, value)
	}
	properties := map[string]any{}
	for _, name := range spellings(f.name, f.secret) {
		properties[name] = anyOf(enum(values), refer("variable"))
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

func contains(values []any, value any) bool {
	for _, v := range values {
		if reflect.DeepEqual(v, value) {
			return true
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
