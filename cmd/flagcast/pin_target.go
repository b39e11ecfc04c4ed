package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
)

// oneTarget is what pin and unpin work on.
type oneTarget struct {
	app     *app.App
	session *publish.Session
	target  *publish.Target
	out     io.Writer
}

// onTarget runs f on one target of the configuration, and sends its events.
func onTarget(ctx context.Context, c *cobra.Command, by string, flags pinFlags, f func(*oneTarget) error) error {
	if flags.target == "" {
		return exit.With(exit.Usage, errors.New("--target is missing"), "name one target of the configuration")
	}
	core, err := newChosen(c, []string{flags.target}, flags.needs)
	if err != nil {
		return err
	}
	return core.WithListener(ctx, by, func(events publish.Listener) error {
		t := &core.Targets[0]
		session := publish.NewSession(*t, core.Store, core.Options(nil, events))
		return f(&oneTarget{app: core, session: session, target: t, out: c.OutOrStdout()})
	})
}

// readBack says when what was written does not show yet.
func (o *oneTarget) readBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, app.VerifyFor)
	defer cancel()
	if !o.session.Verify(ctx) {
		fmt.Fprintln(o.out, "The sink has accepted it, and does not show it yet.")
	}
}

func (o *oneTarget) unpin(ctx context.Context) error {
	pinned := false
	for _, output := range o.target.Outputs {
		stored, err := o.session.Stored(ctx, output.Key)
		if err != nil {
			return err
		}
		if meta, err := snapshot.Open(stored); err != nil || meta.Pinned == "" {
			continue
		}
		pinned = true
		out, err := o.session.Rewrite(ctx, publish.Rewrite{Key: output.Key, Kind: publish.Unpinned})
		if err != nil {
			return err
		}
		printable.Fprintf(o.out, "%s: unpinned (%s in %s, seq %d)\n", o.target.Name, output.Key, o.target.SinkName,
			out.Seq)
	}
	if !pinned {
		return fmt.Errorf("target %q is not pinned", o.target.Name)
	}
	o.readBack(ctx)
	printable.Fprintf(o.out,
		"A running publisher brings it up to date within a minute, and at once: flagcast sync --target %s%s\n",
		o.target.Name, o.app.ConfigFile.Argument())
	return nil
}

func (o *oneTarget) pin(ctx context.Context, flags pinFlags) error {
	t := o.target
	if flags.from != "" && len(t.Outputs) > 1 {
		return exit.With(exit.Usage,
			fmt.Errorf("target %q has %d keys, --from holds one snapshot", t.Name, len(t.Outputs)),
			"use --previous, or --current")
	}
	// Everything is read and checked before anything is written.
	contents := make([][]byte, len(t.Outputs))
	for i, output := range t.Outputs {
		stored, err := o.session.Stored(ctx, output.Key)
		if err != nil {
			return err
		}
		if contents[i], err = contentToPin(ctx, o.app, flags, t, output, stored); err != nil {
			return err
		}
	}
	for i, output := range t.Outputs {
		out, err := o.session.Rewrite(ctx, publish.Rewrite{
			Key: output.Key, Content: contents[i], Pinned: flags.reason, Kind: publish.Pinned,
		})
		if err != nil {
			return err
		}
		meta, _ := snapshot.Open(contents[i])
		printable.Fprintf(o.out, "%s: pinned (%s in %s, seq %d): digest %.12s, revision %d, first published %s\n",
			t.Name, output.Key, t.SinkName, out.Seq, meta.Digest, meta.Revision, meta.PublishedAt.Format(time.RFC3339))
	}
	o.readBack(ctx)
	printable.Fprintf(o.out, "It stays until: flagcast unpin --target %s%s\n", t.Name, o.app.ConfigFile.Argument())
	return nil
}
