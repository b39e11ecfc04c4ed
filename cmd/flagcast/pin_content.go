package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

// contentToPin returns the content to hold, which must be what the target
// publishes.
func contentToPin(
	ctx context.Context, c *app.App, flags pinFlags, t *publish.Target, one publish.Output, stored []byte,
) ([]byte, error) {
	var content []byte
	var err error
	place, inSink := strings.CutPrefix(flags.from, "sink:")
	switch {
	case flags.current:
		if content = stored; stored == nil {
			err = exit.With(exit.Failed, fmt.Errorf("nothing is stored under %q in %s", one.Key, t.SinkName), "")
		}
	case flags.previous:
		content, err = previous(ctx, c, t, one.Key, stored)
	case inSink:
		content, err = fromSink(ctx, c, place)
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
		return nil,
			exit.With(exit.Failed, fmt.Errorf("hold target %q: %w", t.Name, err),
				"it must be what flagcast has stored, byte for byte")
	}
	if meta.Format != one.Spec.Format || meta.Environment != t.Environment {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("hold target %q: the snapshot is %s of %q, the target publishes %s of %q",
				t.Name, meta.Format, meta.Environment, one.Spec.Format, t.Environment), "")
	}
	return content, nil
}

// previous finds in the history what was published before what is stored.
func previous(ctx context.Context, c *app.App, t *publish.Target, key sinks.Key, stored []byte) ([]byte, error) {
	if t.History == nil {
		return nil,
			exit.With(exit.Usage, fmt.Errorf("target %q keeps no history", t.Name),
				"set \"history: { sink: …, keep: 10 }\", or give --from")
	}
	entries, err := t.History.List(ctx, key)
	if errors.Is(err, publish.ErrHistoryDamaged) {
		c.Log.Warn("read the history", "err", err)
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
			err = fmt.Errorf(
				"the snapshot before what is stored (seq %d, revision %d, published %s) is missing in the history: %w",
				e.Seq, e.Revision, e.At.Format(time.RFC3339), err)
			return nil, exit.With(exit.Failed, err, olderEntry(t.History.SinkName, key, entries[i+1:], now.Digest))
		}
		if err != nil {
			return nil, exit.With(exit.Failed, err, "")
		}
		return body, nil
	}
	return nil,
		exit.With(exit.Failed, fmt.Errorf("the history of %q in %s has nothing else than what is stored", key,
			t.History.SinkName), "flagcast history"+c.ConfigFile.Argument()+" lists it; --from takes a file")
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
func fromSink(ctx context.Context, c *app.App, place string) ([]byte, error) {
	name, text, _ := strings.Cut(place, "/")
	key, err := sinks.ParseKey(text)
	if err != nil {
		return nil,
			exit.With(exit.Usage, fmt.Errorf("--from sink:%s: %w", place, err),
				"write sink:NAME/KEY, with the name of a sink in the configuration")
	}
	sink := c.Sinks[name]
	if sink == nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("--from sink:%s: the configuration has no sink %q", place, name),
			"")
	}
	body, err := sink.Get(ctx, key)
	if err != nil {
		return nil, exit.With(exit.Failed, err, "")
	}
	return body, nil
}
