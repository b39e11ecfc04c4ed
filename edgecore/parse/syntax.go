package parse

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// SyntaxError says why a document holds no definitions, and where.
type SyntaxError struct {
	Line, Column int // from 1; the column counts bytes
	Offset       int // bytes before the fault
	Msg          string
}

// Error returns the place and what is wrong there.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// checkJSON returns a *SyntaxError if a document is not JSON, or nests deeper
// than untrusted.DocumentDepth.
func checkJSON(doc string) error {
	err := untrusted.CheckJSON(doc, untrusted.DocumentDepth)
	var deep *untrusted.DepthError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &deep):
		return syntaxError(doc, deep.Offset, deep.Error())
	default:
		return invalidJSON(doc)
	}
}

// foreign names what a document is instead of JSON in UTF-8, "" where its
// first bytes do not say it.
func foreign(doc string) string {
	switch {
	case strings.TrimSpace(doc) == "":
		return "the document is empty"
	case strings.HasPrefix(doc, "\xff\xfe"), strings.HasPrefix(doc, "\xfe\xff"), strings.HasPrefix(doc, "{\x00"),
		strings.HasPrefix(doc, "\x00{"):
		return "the document is UTF-16: save it as UTF-8"
	case strings.HasPrefix(doc, "\x1f\x8b"):
		return "the document is packed by gzip: unpack it first"
	case strings.HasPrefix(doc, "PK\x03\x04"):
		return "the document is a ZIP archive: take the file out of it first"
	case strings.HasPrefix(strings.TrimSpace(doc), "<"):
		return "not JSON: the document begins as HTML or XML does"
	}
	return ""
}

func invalidJSON(doc string) error {
	if what := foreign(doc); what != "" {
		return syntaxError(doc, 0, what)
	}
	var any json.RawMessage
	err := json.Unmarshal([]byte(doc), &any)
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

func syntaxError(doc string, offset int, msg string) error {
	e := &SyntaxError{Line: 1, Column: 1, Offset: offset, Msg: msg}
	for _, b := range []byte(doc[:min(offset, len(doc))]) {
		e.Column++
		if b == '\n' {
			e.Line, e.Column = e.Line+1, 1
		}
	}
	return e
}
