package strictyaml

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// treeBuilder turns the parser's tree into nodes.
type treeBuilder struct {
	src     *source
	faults  *collector
	anchors map[string]*Node
}

// build never returns nil. What it cannot read is a null node that is bad.
func (b *treeBuilder) build(from ast.Node, depth int) *Node {
	if from == nil {
		return &Node{Line: 1, Column: 1}
	}
	if depth > maxDepth {
		return b.bad(from.GetToken(), "mappings and lists are nested too deeply", "")
	}
	switch from := from.(type) {
	case *ast.StringNode:
		return scalarNode(Text, from.Token, from.Value)
	case *ast.LiteralNode:
		return literalNode(from)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalarNode(Number, from.GetToken(), from.GetToken().Value)
	case *ast.BoolNode:
		return scalarNode(Bool, from.Token, from.Token.Value)
	case *ast.NullNode:
		return scalarNode(Null, from.Token, "")
	case *ast.MappingNode:
		return b.mapping(from.Start, from.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping(from.Start, []*ast.MappingValueNode{from}, depth)
	case *ast.SequenceNode:
		n := nodeAt(List, from.Start)
		for _, item := range from.Values {
			n.Items = append(n.Items, b.build(item, depth+1))
		}
		return n
	case *ast.AnchorNode:
		n := b.build(from.Value, depth)
		if from.Name != nil {
			b.anchors[from.Name.GetToken().Value] = n
		}
		return n
	case *ast.AliasNode:
		return b.alias(from)
	case *ast.TagNode:
		return b.tagged(from, depth)
	default:
		return b.bad(from.GetToken(), "this is not a value that a configuration can hold", "")
	}
}

func (b *treeBuilder) mapping(start *token.Token, values []*ast.MappingValueNode, depth int) *Node {
	n := nodeAt(Map, start)
	var merges []*Node
	for i, pair := range values {
		if pair.Key == nil {
			continue
		}
		if pair.Key.IsMergeKey() {
			merges = append(merges, b.build(pair.Value, depth+1))
			continue
		}
		key := b.key(pair.Key)
		value := b.build(pair.Value, depth+1)
		if value.Kind == Null && value.raw == "" {
			value.Line, value.Column = key.Line, key.Column
		}
		if i == 0 && n.Column != 0 && start.Type != token.MappingStartType {
			n.Line, n.Column = key.Line, key.Column
		}
		if !key.Bad {
			n.Entries = append(n.Entries, Entry{Name: key.Text, Key: key, Value: value})
		}
	}
	for _, m := range merges {
		b.merge(n, m)
	}
	return n
}

// key reads the name of an entry.
func (b *treeBuilder) key(from ast.Node) *Node {
	if explicit, ok := from.(*ast.MappingKeyNode); ok && explicit.Value != nil {
		from = explicit.Value
	}
	switch from := from.(type) {
	case *ast.StringNode:
		return scalarNode(Text, from.Token, from.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return scalarNode(Text, from.GetToken(), from.GetToken().Value)
	default:
		return b.bad(from.GetToken(), "a key must be a plain text", "")
	}
}

// merge adds the entries of one mapping, or of a list of them, that n does
// not have; earlier ones win (YAML 1.1, merge key).
func (b *treeBuilder) merge(n, from *Node) {
	switch {
	case from.Bad:
	case from.Kind == List:
		for _, item := range from.Items {
			if item.Kind != Map && !item.Bad {
				b.faults.Add(b.src.place(item.Line, item.Column), `"<<" merges mappings, this is `+item.Kind.String(),
					"")
				continue
			}
			b.merge(n, item)
		}
	case from.Kind != Map:
		b.faults.Add(b.src.place(from.Line, from.Column), `"<<" merges a mapping, this is `+from.Kind.String(), "")
	default:
		own := len(n.Entries)
		for _, e := range from.Entries {
			known := false
			for i := range n.Entries[:own] {
				have := n.Entries[i].Name
				known = known || names(have, e.Name) || names(e.Name, have)
			}
			if !known {
				e.merged = true
				n.Entries = append(n.Entries, e)
			}
		}
	}
}

func (b *treeBuilder) alias(from *ast.AliasNode) *Node {
	name := ""
	if from.Value != nil {
		name = from.Value.GetToken().Value
	}
	if n, ok := b.anchors[name]; ok {
		return n
	}
	return b.bad(from.Start, "this alias has no anchor before it",
		`a text that begins with "*" needs quotes, as in ["*:production.…"]`)
}

func (b *treeBuilder) tagged(from *ast.TagNode, depth int) *Node {
	n := b.build(from.Value, depth)
	if from.Start.Value == "!!str" && n.Scalar() {
		text := *n
		text.Kind = Text
		return &text
	}
	if n.Scalar() {
		b.src.hide(n.Line, n.Column, n.raw) // in other programs a tag may mean a secret
	}
	return b.bad(from.Start, "tags are not read, but for !!str before a plain value", "remove the tag")
}

// bad reports a fault and returns a node that the decoder passes over.
func (b *treeBuilder) bad(t *token.Token, message, hint string) *Node {
	n := nodeAt(Null, t)
	n.Bad = true
	b.faults.Add(b.src.place(n.Line, n.Column), message, hint)
	return n
}

func nodeAt(k Kind, t *token.Token) *Node {
	n := &Node{Kind: k, Line: 1, Column: 1}
	if t != nil && t.Position != nil {
		n.Line, n.Column = t.Position.Line, t.Position.Column
	}
	return n
}

func scalarNode(k Kind, t *token.Token, text string) *Node {
	n := nodeAt(k, t)
	n.Text = text
	if t != nil && t.Type != token.ImplicitNullType {
		n.raw = strings.TrimSpace(t.Origin)
	}
	return n
}

// literalNode is a block text; its raw form covers the lines below the "|".
func literalNode(from *ast.LiteralNode) *Node {
	n := nodeAt(Text, from.Start)
	n.raw = from.Start.Value
	if from.Value != nil {
		n.Text = from.Value.Value
		n.raw += "\n" + strings.TrimRight(from.Value.Token.Origin, " \r\n")
	}
	return n
}
