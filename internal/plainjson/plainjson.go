// Package plainjson writes JSON whose texts hold <, > and & as they are, where
// encoding/json would escape them for a page of HTML.
package plainjson

import (
	"bytes"
	"encoding/json"
)

// Marshal returns the JSON of v, without a newline at the end. The errors are
// those of encoding/json.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Must returns the JSON of a value that always encodes: of texts, finite numbers,
// and lists, maps and structs of them. It panics for others.
func Must(v any) []byte {
	text, err := Marshal(v)
	if err != nil {
		panic("plainjson: " + err.Error())
	}
	return text
}
