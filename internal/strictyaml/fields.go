package strictyaml

import (
	"reflect"
	"strings"

	"github.com/flagcast/flagcast/internal/secret"
)

// field is a field of a struct that a key of the file fills.
type field struct {
	name   string
	value  reflect.Value
	tag    reflect.StructTag
	secret bool // it may come from a file, under name_file
}

// path reports whether a text is a path, by its name.
func (f *field) path() bool {
	return f.name == "file" || f.name == "dir" || strings.HasSuffix(f.name, "_file") ||
		strings.HasSuffix(f.name, "_dir")
}

// fields lists the tagged fields of a struct, those of inlined structs
// included.
func (s *Schema) fields(v reflect.Value) []field {
	var list []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline" && f.Type.Kind() == reflect.Struct:
			list = append(list, s.fields(v.Field(i))...)
		case name != "":
			list = append(list, field{name: name, value: v.Field(i), tag: f.Tag, secret: s.isSecret(f.Type)})
		}
	}
	return list
}

// isSecret reports whether values of a type are secrets or lists of them.
func (s *Schema) isSecret(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t == reflect.TypeFor[secret.Secret]() || s.Secrets[t] != nil
}

// isMapping reports whether values of a type are mappings with keys of their own.
func (s *Schema) isMapping(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !s.isSecret(t)
}

// keys lists the keys of a struct.
func keys(fields []field) []string {
	var list []string
	for _, f := range fields {
		list = append(list, f.name)
		if f.secret {
			list = append(list, f.name+"_file")
		}
	}
	return list
}

// match returns the field of a key, and the name that the key means.
func match(fields []field, written string) (*field, string) {
	for i := range fields {
		if names(written, fields[i].name) {
			return &fields[i], fields[i].name
		}
	}
	for i := range fields {
		if file := fields[i].name + "_file"; fields[i].secret && names(written, file) {
			return &fields[i], file
		}
	}
	return nil, ""
}

// renamed returns the field that a key was the name of before, or nil.
func renamed(fields []field, key string) *field {
	for i := range fields {
		if fields[i].tag.Get("was") == key {
			return &fields[i]
		}
	}
	return nil
}
