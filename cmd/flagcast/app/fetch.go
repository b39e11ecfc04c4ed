package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// Fetch waits until upstream has delivered each of the environments once, or has said
// what waiting does not change.
func (c *App) Fetch(ctx context.Context, environments []edgecore.Environment) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	group, following := errgroup.WithContext(following)
	c.follow(following, group, environments)
	for _, env := range environments {
		group.Go(func() error { return c.refused(following, env) })
	}
	for _, env := range environments {
		if _, err := c.Store.Wait(following, env, 0); err != nil {
			stop()
			if failure := group.Wait(); failure != nil {
				return exit.With(exit.Failed, failure, "")
			}
			if err = c.Feeds[env].Status().Err; err == nil {
				err = fmt.Errorf("%s has not answered in time: %w", c.Config.Upstream.URL, ctx.Err())
			}
			return exit.With(exit.Failed, fmt.Errorf("no definitions of environment %q: %w", env, err),
				"--timeout gives upstream more time; --from FILE takes definitions from a file")
		}
	}
	stop()
	return group.Wait()
}

// refused returns an error when upstream has given an answer that it will give
// again, and nil when ctx ends. serve asks again then; a command that runs once
// has its result.
func (c *App) refused(ctx context.Context, env edgecore.Environment) error {
	if c.Config.Upstream.File != "" {
		return nil // a file that cannot be read ends its feed
	}
	for {
		changed := c.Feeds[env].Changed()
		if err := c.Feeds[env].Status().Err; final(err) {
			return fmt.Errorf("no definitions of environment %q: %w", env, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// final reports whether an error of a feed stays until a person changes something:
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
func (c *App) loadFrom(path string, stdin io.Reader) error {
	var env edgecore.Environment
	for _, t := range c.Targets {
		if env != "" && t.Environment != env {
			return exit.With(exit.Usage, fmt.Errorf("--from has one environment, the targets publish %q and %q", env,
				t.Environment), "choose by --target")
		}
		env = t.Environment
	}
	d, err := ReadDefinitions(path, env, stdin)
	if err != nil {
		return err
	}
	c.deliver(context.Background(), d)
	return nil
}
