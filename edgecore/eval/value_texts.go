package eval

// Texts are the values of fields by their numbers, for the other way than
// field.values goes. They are made at the first use.
type ValueTexts map[int32][]string

// Of returns the texts of a field, by their numbers.
func (t ValueTexts) Of(p *Program, field int32) []string {
	byItem, ok := t[field]
	if !ok {
		byItem = make([]string, len(p.Fields[field].Values))
		for text, item := range p.Fields[field].Values {
			byItem[item] = text
		}
		t[field] = byItem
	}
	return byItem
}

// List are the values of an OpIn.
func (t ValueTexts) List(p *Program, k *Condition) []string {
	if len(k.Items) == 0 {
		return nil
	}
	byItem, out := t.Of(p, k.Field), make([]string, len(k.Items))
	for i, item := range k.Items {
		out[i] = byItem[item]
	}
	return out
}
