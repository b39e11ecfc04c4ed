package edgecore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/tidwall/gjson"
)

// SyntaxError says why a document holds no definitions, and where.
type SyntaxError struct {
	Line, Column int // from 1; the column counts bytes
	Offset       int // bytes before the fault
	Msg          string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// Parse reads the body of GET /api/client/features. An error is a
// *SyntaxError and means that the document is no such body; a fault inside one
// flag is a Problem of that flag.
//
// What cannot be read is kept harmless: a strategy or constraint that makes no
// sense becomes one that nobody passes, and a flag that makes no sense is left
// out, which SDKs answer as off. Numbers and booleans where the protocol has
// text are taken as they are written.
func Parse(doc []byte, env Environment) (*Definitions, error) {
	if !gjson.ValidBytes(doc) {
		return nil, invalidJSON(doc)
	}
	root := gjson.ParseBytes(doc)
	if !root.IsObject() {
		return nil, syntaxError(doc, 0, "definitions are a JSON object with a list of \"features\", this is "+kindOf(root))
	}
	p := parser{defs: &Definitions{Environment: env}}
	var features, segments gjson.Result
	p.members(root, "", func(key string, v gjson.Result) {
		switch key {
		case "features":
			features = v
		case "segments":
			segments = v
		case "meta":
			p.defs.Revision = v.Get("revisionId").Uint()
		}
	})
	if !features.IsArray() {
		return nil, syntaxError(doc, features.Index, "\"features\" has to be a list of flags, it is "+kindOf(features))
	}
	if segments.Exists() && !segments.IsArray() && segments.Type != gjson.Null {
		return nil, syntaxError(doc, segments.Index, "\"segments\" has to be a list, it is "+kindOf(segments))
	}
	p.features(features)
	p.segments(segments)
	return p.defs, nil
}

// parser collects problems while it walks one document. feature names the flag
// that it is in.
type parser struct {
	defs    *Definitions
	feature string
}

func (p *parser) problem(where, what string) {
	p.defs.Problems = append(p.defs.Problems, Problem{Feature: p.feature, Where: where, What: what})
}

// members calls f for every member of an object in order, so that the last of
// several members with one name stands, as in JavaScript's JSON.parse.
func (p *parser) members(object gjson.Result, where string, f func(key string, v gjson.Result)) {
	if !object.IsObject() {
		return
	}
	var room [16]string
	seen := room[:0]
	object.ForEach(func(k, v gjson.Result) bool {
		for _, s := range seen {
			if s == k.Str {
				p.problem(join(where, k.Str), "stands twice; the last one counts")
			}
		}
		seen = append(seen, k.Str)
		f(k.Str, v)
		return true
	})
}

func (p *parser) features(list gjson.Result) {
	index := map[string]int{}
	i := 0
	list.ForEach(func(_, v gjson.Result) bool {
		where := element("features", i)
		i++
		f, ok := p.readFeature(v, where)
		if !ok {
			return true
		}
		if at, dup := index[f.Name]; dup {
			p.problem(where, "the name stands twice; the last flag counts")
			p.defs.Features[at] = f
			return true
		}
		index[f.Name] = len(p.defs.Features)
		p.defs.Features = append(p.defs.Features, f)
		return true
	})
	p.feature = ""
}

func (p *parser) segments(list gjson.Result) {
	index := map[int]int{}
	i := 0
	list.ForEach(func(_, v gjson.Result) bool {
		where := element("segments", i)
		i++
		id := v.Get("id")
		if id.Type != gjson.Number {
			p.problem(where, "has no number \"id\"; it is left out, and strategies that name it pass for nobody")
			return true
		}
		s := Segment{ID: int(id.Int()), Raw: json.RawMessage(v.Raw)}
		if list := v.Get("constraints"); list.Exists() {
			s.Constraints = p.constraints(list, join(where, "constraints"))
		}
		if at, dup := index[s.ID]; dup {
			p.problem(where, "the id stands twice; the last segment counts")
			p.defs.Segments[at] = s
			return true
		}
		index[s.ID] = len(p.defs.Segments)
		p.defs.Segments = append(p.defs.Segments, s)
		return true
	})
}

func invalidJSON(doc []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(doc, &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		// The decoder counts the offending byte, except at the end of input.
		offset := max(int(syntax.Offset)-1, 0)
		if int(syntax.Offset) >= len(doc) && syntax.Error() == "unexpected end of JSON input" {
			return syntaxError(doc, len(doc), "the JSON text ends too early")
		}
		return syntaxError(doc, offset, "not JSON: "+syntax.Error())
	}
	return syntaxError(doc, 0, "not JSON")
}

func syntaxError(doc []byte, offset int, msg string) error {
	e := &SyntaxError{Line: 1, Column: 1, Offset: offset, Msg: msg}
	for _, b := range doc[:min(offset, len(doc))] {
		e.Column++
		if b == '\n' {
			e.Line, e.Column = e.Line+1, 1
		}
	}
	return e
}

func kindOf(v gjson.Result) string {
	switch {
	case !v.Exists():
		return "missing"
	case v.IsArray():
		return "a list"
	case v.IsObject():
		return "an object"
	case v.Type == gjson.Null:
		return "null"
	case v.Type == gjson.Number:
		return "a number"
	case v.Type == gjson.String:
		return "text"
	default:
		return "a boolean"
	}
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func join(where, member string) string {
	if where == "" {
		return member
	}
	return where + "." + member
}
