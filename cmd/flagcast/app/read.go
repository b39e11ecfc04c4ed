package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// ParseDefinitions reads a GET /api/client/features body, or events of the
// delta protocol from the first one on.
func ParseDefinitions(document []byte, env edgecore.Environment) (*edgecore.Definitions, error) {
	if gjson.GetBytes(document, "events").Exists() {
		events, err := parse.Events(context.Background(), document, env, nil)
		if err != nil {
			return nil, err
		}
		return delta.Fold(nil, env, events), nil
	}
	return parse.Definitions(document, env)
}

// ReadDefinitions reads a GET /api/client/features body from a file, or from
// standard input for "-". Without an environment it is the one that the body
// names, else the one that a configuration with a file has, too.
func ReadDefinitions(path string, env edgecore.Environment, stdin io.Reader) (*edgecore.Definitions, error) {
	document, err := ReadFrom(path, stdin)
	if err != nil {
		return nil, err
	}
	return DecodeDefinitions(path, document, env)
}

// FromBytes bounds what --from reads.
const FromBytes = upstream.DefaultMaxBytes

// ReadFrom reads the file that --from names, without a byte order mark.
func ReadFrom(path string, stdin io.Reader) ([]byte, error) {
	var document []byte
	var err error
	if path == "-" {
		document, err = untrusted.ReadAll(stdin, FromBytes)
	} else {
		document, err = untrusted.ReadFile(path, FromBytes)
	}
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		err = fmt.Errorf("%s has %w", path, err)
	}
	if err != nil {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("read definitions: %w", err),
				"--from names a file with the answer of GET /api/client/features, or is - for standard input")
	}
	return bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")), nil
}

// DecodeDefinitions reads definitions, or a bootstrap file, that were read from path.
// An empty env is the environment that the document names, else "default".
func DecodeDefinitions(path string, document []byte, env edgecore.Environment) (*edgecore.Definitions, error) {
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
	d, err := ParseDefinitions(body, env)
	var syntax *parse.SyntaxError
	if errors.As(err, &syntax) {
		err = fmt.Errorf("%s:%d:%d: %s", path, syntax.Line, syntax.Column, syntax.Msg)
	}
	if err != nil {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("read definitions: %w", err),
				"it must be the answer of GET /api/client/features")
	}
	if !simple {
		d.Lines = parse.FlagLines(document)
	}
	return d, nil
}

// ProblemText is a problem with the line of its flag, where that is known.
func ProblemText(d *edgecore.Definitions, p edgecore.Problem) string {
	if line := d.Lines[p.Feature]; line > 0 {
		return fmt.Sprintf("line %d: %s", line, p)
	}
	return p.String()
}
