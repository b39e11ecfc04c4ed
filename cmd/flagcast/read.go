package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// parseDefinitions reads a GET /api/client/features body, or events of the
// delta protocol from the first one on.
func parseDefinitions(document []byte, env edgecore.Environment) (*edgecore.Definitions, error) {
	if gjson.GetBytes(document, "events").Exists() {
		return parse.Events(document, env)
	}
	return parse.Definitions(document, env)
}

// readDefinitions reads a GET /api/client/features body from a file, or from
// standard input for "-". Without an environment it is the one that the body
// names, else the one that a configuration with a file has, too.
func readDefinitions(path string, env edgecore.Environment, stdin io.Reader) (*edgecore.Definitions, error) {
	document, err := readFrom(path, stdin)
	if err != nil {
		return nil, err
	}
	return decodeDefinitions(path, document, env)
}

// fromBytes bounds what --from reads.
const fromBytes = upstream.DefaultMaxBytes

// readFrom reads the file that --from names, without a byte order mark.
func readFrom(path string, stdin io.Reader) ([]byte, error) {
	var document []byte
	var err error
	if path == "-" {
		document, err = untrusted.ReadAll(stdin, fromBytes)
	} else {
		document, err = untrusted.ReadFile(path, fromBytes)
	}
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		err = fmt.Errorf("%s has %w", path, err)
	}
	if err != nil {
		return nil, exit.With(exit.Failed, fmt.Errorf("read definitions: %w", err), "--from names a file with the answer of GET /api/client/features, or is - for standard input")
	}
	return bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")), nil
}

func decodeDefinitions(path string, document []byte, env edgecore.Environment) (*edgecore.Definitions, error) {
	if path == "-" {
		path = "standard input"
	}
	if env == "" {
		env = edgecore.Environment(gjson.GetBytes(document, "query.environment").Str)
	}
	if env == "" {
		env = "default"
	}
	body, simple := parse.Bootstrap(document)
	d, err := parseDefinitions(body, env)
	var syntax *parse.SyntaxError
	if errors.As(err, &syntax) {
		err = fmt.Errorf("%s:%d:%d: %s", path, syntax.Line, syntax.Column, syntax.Msg)
	}
	if err != nil {
		return nil, exit.With(exit.Failed, fmt.Errorf("read definitions: %w", err), "it has to be the answer of GET /api/client/features")
	}
	if !simple {
		d.Lines = parse.FlagLines(document)
	}
	return d, nil
}

// problemText is a problem with the line of its flag, where that is known.
func problemText(d *edgecore.Definitions, p edgecore.Problem) string {
	if line := d.Lines[p.Feature]; line > 0 {
		return fmt.Sprintf("line %d: %s", line, p)
	}
	return p.String()
}
