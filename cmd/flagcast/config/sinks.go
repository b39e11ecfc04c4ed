package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/internal/suggest"
	"github.com/flagcast/flagcast/sinks"
)

// checked is implemented by settings of sinks. Errors that are a
// *sinks.ConfigError are shown at the key that they name; "a.b" is b in a.
type checked interface{ Check() []error }

// sinkDecoder decodes the settings of sinks into the structs of their types.
type sinkDecoder struct {
	settings func(kind string) (any, bool)
	types    []string
}

// decode fills v, a *Sink.
func (s sinkDecoder) decode(d *strictyaml.Decoder, n *strictyaml.Node, v any, _, where string) {
	if !d.Expect(n, strictyaml.Map, where) {
		return
	}
	d.Record(v, n)
	kind := n.Get("type")
	if kind == nil {
		d.Fault(n, `"type" is missing`+strictyaml.In(where), hintTypes(s.types))
		return
	}
	text, ok := d.Text(kind.Value, `"type"`+strictyaml.In(where), false)
	if !ok {
		return
	}
	sink := v.(*Sink)
	sink.Type = text
	settings, ok := s.settings(text)
	if !ok {
		hint := hintTypes(s.types)
		if word := suggest.Closest(text, s.types); word != "" {
			hint = strictyaml.HintFor(text, s.types) + " " + hint
		}
		d.Fault(kind.Value, "unknown sink type "+strictyaml.Quoted(kind.Value.Text)+strictyaml.In(where), hint)
		return
	}
	sink.Settings = settings
	rest := *n
	rest.Entries = slices.DeleteFunc(slices.Clone(n.Entries), func(e strictyaml.Entry) bool {
		return e.Key == kind.Key
	})
	d.Struct(&rest, reflect.ValueOf(settings).Elem(), where)
	n.Meant = rest.Meant
	checkSink(d, n, settings, where)
}

func checkSink(d *strictyaml.Decoder, n *strictyaml.Node, settings any, where string) {
	c, ok := settings.(checked)
	if !ok {
		return
	}
	for _, err := range c.Check() {
		var fault *sinks.ConfigError
		if !errors.As(err, &fault) {
			d.Fault(n, where+": "+err.Error(), "")
			continue
		}
		at, meant := n, false
		for key := range strings.SplitSeq(fault.Key, ".") {
			e := at.Get(key)
			if e == nil {
				e = at.Get(key + "_file")
			}
			if e == nil {
				meant = slices.Contains(at.Meant, key)
				break
			}
			at = e.Value
		}
		if meant || at != n && at.Bad {
			continue
		}
		message := strictyaml.Quoted(fault.Key) + strictyaml.In(where) + clause(strictyaml.Mask(fault.Problem))
		if fault.Absent {
			d.Missing(at, message, "", true)
			continue
		}
		d.Report(at, message)
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
