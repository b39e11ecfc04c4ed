package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// fetch waits until upstream has delivered each of the environments once, or has said
// what no waiting mends.
func (c *core) fetch(ctx context.Context, environments []edgecore.Environment) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	group, following := errgroup.WithContext(following)
	c.follow(following, group, environments)
	group.Go(func() error { return c.refused(following, environments) })
	for _, env := range environments {
		if _, err := c.store.Wait(following, env, 0); err != nil {
			stop()
			if failure := group.Wait(); failure != nil {
				return failed(exitFailed, failure, "")
			}
			if err = c.feeds[env].Status().Err; err == nil {
				err = fmt.Errorf("%s has not answered in time: %w", c.config.Upstream.URL, ctx.Err())
			}
			return failed(exitFailed, fmt.Errorf("no definitions of environment %q: %w", env, err),
				"--timeout gives upstream more time; --from FILE takes definitions from a file")
		}
	}
	stop()
	return group.Wait()
}

// refused returns an error when upstream has given an answer that it will give
// again: serve goes on asking then, a command that runs once has its result.
func (c *core) refused(ctx context.Context, environments []edgecore.Environment) error {
	if c.config.Upstream.File != "" {
		return nil // a file that cannot be read ends its feed
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for _, env := range environments {
			if err := c.feeds[env].Status().Err; final(err) {
				return fmt.Errorf("no definitions of environment %q: %w", env, err)
			}
		}
	}
}

// final tells whether an error of a feed stays until somebody mends something:
// a status other than those of a busy server, or an answer that holds no
// definitions or is too large.
func final(err error) bool {
	var status *upstream.StatusError
	if errors.As(err, &status) {
		return status.Status < 500 && status.Status != http.StatusTooManyRequests
	}
	var syntax *parse.SyntaxError
	var large *untrusted.SizeError
	return errors.As(err, &syntax) || errors.As(err, &large)
}

// loadFrom puts the definitions of one file into the store, for the only
// environment that the targets publish.
func (c *core) loadFrom(path string, stdin io.Reader) error {
	var env edgecore.Environment
	for _, t := range c.targets {
		if env != "" && t.Environment != env {
			return failed(exitUsage, fmt.Errorf("--from has one environment, the targets publish %q and %q", env, t.Environment), "choose by --target")
		}
		env = t.Environment
	}
	d, err := readDefinitions(path, env, stdin)
	if err != nil {
		return err
	}
	c.deliver(context.Background(), d)
	return nil
}

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
		return nil, failed(exitFailed, fmt.Errorf("read definitions: %w", err), "--from names a file with the answer of GET /api/client/features, or is - for standard input")
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
		return nil, failed(exitFailed, fmt.Errorf("read definitions: %w", err), "it has to be the answer of GET /api/client/features")
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
