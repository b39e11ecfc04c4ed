package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxBytes bounds a file.
const MaxBytes = 1 << 20

const maxDepth = 50 // mappings and lists inside each other

// parse reads a document. It returns nil after a fault that leaves nothing to
// decode; an empty document is an empty mapping. addresses are the keys below
// which addresses are secrets.
func parse(src *source, text string, faults *collector, addresses []string) *Node {
	if !readable(src, text, faults) {
		return nil
	}
	file, err := parseYAML(text)
	if err != nil {
		syntaxFault(src, err, faults, addresses)
		return nil
	}
	p := treeBuilder{src: src, faults: faults, anchors: map[string]*Node{}}
	var root *Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		n := p.build(doc.Body, 0)
		if root != nil {
			faults.Add(src.place(n.Line, n.Column), "the file holds a second document",
				`remove the line "---" before it: a configuration is one document`)
			break
		}
		root = n
	}
	switch {
	case root == nil || root.Kind == Null:
		root = &Node{Kind: Map, Line: 1, Column: 1}
	case root.Kind != Map:
		faults.Add(src.place(root.Line, root.Column), "the file holds "+root.Kind.String()+", not a configuration",
			`a configuration begins with a key such as "upstream:"`)
		return nil
	}
	return root
}

// readable refuses what is not a text, where the parser would guess.
func readable(src *source, text string, faults *collector) bool {
	if len(text) > MaxBytes {
		faults.Add(src.place(1, 1), fmt.Sprintf("the file has %d bytes, the limit is %d", len(text), MaxBytes),
			"is this the right file?")
		return false
	}
	line, column := 1, 1
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			faults.Add(src.place(line, column), "the file is not UTF-8 text", "save it as UTF-8")
			return false
		case r < ' ' && r != '\t' && r != '\n', r == 0x7f:
			faults.Add(src.place(line, column), fmt.Sprintf("the file holds the control character %U", r),
				"is this the right file?")
			return false
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
	}
	return true
}

// parseYAML turns a panic of the parser into an error: a configuration that
// trips it is a fault of the configuration as far as a user can see.
func parseYAML(text string) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the parser gave up")
		}
	}()
	// Duplicate keys are reported with all other faults.
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

func syntaxFault(src *source, err error, faults *collector, addresses []string) {
	message, at := "this is not valid YAML", src.place(1, 1)
	var positioned yaml.Error
	if errors.As(err, &positioned) {
		if t := positioned.GetToken(); t != nil && t.Position != nil {
			at = src.place(t.Position.Line, t.Position.Column)
		}
		// A message with quotes repeats a part of the file, maybe a secret.
		if m := positioned.GetMessage(); !strings.Contains(m, `"`) {
			message += ": " + m
		}
	}
	src.hideUnparsed(addresses)
	hint := ""
	if at.Line <= len(src.lines) {
		hint = syntaxHint(string(src.lines[at.Line-1]), message)
	}
	faults.Add(at, message, hint)
}

func syntaxHint(line, message string) string {
	switch {
	case strings.Contains(message, "tab character"):
		return "indent by spaces"
	case strings.Contains(message, "reserved character"):
		return `put the value into quotes, as in schedule: "@every 1m"`
	case strings.Contains(line, "${"):
		return `between "{" or "[" a variable needs quotes, as in ["${NAME}"]`
	case strings.Contains(line, "*"):
		return `a text that begins with "*" needs quotes, as in ["*:production.…"]`
	}
	return ""
}
