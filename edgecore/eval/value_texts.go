package eval

// texts are the values of fields by their numbers, for the other way than
// field.values goes. They are made at the first use.
type texts map[int32][]string

func (t texts) of(p *Program, field int32) []string {
	byItem, ok := t[field]
	if !ok {
		byItem = make([]string, len(p.fields[field].values))
		for text, item := range p.fields[field].values {
			byItem[item] = text
		}
		t[field] = byItem
	}
	return byItem
}

// list are the values of an opIn.
func (t texts) list(p *Program, k *condition) []string {
	if len(k.items) == 0 {
		return nil
	}
	byItem, out := t.of(p, k.field), make([]string, len(k.items))
	for i, item := range k.items {
		out[i] = byItem[item]
	}
	return out
}
