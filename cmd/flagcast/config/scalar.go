package config

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/sinks"
)

// text returns the value of a scalar with its variables replaced. ok is false
// after a fault. credential: what a variable holds is one.
func (d *decoder) text(n *node, label string, credential bool) (text string, ok bool) {
	switch {
	case n.bad:
		d.again(n)
		return "", false
	case n.kind == kindNull:
		d.fault(n, label+" has no value", "remove the key, or give it a value")
		return "", false
	case !n.scalar():
		d.fault(n, label+" must be a text, not "+n.kind.String(), "")
		return "", false
	}
	text, problems := interpolate(n.text, d.lookup)
	for _, p := range problems {
		message := p.message + ", which " + label + " names"
		if p.unset {
			d.missing(n, message, p.hint, credential)
			continue
		}
		d.fault(n, message, p.hint)
	}
	return text, len(problems) == 0
}

// scalar fills v from a text, a number or a truth value.
func (d *decoder) scalar(n *node, v reflect.Value, f *field, label string) {
	text, ok := d.text(n, label, secretName.MatchString(f.name))
	if !ok {
		return
	}
	switch v.Type() {
	case reflect.TypeFor[time.Duration]():
		d.duration(n, text, v, f, label)
		return
	case reflect.TypeFor[cron.Schedule]():
		schedule, p := parseSchedule(text)
		if p != nil {
			d.fault(n, fmt.Sprintf("%s is %s: %s", label, quoted(n.text), p.message), p.hint)
			return
		}
		v.Set(reflect.ValueOf(schedule))
		return
	case reflect.TypeFor[KeyPattern]():
		if _, err := sinks.ParseKey(placeholder.ReplaceAllString(text, "x")); err != nil {
			d.fault(n, fmt.Sprintf("%s is %s, which is not portable", label, quoted(n.text)),
				`a key has 1 to 512 letters, digits, "-" and "_"`)
			return
		}
	case reflect.TypeFor[slog.Level]():
		if d.oneOf(n, text, f, label) {
			var level slog.Level
			if err := level.UnmarshalText([]byte(text)); err == nil {
				v.SetInt(int64(level))
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.string(n, text, v, f, label)
	case reflect.Bool:
		d.bool(n, text, v, label)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.integer(n, text, v, f, label)
	default:
		d.fault(n, label+" has a type that a configuration cannot hold: "+v.Type().String(), "")
	}
}

// string takes a number as it is written: an account may consist of digits.
func (d *decoder) string(n *node, text string, v reflect.Value, f *field, label string) {
	switch {
	case n.kind == kindBool:
		d.fault(n, label+" must be a text, not true or false", "put it into quotes if you mean the text")
		return
	case text == "" && (f.tag.Get("required") != "" || v.Type() == reflect.TypeFor[KeyPattern]()):
		d.fault(n, label+" is empty", "")
		return
	case !d.oneOf(n, text, f, label):
		return
	case f.path() && text != "" && !filepath.IsAbs(text):
		text = filepath.Join(d.dir, text)
	}
	v.SetString(text)
}

func (d *decoder) oneOf(n *node, text string, f *field, label string) bool {
	words := strings.Fields(f.tag.Get("oneof"))
	if len(words) == 0 || slices.Contains(words, text) {
		return true
	}
	hint := ""
	if word := closest(text, words); word != "" {
		hint = "did you mean " + strconv.Quote(word) + "?"
	}
	d.fault(n, fmt.Sprintf("%s is %s, not one of %s", label, quoted(n.text), strings.Join(words, ", ")), hint)
	return false
}

// plain reports whether a scalar may be a number or a truth value: it is
// without quotes, or comes from a variable.
func (n *node) plain(k kind) bool { return n.kind == k || strings.Contains(n.text, "${") }

func (d *decoder) bool(n *node, text string, v reflect.Value, label string) {
	if n.plain(kindBool) && (text == "true" || text == "false") {
		v.SetBool(text == "true")
		return
	}
	d.fault(n, fmt.Sprintf("%s must be true or false, not %s", label, shown(n)), "write true or false, without quotes")
}

func (d *decoder) integer(n *node, text string, v reflect.Value, f *field, label string) {
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !n.plain(kindNumber) || v.OverflowInt(i) {
		d.fault(n, fmt.Sprintf("%s must be a whole number, not %s", label, shown(n)), "")
		return
	}
	if least, err := strconv.ParseInt(f.tag.Get("min"), 10, 64); err == nil && i < least {
		d.fault(n, fmt.Sprintf("%s must be at least %d", label, least), "")
		return
	}
	v.SetInt(i)
}

func (d *decoder) duration(n *node, text string, v reflect.Value, f *field, label string) {
	if n.kind == kindNumber {
		d.fault(n, fmt.Sprintf("%s must be a duration, not the number %s", label, n.text), fmt.Sprintf("add a unit: %ss or %sms", n.text, n.text))
		return
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		d.fault(n, fmt.Sprintf("%s must be a duration, not %s", label, shown(n)), "a duration is a number and a unit: 500ms, 15s, 1m30s, 2h")
		return
	}
	least, err := time.ParseDuration(f.tag.Get("min"))
	if err != nil {
		least = 0
	}
	if value < least {
		d.fault(n, fmt.Sprintf("%s is %s, less than %s", label, quoted(n.text), least), "")
		return
	}
	v.SetInt(int64(value))
}

// shown is a value as the file has it, never what a variable holds.
func shown(n *node) string {
	if n.kind == kindText {
		return "the text " + quoted(n.text)
	}
	return mask(n.text)
}
