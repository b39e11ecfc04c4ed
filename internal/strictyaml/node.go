package strictyaml

import "strings"

// Node is a YAML value with its position: what the decoder needs of the
// parser's tree, with aliases and merge keys resolved. An alias is the node of
// its anchor, so that a fault is shown where the text is.
type Node struct {
	Kind Kind
	// Line and Column count from 1; Column counts characters.
	Line, Column int
	Text         string // of a scalar, as written, without its quotes
	raw          string // of a scalar, as it is in the file
	Entries      []Entry
	Items        []*Node
	// Bad: a fault has been reported here, so that what follows from it is
	// not reported too.
	Bad bool
	// absent are variables and files that this value names and that do not
	// exist, with a fault for each. Bad is set, too.
	absent []Absent
	// Meant are the fields of a mapping that its unknown keys probably are.
	Meant []string
}

// Entry is a key of a mapping with its value.
type Entry struct {
	Name       string
	Key, Value *Node
	merged     bool // by "<<"; an entry of the mapping itself wins
}

// Kind is the kind of a value.
type Kind int

// The kinds. An empty value is Null.
const (
	Null Kind = iota
	Text
	Number
	Bool
	Map
	List
)

// String names a kind, with its article.
func (k Kind) String() string {
	return [...]string{"nothing", "a text", "a number", "true or false", "a mapping", "a list"}[k]
}

// Scalar reports whether a value is a text, a number or a truth value.
func (n *Node) Scalar() bool { return n.Kind == Text || n.Kind == Number || n.Kind == Bool }

// Get returns the entry of a key in either spelling, or nil. n may be nil.
func (n *Node) Get(name string) *Entry {
	if n == nil {
		return nil
	}
	for i := range n.Entries {
		if names(n.Entries[i].Name, name) {
			return &n.Entries[i]
		}
	}
	return nil
}

// broken reports whether a fault has been reported at a node or below.
func (n *Node) broken() bool {
	for i := range n.Entries {
		if n.Entries[i].Value.broken() {
			return true
		}
	}
	for _, item := range n.Items {
		if item.broken() {
			return true
		}
	}
	return n.Bad
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
