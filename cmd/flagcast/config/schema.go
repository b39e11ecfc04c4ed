package config

import (
	"reflect"
	"slices"

	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/sinks"
)

// schema returns how the types of this package are decoded that have a form of
// their own.
func schema(o Overrides) *strictyaml.Schema {
	sink := sinkDecoder{settings: o.SinkConfig, types: o.SinkTypes}
	return &strictyaml.Schema{
		Lookup: o.Lookup,
		Texts: map[reflect.Type]func(string) (any, *strictyaml.Problem){
			reflect.TypeFor[cron.Schedule](): decodeSchedule,
			reflect.TypeFor[KeyPattern]():    decodeKey,
		},
		Secrets: map[reflect.Type]func(secret.Secret) (any, *strictyaml.Problem){
			reflect.TypeFor[edgecore.Token](): func(s secret.Secret) (any, *strictyaml.Problem) {
				return parseToken(s)
			},
		},
		Mappings: map[reflect.Type]strictyaml.Mapping{
			reflect.TypeFor[StaticContext](): {Decode: decodeStatic, Schema: staticSchema},
			reflect.TypeFor[Sink]():          {Decode: sink.decode, Hint: hintTypes(o.SinkTypes), Schema: sink.schema},
		},
		SecretAddresses: []string{"notify", "healthcheck"},
	}
}

func decodeSchedule(text string) (any, *strictyaml.Problem) {
	schedule, p := parseSchedule(text)
	if p != nil {
		return nil, &strictyaml.Problem{Message: ": " + p.Message, Hint: p.Hint}
	}
	return schedule, nil
}

func decodeKey(text string) (any, *strictyaml.Problem) {
	if _, err := sinks.ParseKey(placeholder.ReplaceAllString(text, "x")); err != nil {
		return nil, &strictyaml.Problem{
			Message: ", which is not portable", Hint: `a key has 1 to 512 letters, digits, "-" and "_"`,
		}
	}
	return KeyPattern(text), nil
}

// decodeStatic reads the context that a target fixes. Numbers and truth values
// are read as they are written; null says that a field is known to be missing.
func decodeStatic(d *strictyaml.Decoder, n *strictyaml.Node, v any, label, _ string) {
	c := v.(*StaticContext)
	if !d.Expect(n, strictyaml.Map, label) {
		return
	}
	seen := map[string]*strictyaml.Entry{}
	for i := range n.Entries {
		e := &n.Entries[i]
		if d.Duplicate(seen, e.Name, e, label) {
			continue
		}
		if e.Value.Kind == strictyaml.Null && !e.Value.Bad {
			c.Absent = append(c.Absent, e.Name)
			continue
		}
		if text, ok := d.Text(e.Value, strictyaml.Quoted(e.Name)+" of "+label, false); ok {
			c.Static[e.Name] = text
		}
	}
	slices.Sort(c.Absent)
}
