package strictyaml

import (
	"encoding"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/keydoc"
)

// SchemaBuilder makes the JSON Schema (draft 2020-12) of documents that a
// Schema decodes. What the decoder accepts passes it, judged without flags and
// variables that replace keys. A text with a variable, ${NAME}, may be in the
// place of any scalar.
type SchemaBuilder struct {
	schema *Schema
	keys   keydoc.Keys
	defs   map[string]any
	used   map[string]bool // paths of keys
}

// JSONSchema returns the JSON Schema of documents that Decode takes for v, a
// pointer to a struct with its defaults. keys describes its keys; the path of a
// key of a list or a map of mappings follows that of the list or the map.
// unused are paths of keys that are not in the schema.
func (s *Schema) JSONSchema(v any, keys keydoc.Keys) (schema map[string]any, unused []string) {
	b := &SchemaBuilder{schema: s, keys: keys, defs: textDefinitions(), used: map[string]bool{}}
	schema = b.object(reflect.ValueOf(v).Elem(), "", false)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$defs"] = b.defs
	for path := range keys {
		if !b.used[path] {
			unused = append(unused, path)
		}
	}
	slices.Sort(unused)
	return schema, unused
}

// Key returns what is known of a key.
func (b *SchemaBuilder) Key(path string) keydoc.Key {
	b.used[path] = true
	return b.keys[path]
}

// Object returns the schema of a mapping that is decoded into v, a pointer to a
// struct with its defaults, by a Mapping. It may be changed, and then goes to
// Define with the same path.
func (b *SchemaBuilder) Object(v any, path string) map[string]any {
	return b.object(reflect.ValueOf(v).Elem(), path, false)
}

// Define gives a schema a name, so that it is in the document once, and returns
// the reference to it.
func (b *SchemaBuilder) Define(name string, schema map[string]any) map[string]any {
	b.defs[name] = schema
	return refer(name)
}

// object returns the schema of a struct. null: the mapping may be empty.
func (b *SchemaBuilder) object(v reflect.Value, path string, null bool) map[string]any {
	o := &objectSchema{address: "#", properties: map[string]any{}, other: map[string]any{}}
	if path != "" {
		o.address = definition(path)
	}
	fields := b.schema.fields(v)
	for i := range fields {
		b.property(o, &fields[i], join(path, fields[i].name))
	}
	for i := range fields {
		o.relate(&fields[i], b.Key(join(path, fields[i].name)), fields)
	}
	schema := o.schema(b.Key(path).Meaning)
	if null {
		schema["type"] = []any{"object", "null"}
	}
	return schema
}

// property adds the schema of one key.
func (b *SchemaBuilder) property(o *objectSchema, f *field, path string) {
	key := b.Key(path)
	value := b.value(f.value, f, path, key)
	if key.Meaning != "" {
		value["description"] = key.Meaning
	}
	if preset, ok := preset(f); ok {
		value["default"] = preset
	}
	o.add(f.name, value)
	if f.secret {
		o.add(f.name+"_file", map[string]any{
			"$ref": definition("text"), "type": "string", "minLength": 1,
			"description": "file that holds `" + f.name + "`",
		})
	}
}

// value returns the schema of a value, which is v unless the document has it.
func (b *SchemaBuilder) value(v reflect.Value, f *field, path string, key keydoc.Key) map[string]any {
	if m, ok := b.schema.Mappings[v.Type()]; ok {
		return m.Schema(b, path)
	}
	switch kind := v.Kind(); {
	case kind != reflect.Slice && b.schema.isSecret(v.Type()):
		return secretSchema(key)
	case kind == reflect.Pointer:
		return orNull(b.value(fresh(v.Type().Elem()), f, path, key))
	case b.schema.Texts[v.Type()] != nil:
		return textSchema(key, f.tag)
	case kind == reflect.Struct:
		return b.Define(path, b.object(v, path, true))
	case kind == reflect.Slice:
		items := b.item(v.Type().Elem(), f, path, key)
		if key.NotEmpty {
			return map[string]any{"type": "array", "items": items, "minItems": 1}
		}
		return map[string]any{"type": []any{"array", "null"}, "items": items}
	case kind == reflect.Map:
		return map[string]any{
			"type": []any{"object", "null"}, "additionalProperties": b.item(v.Type().Elem(), f, path, key),
		}
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return b.duration(f.tag.Get("min"))
	}
	return scalarSchema(v.Type(), f.tag, key)
}

// item returns the schema of an item of a list or a map, which may not be empty.
func (b *SchemaBuilder) item(t reflect.Type, f *field, path string, key keydoc.Key) map[string]any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, ok := b.schema.Mappings[t]; !ok && b.schema.isMapping(t) {
		schema := b.object(fresh(t), path, false)
		delete(schema, "description") // of the list
		return b.Define(path, schema)
	}
	value := b.value(fresh(t), f, path, key)
	delete(value, "default")
	return value
}

// fresh returns a new value of a type, with its defaults.
func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if with, ok := v.Interface().(Defaulter); ok {
		with.SetDefaults()
	}
	return v.Elem()
}

// preset returns the default of a field as the document would have it. ok is
// false for one that is empty.
func preset(f *field) (value any, ok bool) {
	switch v := f.value.Interface().(type) {
	case bool:
		return v, true
	case time.Duration:
		return v.String(), v != 0
	case encoding.TextMarshaler:
		if len(f.tag.Get("oneof")) > 0 {
			text, err := v.MarshalText()
			return strings.ToLower(string(text)), err == nil
		}
		return nil, false
	case []string:
		return v, len(v) > 0
	}
	switch {
	case f.secret || f.tag.Get("required") != "":
		return nil, false
	case f.value.CanInt():
		return f.value.Int(), f.value.Int() != 0 // 0 may mean: another default
	case f.value.Kind() == reflect.String:
		return f.value.String(), f.value.Len() > 0
	}
	return nil, false
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// orNull lets a mapping be empty.
func orNull(schema map[string]any) map[string]any {
	schema = maps.Clone(schema)
	if _, referred := schema["$ref"]; referred {
		return schema // to a mapping, which may be
	}
	return map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
}
