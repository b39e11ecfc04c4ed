package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/secret"
)

// decoder fills structs from nodes. It goes on after a fault: the field keeps
// its default, and the node is bad.
type decoder struct {
	collector
	src    *source
	dir    string // of the configuration
	lookup func(string) (string, bool)
	// settings returns the struct of a sink's type; types lists what there is.
	settings func(string) (any, bool)
	types    []string
	// nodes holds the mapping of each struct, by the pointer to it.
	nodes map[any]*node
	// origins says which settings do not come from the file, and from where.
	origins map[setting]string
	// tokensBroken: a token of a flag or a variable has a fault.
	tokensBroken bool
	offline      bool
	// part is what is decoded, and absent what is not there of each part.
	part   part
	absent []absent
	short  []string // places of short secrets
}

// setting is one key of a struct, named by the pointer to it.
type setting struct {
	owner any
	key   string
}

// fault reports what is wrong with a node; n is bad from then on.
func (d *decoder) fault(n *node, message, hint string) {
	n.bad = true
	d.add(d.src.place(n.line, n.column), message, hint)
}

// structure fills v from a mapping. where names it in messages: `sink "cn"`;
// "" is the document.
func (d *decoder) structure(n *node, v reflect.Value, where string) {
	d.nodes[v.Addr().Interface()] = n
	fields := fieldsOf(v)
	taken := map[string]*entry{}
	for i := range n.entries {
		e := &n.entries[i]
		f, name := match(fields, e.name)
		if f == nil {
			if meant := d.unknown(e, fields, where); meant != "" {
				n.meant = append(n.meant, meant)
			}
			continue
		}
		if first := taken[name]; first != nil {
			if !e.merged {
				d.duplicate(e, first, where)
			}
			continue
		}
		taken[name] = e
		if f.secret && taken[f.name] != nil && taken[f.name+"_file"] != nil {
			d.hideAll(taken[f.name].value, false)
			d.add(d.src.place(e.key.line, e.key.column), fmt.Sprintf("both %q and %q are given%s", f.name, f.name+"_file", in(where)), "keep one of them")
			continue
		}
		if name != f.name {
			d.secretFile(e, f, where)
			continue
		}
		if where == "" {
			d.part = partOf(f.name)
		}
		d.value(e.value, f.value, f, quoted(f.name)+in(where), nested(f.name, where))
	}
	for _, f := range fields {
		if f.tag.Get("required") != "" && taken[f.name] == nil && taken[f.name+"_file"] == nil && !slices.Contains(n.meant, f.name) {
			d.add(d.src.place(n.line, n.column), fmt.Sprintf("%q is missing%s", f.name, in(where)), "")
		}
	}
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

// unknown reports a key that there is none of. It returns the field that was
// probably meant, or "".
func (d *decoder) unknown(e *entry, fields []field, where string) (meant string) {
	keys := keysOf(fields)
	hint := hintFor(e.name, keys)
	f, _ := match(fields, closest(e.name, keys))
	if now := renamed(fields, e.name); now != nil {
		f, hint = now, fmt.Sprintf("it is called %q now", now.name)
	}
	if f != nil {
		meant = f.name
	}
	d.hideAll(e.value, f == nil || !f.secret)
	d.add(d.src.place(e.key.line, e.key.column), "unknown key "+quoted(e.name)+in(where), hint)
	return meant
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

func (d *decoder) duplicate(e, first *entry, where string) {
	d.add(d.src.place(e.key.line, e.key.column), "duplicate key "+quoted(e.name)+in(where),
		fmt.Sprintf("the first is in line %d; keep one of them", first.key.line))
}

// value fills v from a node. label names the value in messages and where, if
// it is a mapping, the mapping.
func (d *decoder) value(n *node, v reflect.Value, f *field, label, where string) {
	if n.bad {
		d.again(n)
		return
	}
	switch v.Type() {
	case reflect.TypeFor[secret.Secret](), reflect.TypeFor[edgecore.Token]():
		d.secret(n, v, f, label)
		return
	case reflect.TypeFor[StaticContext]():
		d.static(n, v.Addr().Interface().(*StaticContext), label)
		return
	case reflect.TypeFor[Sink]():
		d.sink(n, v.Addr().Interface().(*Sink), where)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if n.kind != kindNull {
			v.Set(reflect.New(v.Type().Elem()))
			d.value(n, v.Elem(), f, label, where)
		}
	case reflect.Struct:
		if d.expect(n, kindMap, label) {
			setDefaults(v)
			d.structure(n, v, where)
		}
	case reflect.Slice:
		d.list(n, v, f, label, where)
	case reflect.Map:
		d.dictionary(n, v, f, label, where)
	default:
		d.scalar(n, v, f, label)
	}
}

func setDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(defaulter); ok {
		d.setDefaults()
	}
}

// expect reports a node that is neither a mapping or list, as is wanted, nor
// empty. Keys whose entries are all commented out are common.
func (d *decoder) expect(n *node, want kind, label string) bool {
	if n.kind == want {
		return true
	}
	if n.kind != kindNull {
		hint := ""
		if want == kindList && n.scalar() {
			hint = `write a list: ["…"]`
		}
		d.fault(n, label+" must be "+want.String()+", not "+n.kind.String(), hint)
	}
	return false
}

func (d *decoder) list(n *node, v reflect.Value, f *field, label, where string) {
	if !d.expect(n, kindList, label) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		name := strconv.Itoa(i + 1)
		if v.Type().Elem().Kind() == reflect.Struct && !secretType(v.Type()) {
			if e := item.get("name"); e != nil && e.value.scalar() && e.value.text != "" {
				name = quoted(e.value.text)
			}
			one := strings.TrimSuffix(f.name, "s") + " " + name
			if item.kind == kindNull && !item.bad {
				d.fault(item, one+" is empty", "")
			}
			d.value(item, v.Index(i), f, one, one)
			continue
		}
		label := "item " + name + " of " + label
		if item.kind == kindNull && !item.bad {
			d.fault(item, label+" is empty", "remove it, or give it a value")
		}
		d.value(item, v.Index(i), f, label, where)
	}
}

func (d *decoder) dictionary(n *node, v reflect.Value, f *field, label, where string) {
	if !d.expect(n, kindMap, label) {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]*entry{}
	for i := range n.entries {
		e := &n.entries[i]
		if first := seen[e.name]; first != nil {
			if !e.merged {
				d.duplicate(e, first, where)
			}
			continue
		}
		seen[e.name] = e
		item := reflect.New(v.Type().Elem()).Elem()
		label, where := quoted(e.name)+in(where), nested(e.name, where)
		if item.Type() == reflect.TypeFor[*Sink]() {
			where = "sink " + quoted(e.name)
			label = where
			d.part = sinkPart(e.name)
			if e.value.kind == kindNull && !e.value.bad {
				d.fault(e.value, label+" is empty", hintTypes(d.types))
			}
		}
		d.value(e.value, item, f, label, where)
		v.SetMapIndex(reflect.ValueOf(e.name), item)
	}
}

// quoted quotes a text of the file for a message.
func quoted(text string) string {
	const most = 60
	runes := []rune(mask(text))
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	return strconv.Quote(string(runes))
}

func in(where string) string {
	if where == "" {
		return ""
	}
	return " in " + where
}

func nested(name, where string) string {
	if where == "" {
		return name
	}
	return name + " of " + where
}
