package config

import (
	"reflect"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
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
	return f.name == "file" || f.name == "dir" || strings.HasSuffix(f.name, "_file") || strings.HasSuffix(f.name, "_dir")
}

// fieldsOf lists the tagged fields of a struct, those of inlined structs
// included.
func fieldsOf(v reflect.Value) []field {
	var list []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline" && f.Type.Kind() == reflect.Struct:
			list = append(list, fieldsOf(v.Field(i))...)
		case name != "":
			list = append(list, field{name: name, value: v.Field(i), tag: f.Tag, secret: secretType(f.Type)})
		}
	}
	return list
}

// secretType reports whether values of a type are secrets or lists of them.
func secretType(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t == reflect.TypeFor[secret.Secret]() || t == reflect.TypeFor[edgecore.Token]()
}

// keysOf lists the keys that a struct takes.
func keysOf(fields []field) []string {
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.name)
		if f.secret {
			keys = append(keys, f.name+"_file")
		}
	}
	return keys
}
