package gen

// spoil changes some values of a document into what the server would refuse.
func (g *generator) spoil(document *object) {
	var all []slot
	collect(*document, &all)
	for range 1 + g.IntN(1+len(all)/12) {
		if len(all) == 0 {
			return
		}
		g.spoilOne(pick(g, all))
	}
}

// slot is a place in the tree: a member of an object or an element of a list.
// Those whose parent was replaced before change nothing.
type slot struct {
	in    any // object or list; both share their elements
	index int
}

func collect(v any, into *[]slot) {
	switch v := v.(type) {
	case object:
		for i := range v {
			*into = append(*into, slot{v, i})
			collect(v[i].value, into)
		}
	case list:
		for i := range v {
			*into = append(*into, slot{v, i})
			collect(v[i], into)
		}
	}
}

var oddValues = []any{
	nil, true, false, 0, -1, 1, 3.5, -1000000, 1 << 40, raw("1e999"), raw("-0"), raw("1e400"),
	raw("123456789012345678901234567890"),
	"", "odd", "1", "NOPE", "__proto__", "default", "9999999999999999999999", "(", `a(?=b)`, `\1`,
	"2030-13-45T99:00:00Z", "five",
	raw(`"\ud800"`), raw(`"a\udc00b"`), raw(`"\u0000"`), raw(`{"a":1,"a":2}`),
	object{},
	list{},
	list{nil},
	object{{"name", "odd"}},
	list{list{list{}}},
}

func (g *generator) spoilOne(at slot) {
	value := pick(g, oddValues)
	switch in := at.in.(type) {
	case list:
		in[at.index] = value
	case object:
		m := &in[at.index]
		switch g.IntN(6) {
		case 0:
			m.key = pick(g, []string{"gone", "name", "values", "value", "Name", "ENABLED"})
		case 1:
			// The name of a neighbour: it is given twice then.
			m.key = pick(g, in).key
		default:
			m.value = value
		}
	}
}
