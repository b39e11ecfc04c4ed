package strictyaml

import (
	"reflect"

	"github.com/flagcast/flagcast/internal/secret"
)

// Decoder fills structs from nodes. It goes on after a fault: the field keeps
// its default, and the node is bad.
type Decoder struct {
	*Settings
	schema *Schema
	dir    string // of the file
	part   string // what is decoded, as in Absent
}

// Schema is what the decoder has to know beside the struct that it fills.
type Schema struct {
	// Lookup finds environment variables (os.LookupEnv).
	Lookup func(name string) (string, bool)
	// Texts read types that a text has a form for. The message of a problem
	// continues `"key" is "text"`.
	Texts map[reflect.Type]func(text string) (any, *Problem)
	// Secrets read types of secrets. The message of a problem continues the
	// name of the value, and holds no part of it.
	Secrets map[reflect.Type]func(secret.Secret) (any, *Problem)
	// Mappings decode types that have no fixed fields.
	Mappings map[reflect.Type]Mapping
	// SecretAddresses are keys of the document below which addresses are secrets.
	SecretAddresses []string
}

// Mapping decodes a type. Decode fills v, a pointer to one; label names the
// value in messages, and where the mapping. Hint says what to write where a
// mapping of such values has one that is empty. Schema returns the JSON Schema of
// the values at a path of keys.
type Mapping struct {
	Decode func(d *Decoder, n *Node, v any, label, where string)
	Hint   string
	Schema func(b *SchemaBuilder, path string) map[string]any
}

// Defaulter is a type with defaults; they are set before it is decoded.
type Defaulter interface{ SetDefaults() }

// Fault reports what is wrong with a node; n is bad from then on.
func (d *Decoder) Fault(n *Node, message, hint string) {
	n.Bad = true
	d.Add(d.place(n), message, hint)
}

// Report is Fault, but n stays as it is.
func (d *Decoder) Report(n *Node, message string) { d.Add(d.place(n), message, "") }

// Missing reports what a node names and what does not exist, or a credential
// that it lacks, to those who need the part that is decoded.
func (d *Decoder) Missing(n *Node, message, hint string, credential bool) {
	d.note(Absent{Problem{message, hint}, d.place(n), d.part, credential})
}

// missing is Missing of a value: n is bad from then on.
func (d *Decoder) missing(n *Node, message, hint string, credential bool) {
	n.Bad = true
	a := Absent{Problem{message, hint}, d.place(n), d.part, credential}
	n.absent = append(n.absent, a)
	d.note(a)
}

// again reports what a node lacks that was decoded before: YAML's anchors give
// one node to several parts.
func (d *Decoder) again(n *Node) {
	for _, a := range n.absent {
		a.Part = d.part
		d.note(a)
	}
}

// Record notes the mapping of a struct, for the methods of Settings.
func (d *Decoder) Record(owner any, n *Node) { d.nodes[owner] = n }

// hint returns what to write where a mapping is empty.
func (s *Schema) hint(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return s.Mappings[t].Hint
}
