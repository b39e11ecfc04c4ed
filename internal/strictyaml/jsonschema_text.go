package strictyaml

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/keydoc"
)

// Patterns are in the syntax that RE2 and ECMA-262 have in common.
const (
	// wellFormed is of texts whose "${" each begin the reference to a variable.
	wellFormed = `^([^$]|\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[^${])*\$?$`
	// variable is in texts that hold one.
	variable = `\$\{`

	amount   = `([0-9]+(\.[0-9]*)?|\.[0-9]+)`
	duration = `^\+?(0|(` + amount + `(ns|us|µs|μs|ms|s|m|h))+)$`
)

// textDefinitions are the schemas of scalars, by their names.
func textDefinitions() map[string]any {
	return map[string]any{
		"text":     map[string]any{"type": []any{"string", "number"}, "pattern": wellFormed},
		"secret":   map[string]any{"type": []any{"string", "number", "boolean"}, "pattern": wellFormed, "minLength": 1},
		"variable": map[string]any{"$ref": definition("text"), "type": "string", "pattern": variable},
		"none":     anyOf(enum([]any{"", nil, map[string]any{}}), refer("variable")),
		"duration": map[string]any{
			"$ref": definition("text"), "type": "string", "pattern": duration + "|" + variable,
		},
	}
}

// secretSchema is the schema of a secret.
func secretSchema(key keydoc.Key) map[string]any {
	schema := refer("secret")
	if key.Pattern != "" {
		schema["pattern"] = key.Pattern + "|" + variable
	}
	return schema
}

// textSchema is the schema of a text. A number is taken as it is written.
func textSchema(key keydoc.Key, tag reflect.StructTag) map[string]any {
	if words := append(strings.Fields(tag.Get("oneof")), key.Words...); len(words) > 0 {
		list := make([]any, len(words))
		for i, word := range words {
			list[i] = word
		}
		return anyOf(enum(list), refer("variable"))
	}
	schema := refer("text")
	if key.Pattern != "" {
		schema["pattern"] = key.Pattern + "|" + variable
		if !matchesNumbers(key.Pattern) {
			schema["type"] = "string"
		}
	}
	if key.Required || tag.Get("required") != "" {
		schema["minLength"] = 1
	}
	return schema
}

// matchesNumbers reports whether a number may have the form of a text.
func matchesNumbers(pattern string) bool {
	form := regexp.MustCompile(pattern)
	for _, number := range []string{"1", "1.5", "12345", "0123456789012345678901234567890123456789"} {
		if form.MatchString(number) {
			return true
		}
	}
	return false
}

func scalarSchema(t reflect.Type, tag reflect.StructTag, key keydoc.Key) map[string]any {
	switch {
	case t.Kind() == reflect.Bool:
		return anyOf(map[string]any{"type": "boolean"}, refer("variable"))
	case t.Kind() == reflect.String || tag.Get("oneof") != "":
		return textSchema(key, tag)
	}
	number := map[string]any{"type": "integer"}
	for _, least := range []string{tag.Get("min"), key.Minimum} {
		if n, err := strconv.ParseInt(least, 10, 64); err == nil {
			number["minimum"] = n
		}
	}
	return anyOf(number, refer("variable"))
}

// duration returns the schema of a duration. It refuses 0 and durations of one
// unit that are below least; "0s500ms" and the like are too many for a pattern.
func (b *SchemaBuilder) duration(least string) map[string]any {
	d, err := time.ParseDuration(least)
	if err != nil || d <= 0 {
		return refer("duration")
	}
	return b.Define("duration."+least, map[string]any{
		"$ref": definition("duration"), "pattern": "[1-9]|" + variable, "not": map[string]any{"pattern": below(d)},
	})
}

// below matches durations of one unit that are less than the greatest power of
// ten, in nanoseconds, that is at most d.
func below(d time.Duration) string {
	power := len(strconv.FormatInt(int64(d), 10)) - 1
	var forms []string
	for _, unit := range []struct {
		names string
		power int
	}{{"ns", 0}, {"(us|µs|μs)", 3}, {"ms", 6}, {"s", 9}} {
		if digits := power - unit.power; digits >= 0 {
			forms = append(forms, "0*[0-9]{0,"+strconv.Itoa(digits)+`}(\.[0-9]*)?`+unit.names)
		}
	}
	return `^\+?(` + strings.Join(forms, "|") + ")$"
}
