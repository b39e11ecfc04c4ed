package config

import "strings"

// node is a YAML value with its place: what the decoder needs of the parser's
// tree, with aliases and merge keys resolved. An alias is the node of its
// anchor, so that a fault is shown where the text is.
type node struct {
	kind         kind
	line, column int
	text         string // of a scalar, as written, without its quotes
	raw          string // of a scalar, as it is in the file
	entries      []entry
	items        []*node
	// bad: a fault has been reported here, so that what follows from it is
	// not reported too.
	bad bool
	// absent are variables and files that this value names and that are not
	// there, with a fault for each. bad is set, too.
	absent []absent
	// meant are the fields of a mapping that its unknown keys probably are.
	meant []string
}

type entry struct {
	name       string
	key, value *node
	merged     bool // by "<<"; an entry of the mapping itself wins
}

type kind int

const (
	kindNull kind = iota
	kindText
	kindNumber
	kindBool
	kindMap
	kindList
)

func (k kind) String() string {
	return [...]string{"nothing", "a text", "a number", "true or false", "a mapping", "a list"}[k]
}

func (n *node) scalar() bool { return n.kind == kindText || n.kind == kindNumber || n.kind == kindBool }

// get returns the entry of a key in either spelling, or nil.
func (n *node) get(name string) *entry {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if names(n.entries[i].name, name) {
			return &n.entries[i]
		}
	}
	return nil
}

// names reports whether a key of the file means the key called name: snake_case
// or the camelCase of the same words.
func names(written, name string) bool { return written == name || written == camel(name) }

func camel(snake string) string {
	words := strings.Split(snake, "_")
	for i, w := range words {
		if i > 0 && w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
