package strictyaml

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/suggest"
)

// Text returns the value of a scalar with its variables replaced. ok is false
// after a fault. credential: what a variable holds is one.
func (d *Decoder) Text(n *Node, label string, credential bool) (text string, ok bool) {
	switch {
	case n.Bad:
		d.again(n)
		return "", false
	case n.Kind == Null:
		d.Fault(n, label+" has no value", "remove the key, or give it a value")
		return "", false
	case !n.Scalar():
		d.Fault(n, label+" must be a text, not "+n.Kind.String(), "")
		return "", false
	}
	text, problems := interpolate(n.Text, d.schema.Lookup)
	for _, p := range problems {
		message := p.Message + ", which " + label + " names"
		if p.unset {
			d.missing(n, message, p.Hint, credential)
			continue
		}
		d.Fault(n, message, p.Hint)
	}
	return text, len(problems) == 0
}

// scalar fills v from a text, a number or a truth value.
func (d *Decoder) scalar(n *Node, v reflect.Value, f *field, label string) {
	text, ok := d.Text(n, label, secretName.MatchString(f.name))
	if !ok {
		return
	}
	if read := d.schema.Texts[v.Type()]; read != nil {
		value, p := read(text)
		if p != nil {
			d.Fault(n, label+" is "+Quoted(n.Text)+p.Message, p.Hint)
			return
		}
		v.Set(reflect.ValueOf(value))
		return
	}
	if to, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if d.oneOf(n, text, f, label) {
			if err := to.UnmarshalText([]byte(text)); err != nil {
				d.Fault(n, label+" is "+Quoted(n.Text)+", which cannot be read", "")
			}
		}
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.duration(n, text, v, f, label)
	case v.Kind() == reflect.String:
		d.string(n, text, v, f, label)
	case v.Kind() == reflect.Bool:
		d.bool(n, text, v, label)
	case v.CanInt():
		d.integer(n, text, v, f, label)
	default:
		d.Fault(n, label+" has a type that a configuration cannot hold: "+v.Type().String(), "")
	}
}

// string accepts a number as it is written: an account may consist of digits.
func (d *Decoder) string(n *Node, text string, v reflect.Value, f *field, label string) {
	switch {
	case n.Kind == Bool:
		d.Fault(n, label+" must be a text, not true or false", "put it into quotes if you mean the text")
		return
	case text == "" && f.tag.Get("required") != "":
		d.Fault(n, label+" is empty", "")
		return
	case !d.oneOf(n, text, f, label):
		return
	case f.path() && text != "" && !filepath.IsAbs(text):
		text = filepath.Join(d.dir, text)
	}
	v.SetString(text)
}

func (d *Decoder) oneOf(n *Node, text string, f *field, label string) bool {
	words := strings.Fields(f.tag.Get("oneof"))
	if len(words) == 0 || slices.Contains(words, text) {
		return true
	}
	hint := ""
	if word := suggest.Closest(text, words); word != "" {
		hint = "did you mean " + strconv.Quote(word) + "?"
	}
	d.Fault(n, fmt.Sprintf("%s is %s, not one of %s", label, Quoted(n.Text), strings.Join(words, ", ")), hint)
	return false
}

// plain reports whether a scalar may be a number or a truth value: it is
// without quotes, or comes from a variable.
func (n *Node) plain(k Kind) bool { return n.Kind == k || strings.Contains(n.Text, "${") }

func (d *Decoder) bool(n *Node, text string, v reflect.Value, label string) {
	if n.plain(Bool) && (text == "true" || text == "false") {
		v.SetBool(text == "true")
		return
	}
	d.Fault(n, fmt.Sprintf("%s must be true or false, not %s", label, shown(n)), "write true or false, without quotes")
}

func (d *Decoder) integer(n *Node, text string, v reflect.Value, f *field, label string) {
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !n.plain(Number) || v.OverflowInt(i) {
		d.Fault(n, fmt.Sprintf("%s must be a whole number, not %s", label, shown(n)), "")
		return
	}
	if least, err := strconv.ParseInt(f.tag.Get("min"), 10, 64); err == nil && i < least {
		d.Fault(n, fmt.Sprintf("%s must be at least %d", label, least), "")
		return
	}
	v.SetInt(i)
}

func (d *Decoder) duration(n *Node, text string, v reflect.Value, f *field, label string) {
	if n.Kind == Number {
		d.Fault(n, fmt.Sprintf("%s must be a duration, not the number %s", label, n.Text),
			fmt.Sprintf("add a unit: %ss or %sms", n.Text, n.Text))
		return
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		d.Fault(n, fmt.Sprintf("%s must be a duration, not %s", label, shown(n)),
			"a duration is a number and a unit: 500ms, 15s, 1m30s, 2h")
		return
	}
	least, err := time.ParseDuration(f.tag.Get("min"))
	if err != nil {
		least = 0
	}
	if value < least {
		d.Fault(n, fmt.Sprintf("%s is %s, less than %s", label, Quoted(n.Text), least), "")
		return
	}
	v.SetInt(int64(value))
}

// shown is a value as the file has it, never what a variable holds.
func shown(n *Node) string {
	if n.Kind == Text {
		return "the text " + Quoted(n.Text)
	}
	return Mask(n.Text)
}
