package config

import "slices"

// static reads the context that a target fixes. Numbers and truth values are
// taken as they are written; null says that a field is known to be missing.
func (d *decoder) static(n *node, c *StaticContext, label string) {
	if !d.expect(n, kindMap, label) {
		return
	}
	seen := map[string]*entry{}
	for i := range n.entries {
		e := &n.entries[i]
		if first := seen[e.name]; first != nil {
			if !e.merged {
				d.duplicate(e, first, label)
			}
			continue
		}
		seen[e.name] = e
		if e.value.kind == kindNull && !e.value.bad {
			c.Absent = append(c.Absent, e.name)
			continue
		}
		if text, ok := d.text(e.value, quoted(e.name)+" of "+label, false); ok {
			c.Static[e.name] = text
		}
	}
	slices.Sort(c.Absent)
}
