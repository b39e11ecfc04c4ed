package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/sinks"
)

// checker is implemented by settings of sinks. Errors that are a
// *sinks.ConfigError are shown at the key that they name; "a.b" is b in a.
type checker interface{ Check() []error }

// sink decodes the settings of one sink into the struct of its type.
func (d *decoder) sink(n *node, s *Sink, where string) {
	if !d.expect(n, kindMap, where) {
		return
	}
	d.nodes[s] = n
	kind := n.get("type")
	if kind == nil {
		d.fault(n, `"type" is missing`+in(where), hintTypes(d.types))
		return
	}
	text, ok := d.text(kind.value, `"type"`+in(where), false)
	if !ok {
		return
	}
	s.Type = text
	settings, ok := d.settings(text)
	if !ok {
		hint := hintTypes(d.types)
		if word := closest(text, d.types); word != "" {
			hint = hintFor(text, d.types) + " " + hint
		}
		d.fault(kind.value, "unknown sink type "+quoted(kind.value.text)+in(where), hint)
		return
	}
	s.Settings = settings
	v := reflect.ValueOf(settings)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		d.fault(kind.value, "sink type "+quoted(kind.value.text)+" has settings that cannot be decoded: "+v.Type().String(), "")
		return
	}
	rest := *n
	rest.entries = slices.DeleteFunc(slices.Clone(n.entries), func(e entry) bool { return e.key == kind.key })
	d.structure(&rest, v.Elem(), where)
	n.meant = rest.meant
	d.checkSink(n, settings, where)
}

func (d *decoder) checkSink(n *node, settings any, where string) {
	c, ok := settings.(checker)
	if !ok {
		return
	}
	for _, err := range c.Check() {
		var fault *sinks.ConfigError
		if !errors.As(err, &fault) {
			d.fault(n, where+": "+err.Error(), "")
			continue
		}
		at, meant := n, false
		for key := range strings.SplitSeq(fault.Key, ".") {
			e := at.get(key)
			if e == nil {
				e = at.get(key + "_file")
			}
			if e == nil {
				meant = slices.Contains(at.meant, key)
				break
			}
			at = e.value
		}
		if !meant && (at == n || !at.bad) {
			place, message := d.src.place(at.line, at.column), quoted(fault.Key)+in(where)+clause(mask(fault.Problem))
			if fault.Absent {
				d.note(absent{Fault{Message: message}, place, d.part, true})
				continue
			}
			d.add(place, message, "")
		}
	}
}

// clause joins a problem to what has it: some begin with the verb.
func clause(problem string) string {
	for _, verb := range []string{"is", "has", "holds", "ends", "does"} {
		if strings.HasPrefix(problem, verb+" ") {
			return " " + problem
		}
	}
	return ": " + problem
}

func hintTypes(types []string) string {
	if len(types) == 0 {
		return "this command has no sinks"
	}
	return "types: " + strings.Join(slices.Sorted(slices.Values(types)), ", ")
}
