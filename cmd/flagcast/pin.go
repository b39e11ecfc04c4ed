package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

type pinFlags struct {
	target            string
	previous, current bool
	from, reason      string
	timeout           time.Duration
}

func newPin() *cobra.Command {
	var flags pinFlags
	c := &cobra.Command{
		Use:   "pin",
		Short: "Put older content of a target back, and hold it there",
		Long: `Pin puts content back under a new seq and marks it as pinned in the sink, where
every publisher sees it: nothing replaces it until flagcast unpin. It needs no
upstream.`,
		Example: "  flagcast pin --target web --previous --reason 'checkout is broken'\n" +
			"  flagcast pin --target web --from sink:back/unleash-rules_1795672049849",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			chosen := 0
			for _, given := range []bool{flags.previous, flags.current, flags.from != ""} {
				if given {
					chosen++
				}
			}
			if chosen != 1 {
				return exit.With(exit.Usage, errors.New("pin needs to know what to hold"), "give one of --previous, --current, --from FILE, --from sink:NAME/KEY")
			}
			ctx, cancel := context.WithTimeout(c.Context(), flags.timeout)
			defer cancel()
			return onTarget(ctx, c, "pin", flags, func(one *oneTarget) error { return one.pin(ctx, flags) })
		},
	}
	c.Flags().StringVar(&flags.target, "target", "", "the `target`; needed")
	c.Flags().BoolVar(&flags.previous, "previous", false, "what was published before what is stored, from the history")
	c.Flags().BoolVar(&flags.current, "current", false, "what is stored now")
	c.Flags().StringVar(&flags.from, "from", "", "a snapshot in a `file`, or in sink:NAME/KEY")
	c.Flags().StringVar(&flags.reason, "reason", "by hand", "`text` that says why, for those who find it pinned")
	c.Flags().DurationVar(&flags.timeout, "timeout", 2*time.Minute, "give up after this time")
	return c
}

func newUnpin() *cobra.Command {
	var target string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "unpin",
		Short: "Let a pinned target follow Unleash again",
		Long: `Unpin takes the mark off what is stored. A running publisher replaces the
content within a minute; flagcast sync does it at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			return onTarget(ctx, c, "unpin", pinFlags{target: target}, func(one *oneTarget) error { return one.unpin(ctx) })
		},
	}
	c.Flags().StringVar(&target, "target", "", "the `target`; needed")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "give up after this time")
	return c
}

// oneTarget is what pin and unpin work on.
type oneTarget struct {
	*app.App
	*publish.Session
	target *publish.Target
	out    io.Writer
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
		return f(&oneTarget{core, publish.NewSession(*t, core.Store, core.Options(nil, events)), t, c.OutOrStdout()})
	})
}

// readBack says when what was written does not show yet.
func (o *oneTarget) readBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, app.VerifyFor)
	defer cancel()
	if !o.Verify(ctx) {
		fmt.Fprintln(o.out, "The sink has accepted it, and does not show it yet.")
	}
}

func (o *oneTarget) unpin(ctx context.Context) error {
	pinned := false
	for _, cell := range o.target.Outputs {
		stored, err := o.Stored(ctx, cell.Key)
		if err != nil {
			return err
		}
		if meta, err := snapshot.Open(stored); err != nil || meta.Pinned == "" {
			continue
		}
		pinned = true
		out, err := o.Rewrite(ctx, publish.Rewrite{Key: cell.Key, Kind: publish.Unpinned})
		if err != nil {
			return err
		}
		printable.Fprintf(o.out, "%s: unpinned (%s in %s, seq %d)\n", o.target.Name, cell.Key, o.target.SinkName, out.Seq)
	}
	if !pinned {
		return fmt.Errorf("target %q is not pinned", o.target.Name)
	}
	o.readBack(ctx)
	printable.Fprintf(o.out, "A running publisher brings it up to date within a minute, and at once: flagcast sync --target %s%s\n",
		o.target.Name, o.ConfigFile.Argument())
	return nil
}

func (o *oneTarget) pin(ctx context.Context, flags pinFlags) error {
	t := o.target
	if flags.from != "" && len(t.Outputs) > 1 {
		return exit.With(exit.Usage, fmt.Errorf("target %q has %d keys, --from holds one snapshot", t.Name, len(t.Outputs)), "use --previous, or --current")
	}
	// Everything is read and checked before anything is written.
	contents := make([][]byte, len(t.Outputs))
	for i, cell := range t.Outputs {
		stored, err := o.Stored(ctx, cell.Key)
		if err != nil {
			return err
		}
		if contents[i], err = contentToPin(o.App, ctx, flags, t, cell, stored); err != nil {
			return err
		}
	}
	for i, cell := range t.Outputs {
		out, err := o.Rewrite(ctx, publish.Rewrite{Key: cell.Key, Content: contents[i], Pinned: flags.reason, Kind: publish.Pinned})
		if err != nil {
			return err
		}
		meta, _ := snapshot.Open(contents[i])
		printable.Fprintf(o.out, "%s: pinned (%s in %s, seq %d): digest %.12s, revision %d, first published %s\n",
			t.Name, cell.Key, t.SinkName, out.Seq, meta.Digest, meta.Revision, meta.PublishedAt.Format(time.RFC3339))
	}
	o.readBack(ctx)
	printable.Fprintf(o.out, "It stays until: flagcast unpin --target %s%s\n", t.Name, o.ConfigFile.Argument())
	return nil
}

// contentToPin returns the content to hold, which must be what the target
// publishes.
func contentToPin(c *app.App, ctx context.Context, flags pinFlags, t *publish.Target, one publish.Output, stored []byte) ([]byte, error) {
	var content []byte
	var err error
	place, inSink := strings.CutPrefix(flags.from, "sink:")
	switch {
	case flags.current:
		if content = stored; stored == nil {
			err = exit.With(exit.Failed, fmt.Errorf("nothing is stored under %q in %s", one.Key, t.SinkName), "")
		}
	case flags.previous:
		content, err = previous(c, ctx, t, one.Key, stored)
	case inSink:
		content, err = fromSink(c, ctx, place)
	default:
		if content, err = untrusted.ReadFile(flags.from, sinks.MaxObject); err != nil {
			err = exit.With(exit.Failed, err, "--from names a file with a snapshot, or sink:NAME/KEY")
		}
	}
	if err != nil {
		return nil, err
	}
	meta, err := snapshot.Open(content)
	if err != nil {
		return nil, exit.With(exit.Failed, fmt.Errorf("hold target %q: %w", t.Name, err), "it must be what flagcast has stored, byte for byte")
	}
	if meta.Format != one.Spec.Format || meta.Environment != t.Environment {
		return nil, exit.With(exit.Failed, fmt.Errorf("hold target %q: the snapshot is %s of %q, the target publishes %s of %q", t.Name, meta.Format, meta.Environment, one.Spec.Format, t.Environment), "")
	}
	return content, nil
}

// previous finds in the history what was published before what is stored.
func previous(c *app.App, ctx context.Context, t *publish.Target, key sinks.Key, stored []byte) ([]byte, error) {
	if t.History == nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("target %q keeps no history", t.Name), "set \"history: { sink: …, keep: 10 }\", or give --from")
	}
	entries, err := t.History.List(ctx, key)
	if errors.Is(err, publish.ErrHistoryDamaged) {
		c.Log.Warn(err.Error())
	} else if err != nil {
		return nil, exit.With(exit.Failed, err, "")
	}
	now, _ := snapshot.Open(stored) // what is damaged is like nothing
	for i, e := range entries {
		if e.Digest == now.Digest || now.Seq > 0 && e.Seq > now.Seq {
			continue
		}
		body, err := t.History.Body(ctx, key, e)
		if errors.Is(err, sinks.ErrNotFound) {
			err = fmt.Errorf("the snapshot before what is stored (seq %d, revision %d, published %s) is missing in the history: %w",
				e.Seq, e.Revision, e.At.Format(time.RFC3339), err)
			return nil, exit.With(exit.Failed, err, olderEntry(t.History.SinkName, key, entries[i+1:], now.Digest))
		}
		if err != nil {
			return nil, exit.With(exit.Failed, err, "")
		}
		return body, nil
	}
	return nil, exit.With(exit.Failed, fmt.Errorf("the history of %q in %s has nothing else than what is stored", key, t.History.SinkName), "flagcast history"+c.ConfigFile.Argument()+" lists it; --from takes a file")
}

// olderEntry says how to pin the entry that comes next, since going back further
// than asked for is a person's decision.
func olderEntry(sink string, key sinks.Key, entries []publish.Entry, stored string) string {
	for _, e := range entries {
		if e.Digest != stored {
			return fmt.Sprintf("the one before it is of %s (revision %d): --from sink:%s/%s",
				e.At.Format(time.RFC3339), e.Revision, sink, publish.EntryKey(key, e.Seq))
		}
	}
	return "the history has no older one; --from takes a file"
}

// fromSink reads NAME/KEY.
func fromSink(c *app.App, ctx context.Context, place string) ([]byte, error) {
	name, text, _ := strings.Cut(place, "/")
	key, err := sinks.ParseKey(text)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("--from sink:%s: %w", place, err), "write sink:NAME/KEY, with the name of a sink in the configuration")
	}
	sink := c.Sinks[name]
	if sink == nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("--from sink:%s: the configuration has no sink %q", place, name), "")
	}
	body, err := sink.Get(ctx, key)
	if err != nil {
		return nil, exit.With(exit.Failed, err, "")
	}
	return body, nil
}
