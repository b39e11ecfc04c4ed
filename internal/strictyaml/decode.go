package strictyaml

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/internal/suggest"
)

// Struct fills v, a struct, from a mapping. where names it in messages: `sink
// "cn"`; "" is the document.
func (d *Decoder) Struct(n *Node, v reflect.Value, where string) {
	d.Record(v.Addr().Interface(), n)
	fields := d.schema.fields(v)
	taken := map[string]*Entry{}
	for i := range n.Entries {
		e := &n.Entries[i]
		f, name := match(fields, e.Name)
		if f == nil {
			if meant := d.unknown(e, fields, where); meant != "" {
				n.Meant = append(n.Meant, meant)
			}
			continue
		}
		if d.Duplicate(taken, name, e, where) {
			continue
		}
		if f.secret && taken[f.name] != nil && taken[f.name+"_file"] != nil {
			d.src.hideBelow(taken[f.name].Value, f.name, everything)
			d.Add(d.place(e.Key), fmt.Sprintf("both %q and %q are given%s", f.name, f.name+"_file", In(where)),
				"keep one of them")
			continue
		}
		if where == "" {
			d.part = f.name
		}
		if name != f.name {
			d.secretFile(e, f, where)
			continue
		}
		d.value(e.Value, f.value, f, Quoted(f.name)+In(where), nested(f.name, where))
	}
	for _, f := range fields {
		given := taken[f.name] != nil || taken[f.name+"_file"] != nil
		if f.tag.Get("required") != "" && !given && !slices.Contains(n.Meant, f.name) {
			d.Add(d.place(n), fmt.Sprintf("%q is missing%s", f.name, In(where)), "")
		}
	}
}

// unknown reports a key that there is none of. It returns the field that was
// probably meant, or "".
func (d *Decoder) unknown(e *Entry, fields []field, where string) (meant string) {
	keys := keys(fields)
	hint := HintFor(e.Name, keys)
	f, _ := match(fields, suggest.Closest(e.Name, keys))
	if now := renamed(fields, e.Name); now != nil {
		f, hint = now, fmt.Sprintf("it is called %q now", now.name)
	}
	credential := credentialLike
	if f != nil {
		meant = f.name
		if f.secret {
			credential = everything
		}
	}
	d.src.hideBelow(e.Value, e.Name, credential)
	d.Add(d.place(e.Key), "unknown key "+Quoted(e.Name)+In(where), hint)
	return meant
}

// Duplicate reports whether a mapping had a key already: a fault, but where the
// entry comes from a merge. seen holds the entries by name.
func (d *Decoder) Duplicate(seen map[string]*Entry, name string, e *Entry, where string) bool {
	first := seen[name]
	if first == nil {
		seen[name] = e
		return false
	}
	if !e.merged {
		d.Add(d.place(e.Key), "duplicate key "+Quoted(e.Name)+In(where),
			fmt.Sprintf("the first is in line %d; keep one of them", first.Key.Line))
	}
	return true
}

// value fills v from a node. label names the value in messages and where, if
// it is a mapping, the mapping.
func (d *Decoder) value(n *Node, v reflect.Value, f *field, label, where string) {
	if n.Bad {
		d.again(n)
		return
	}
	if m, ok := d.schema.Mappings[v.Type()]; ok {
		m.Decode(d, n, v.Addr().Interface(), label, where)
		return
	}
	switch kind := v.Kind(); {
	case kind != reflect.Slice && d.schema.isSecret(v.Type()):
		d.secret(n, v, f, label)
	case kind == reflect.Pointer:
		if n.Kind != Null {
			v.Set(reflect.New(v.Type().Elem()))
			d.value(n, v.Elem(), f, label, where)
		}
	case d.schema.Texts[v.Type()] != nil:
		d.scalar(n, v, f, label)
	case kind == reflect.Struct:
		if d.Expect(n, Map, label) {
			if with, ok := v.Addr().Interface().(Defaulter); ok {
				with.SetDefaults()
			}
			d.Struct(n, v, where)
		}
	case kind == reflect.Slice:
		d.list(n, v, f, label, where)
	case kind == reflect.Map:
		d.dictionary(n, v, f, label, where)
	default:
		d.scalar(n, v, f, label)
	}
}

// Expect reports whether a node is a mapping or a list, as is wanted. What is
// neither that nor empty is a fault: keys whose entries are all commented out
// are common.
func (d *Decoder) Expect(n *Node, want Kind, label string) bool {
	if n.Kind == want {
		return true
	}
	if n.Kind != Null {
		hint := ""
		if want == List && n.Scalar() {
			hint = `write a list: ["…"]`
		}
		d.Fault(n, label+" must be "+want.String()+", not "+n.Kind.String(), hint)
	}
	return false
}

func (d *Decoder) list(n *Node, v reflect.Value, f *field, label, where string) {
	if !d.Expect(n, List, label) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		name := strconv.Itoa(i + 1)
		if d.schema.isMapping(v.Type().Elem()) {
			if e := item.Get("name"); e != nil && e.Value.Scalar() && e.Value.Text != "" {
				name = Quoted(e.Value.Text)
			}
			one := singular(f.name) + " " + name
			if item.Kind == Null && !item.Bad {
				d.Fault(item, one+" is empty", "")
			}
			d.value(item, v.Index(i), f, one, one)
			continue
		}
		label := "item " + name + " of " + label
		if item.Kind == Null && !item.Bad {
			d.Fault(item, label+" is empty", "remove it, or give it a value")
		}
		d.value(item, v.Index(i), f, label, where)
	}
}

func (d *Decoder) dictionary(n *Node, v reflect.Value, f *field, label, where string) {
	if !d.Expect(n, Map, label) {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]*Entry{}
	for i := range n.Entries {
		e := &n.Entries[i]
		if d.Duplicate(seen, e.Name, e, where) {
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		label, where := Quoted(e.Name)+In(where), nested(e.Name, where)
		if d.schema.isMapping(item.Type()) {
			where = singular(f.name) + " " + Quoted(e.Name)
			label = where
			d.part = singular(f.name) + " " + e.Name
			if e.Value.Kind == Null && !e.Value.Bad {
				d.Fault(e.Value, label+" is empty", d.schema.hint(item.Type()))
			}
		}
		d.value(e.Value, item, f, label, where)
		v.SetMapIndex(reflect.ValueOf(e.Name), item)
	}
}

func singular(name string) string { return strings.TrimSuffix(name, "s") }

func nested(name, where string) string {
	if where == "" {
		return name
	}
	return name + " of " + where
}

// Decode fills v, a pointer to a struct, from the text of the file at path. ok
// is false after a fault that left nothing to decode. A field with a fault keeps
// its default.
func (s *Schema) Decode(path, text string, v any) (settings *Settings, ok bool) {
	text = newlines(text)
	settings = &Settings{src: newSource(path, text), nodes: map[any]*Node{}, origins: map[setting]string{}}
	root := parse(settings.src, text, &settings.collector, s.SecretAddresses)
	if root == nil {
		return settings, false
	}
	settings.src.hideSecrets(root, s.SecretAddresses)
	d := &Decoder{Settings: settings, schema: s, dir: filepath.Dir(path)}
	d.Struct(root, reflect.ValueOf(v).Elem(), "")
	return settings, true
}

// newlines makes each line break of YAML one newline, so that the parser and the
// reports count lines alike.
func newlines(text string) string { return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) }

// Read parses a text without decoding or checking it. It returns nil for a text
// that cannot be parsed.
func Read(text string) *Node {
	text = newlines(text)
	return parse(newSource("", text), text, &collector{}, nil)
}
