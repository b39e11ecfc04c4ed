// Package keydoc describes keys of a configuration for its JSON Schema: what a
// key means, and which values it takes. It checks nothing: the code that reads
// the settings does, and a schema repeats its checks for editors.
package keydoc

// Keys describes keys by their path, with dots between: "tls.listen". The path
// "" is the mapping that holds the keys.
type Keys map[string]Key

// Key describes one key. What types and tags of its field say is not repeated.
// For a list, Pattern and Words are those of its items.
type Key struct {
	// Meaning is one sentence without its full stop. docs/configuration.md
	// begins with it, and goes on with details.
	Meaning string
	// Pattern is a regular expression for texts, in the syntax that RE2 and
	// ECMA-262 have in common.
	Pattern string
	// Words are the texts that the value may be.
	Words []string
	// Minimum is the smallest number, as in the tag min.
	Minimum string
	// Required: the key may not be absent, nor its text empty.
	Required bool
	// NotEmpty: a list that is given has items.
	NotEmpty bool
	// Only: the key does nothing unless a sibling has one of these values.
	Only *Sibling
	// RequiredBy: the key is required where a sibling has one of these values.
	RequiredBy *Sibling
	// Needs is a sibling without which the key may not be given.
	Needs string
	// Excludes are siblings that may not be given beside the key.
	Excludes []string
}

// Sibling is a key of the same mapping, of one word, and some of its values.
type Sibling struct {
	Key    string
	Values []any
}

// Under returns the keys of a mapping that is at a path.
func (k Keys) Under(path string) Keys {
	below := Keys{}
	for name, key := range k {
		if name != "" {
			name = "." + name
		}
		below[path+name] = key
	}
	return below
}

// With returns keys of several tables; no two tables describe the same key.
func (k Keys) With(tables ...Keys) Keys {
	all := Keys{}
	for _, table := range append(tables, k) {
		for name, key := range table {
			all[name] = key
		}
	}
	return all
}
