package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// treeBuilder turns the parser's tree into nodes.
type treeBuilder struct {
	src     *source
	faults  *collector
	anchors map[string]*node
}

// build never returns nil. What it cannot read is a null node that is bad.
func (b *treeBuilder) build(from ast.Node, depth int) *node {
	if from == nil {
		return &node{line: 1, column: 1}
	}
	if depth > maxDepth {
		return b.bad(from.GetToken(), "mappings and lists are nested too deeply", "")
	}
	switch from := from.(type) {
	case *ast.StringNode:
		return scalarNode(kindText, from.Token, from.Value)
	case *ast.LiteralNode:
		return literalNode(from)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalarNode(kindNumber, from.GetToken(), from.GetToken().Value)
	case *ast.BoolNode:
		return scalarNode(kindBool, from.Token, from.Token.Value)
	case *ast.NullNode:
		return scalarNode(kindNull, from.Token, "")
	case *ast.MappingNode:
		return b.mapping(from.Start, from.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping(from.Start, []*ast.MappingValueNode{from}, depth)
	case *ast.SequenceNode:
		n := nodeAt(kindList, from.Start)
		for _, item := range from.Values {
			n.items = append(n.items, b.build(item, depth+1))
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

func (b *treeBuilder) mapping(start *token.Token, values []*ast.MappingValueNode, depth int) *node {
	n := nodeAt(kindMap, start)
	var merges []*node
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
		if value.kind == kindNull && value.raw == "" {
			value.line, value.column = key.line, key.column
		}
		if i == 0 && n.column != 0 && start.Type != token.MappingStartType {
			n.line, n.column = key.line, key.column
		}
		if !key.bad {
			n.entries = append(n.entries, entry{name: key.text, key: key, value: value})
		}
	}
	for _, m := range merges {
		b.merge(n, m)
	}
	return n
}

// key reads the name of an entry.
func (b *treeBuilder) key(from ast.Node) *node {
	if explicit, ok := from.(*ast.MappingKeyNode); ok && explicit.Value != nil {
		from = explicit.Value
	}
	switch from := from.(type) {
	case *ast.StringNode:
		return scalarNode(kindText, from.Token, from.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return scalarNode(kindText, from.GetToken(), from.GetToken().Value)
	default:
		return b.bad(from.GetToken(), "a key must be a plain text", "")
	}
}

// merge adds the entries of one mapping, or of a list of them, that n does
// not have; earlier ones win (YAML 1.1, merge key).
func (b *treeBuilder) merge(n, from *node) {
	switch {
	case from.bad:
	case from.kind == kindList:
		for _, item := range from.items {
			if item.kind != kindMap && !item.bad {
				b.faults.add(b.src.place(item.line, item.column), `"<<" merges mappings, this is `+item.kind.String(), "")
				continue
			}
			b.merge(n, item)
		}
	case from.kind != kindMap:
		b.faults.add(b.src.place(from.line, from.column), `"<<" merges a mapping, this is `+from.kind.String(), "")
	default:
		own := len(n.entries)
		for _, e := range from.entries {
			known := false
			for i := range n.entries[:own] {
				have := n.entries[i].name
				known = known || names(have, e.name) || names(e.name, have)
			}
			if !known {
				e.merged = true
				n.entries = append(n.entries, e)
			}
		}
	}
}

func (b *treeBuilder) alias(from *ast.AliasNode) *node {
	name := ""
	if from.Value != nil {
		name = from.Value.GetToken().Value
	}
	if n, ok := b.anchors[name]; ok {
		return n
	}
	return b.bad(from.Start, "this alias has no anchor before it", `a text that begins with "*" needs quotes, as in ["*:production.…"]`)
}

func (b *treeBuilder) tagged(from *ast.TagNode, depth int) *node {
	n := b.build(from.Value, depth)
	if from.Start.Value == "!!str" && n.scalar() {
		text := *n
		text.kind = kindText
		return &text
	}
	if n.scalar() {
		b.src.hide(n.line, n.column, n.raw) // in other programs a tag may mean a secret
	}
	return b.bad(from.Start, "tags are not read, but for !!str before a plain value", "remove the tag")
}

// bad reports a fault and returns a node that the decoder passes over.
func (b *treeBuilder) bad(t *token.Token, message, hint string) *node {
	n := nodeAt(kindNull, t)
	n.bad = true
	b.faults.add(b.src.place(n.line, n.column), message, hint)
	return n
}

func nodeAt(k kind, t *token.Token) *node {
	n := &node{kind: k, line: 1, column: 1}
	if t != nil && t.Position != nil {
		n.line, n.column = t.Position.Line, t.Position.Column
	}
	return n
}

func scalarNode(k kind, t *token.Token, text string) *node {
	n := nodeAt(k, t)
	n.text = text
	if t != nil && t.Type != token.ImplicitNullType {
		n.raw = strings.TrimSpace(t.Origin)
	}
	return n
}

// literalNode is a block text; its raw form covers the lines below the "|".
func literalNode(from *ast.LiteralNode) *node {
	n := nodeAt(kindText, from.Start)
	n.raw = from.Start.Value
	if from.Value != nil {
		n.text = from.Value.Value
		n.raw += "\n" + strings.TrimRight(from.Value.Token.Origin, " \r\n")
	}
	return n
}
