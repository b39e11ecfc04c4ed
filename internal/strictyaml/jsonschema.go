package strictyaml

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Describe returns what a key means, for people; path are the keys from the root of the
// document, with dots between. Keys of a list or a map of mappings follow the name of the
// list or map itself: "targets.history.sink".
type Describe func(path string) string

// JSONSchema returns the JSON Schema (2020-12) of documents that Decode takes for v, a
// struct. It accepts whatever Decode accepts, and refuses unknown keys, values of
// another kind, words that are not in the list of a key, and keys that are missing. A
// variable, ${NAME}, may be in the place of any scalar.
func (s *Schema) JSONSchema(v any, describe Describe) map[string]any {
	return s.object(reflect.TypeOf(v), "", describe)
}

// object returns the schema of a struct.
func (s *Schema) object(t reflect.Type, path string, describe Describe) map[string]any {
	properties, required := map[string]any{}, []any{}
	for _, f := range s.fields(reflect.New(t).Elem()) {
		at := strings.TrimPrefix(path+"."+f.name, ".")
		value := s.of(f.value.Type(), &f, at, describe)
		if text := describe(at); text != "" {
			value["description"] = text
		}
		properties[f.name] = value
		if f.secret {
			properties[f.name+"_file"] = map[string]any{
				"type": "string", "description": "file that holds " + f.name,
			}
		}
		switch {
		case f.tag.Get("required") == "":
		case f.secret:
			required = append(required, map[string]any{"anyOf": []any{
				map[string]any{"required": []any{f.name}}, map[string]any{"required": []any{f.name + "_file"}},
			}})
		default:
			required = append(required, map[string]any{"required": []any{f.name}})
		}
	}
	object := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		object["allOf"] = required
	}
	return object
}

// of returns the schema of a value. A mapping or a list may be empty, null in YAML.
func (s *Schema) of(t reflect.Type, f *field, path string, describe Describe) map[string]any {
	if m, ok := s.Mappings[t]; ok {
		return m.Schema(path, describe)
	}
	switch {
	case t.Kind() != reflect.Slice && s.isSecret(t), s.Texts[t] != nil:
		return textSchema()
	case t.Kind() == reflect.Pointer:
		return orNull(s.of(t.Elem(), f, path, describe))
	case t.Kind() == reflect.Struct:
		return orNull(s.object(t, path, describe))
	case t.Kind() == reflect.Slice:
		items := s.of(t.Elem(), f, path, describe)
		return map[string]any{"type": []any{"array", "null"}, "items": items}
	case t.Kind() == reflect.Map:
		return map[string]any{
			"type": []any{"object", "null"}, "additionalProperties": s.of(t.Elem(), f, path, describe),
		}
	}
	return s.scalarOf(t, f)
}

func (s *Schema) scalarOf(t reflect.Type, f *field) map[string]any {
	if words := strings.Fields(f.tag.Get("oneof")); len(words) > 0 {
		list := make([]any, len(words))
		for i, word := range words {
			list[i] = word
		}
		return orVariable(map[string]any{"enum": list})
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return orVariable(map[string]any{"type": "string", "pattern": durationPattern})
	case t.Kind() == reflect.Bool:
		return orVariable(map[string]any{"type": "boolean"})
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return textSchema()
	case t.Kind() == reflect.String:
		return textSchema()
	}
	number := map[string]any{"type": "integer"}
	if least, err := strconv.ParseInt(f.tag.Get("min"), 10, 64); err == nil {
		number["minimum"] = least
	}
	return orVariable(number)
}

// durationPattern is the form of time.ParseDuration.
const durationPattern = `^[+-]?([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+$|^0$`

// textSchema is the schema of a text: numbers are taken as they are written.
func textSchema() map[string]any { return map[string]any{"type": []any{"string", "number"}} }

// orVariable lets a value be a text with a variable in it.
func orVariable(value map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{value, map[string]any{"type": "string", "pattern": `\$\{`}}}
}

// orNull lets a mapping be empty.
func orNull(value map[string]any) map[string]any {
	if value["type"] == "object" {
		value["type"] = []any{"object", "null"}
	}
	return value
}

// Object is the schema of a struct of its own, for the Schema of a Mapping.
func (s *Schema) Object(v any, path string, describe Describe) map[string]any {
	return s.object(reflect.TypeOf(v), path, describe)
}
