package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// History keeps what was published in a sink: one object for each snapshot
// under the key KEY_SEQ, and a list of them under KEY_history. The list is
// written before the object that it names, and objects are deleted before they
// leave it: a crash leaves an entry without its object, never an object that
// nobody would delete.
type History struct {
	Sink     sinks.Sink
	SinkName string
	Keep     int // snapshots of each key
}

// Entry is one snapshot of a history.
type Entry struct {
	Seq      uint64    `json:"seq"`
	Digest   string    `json:"digest"`
	Revision uint64    `json:"revision"`
	Bytes    int       `json:"bytes"`
	At       time.Time `json:"at"`
	Pinned   string    `json:"pinned,omitempty"` // why, where a pin put it there
}

// historySuffix is as long as that of any object: "_" and a number of up to 20
// digits.
const historySuffix = "_history"

// HistoryKeyBytes is how many bytes the keys of a history are longer than that
// of the snapshot.
const HistoryKeyBytes = 21

// ListKey is the key of the list of a snapshot's history.
func ListKey(key sinks.Key) sinks.Key { return key + historySuffix }

// EntryKey is the key under which a history keeps a snapshot.
func EntryKey(key sinks.Key, seq uint64) sinks.Key {
	return sinks.Key(fmt.Sprintf("%s_%d", key, seq))
}

// List returns what the history of a key holds, the newest first. No history
// is an empty one.
func (h *History) List(ctx context.Context, key sinks.Key) ([]Entry, error) {
	body, err := h.Sink.Get(ctx, ListKey(key))
	if errors.Is(err, sinks.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %q in %s: %w", key, h.SinkName, err)
	}
	var list struct {
		Entries []Entry `json:"entries"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read the history of %q in %s: %w", key, h.SinkName, err)
	}
	return list.Entries, nil
}

// Body returns the snapshot of an entry.
func (h *History) Body(ctx context.Context, key sinks.Key, e Entry) ([]byte, error) {
	body, err := h.Sink.Get(ctx, EntryKey(key, e.Seq))
	if err != nil {
		return nil, fmt.Errorf("read the history of %q in %s: %w", key, h.SinkName, err)
	}
	return body, nil
}

// add keeps a snapshot, and drops the oldest beyond what is kept. What it has
// replaced is kept, too, if it is not there: somebody else has stored it, or a
// process that has ended before it was kept.
func (h *History) add(ctx context.Context, key sinks.Key, replaced, body []byte) error {
	entries, err := h.List(ctx, key)
	if err != nil {
		return err
	}
	bodies := map[uint64][]byte{} // to be written
	listed := func(seq uint64) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return e.Seq == seq })
	}
	take := func(meta snapshot.Meta, b []byte) {
		bodies[meta.Seq] = b
		if !listed(meta.Seq) {
			entries = append(entries, Entry{Seq: meta.Seq, Digest: meta.Digest, Revision: meta.Revision, Bytes: len(b), At: meta.PublishedAt, Pinned: meta.Pinned})
		}
	}
	meta, err := snapshot.Open(body)
	if err != nil {
		return err
	}
	again := listed(meta.Seq) // the list was written, and then something failed
	if old, err := snapshot.Open(replaced); err == nil {
		// A heartbeat gives content a seq that is not listed.
		there := len(entries) > 0 && entries[0].Digest == old.Digest && entries[0].Pinned == old.Pinned
		if again && listed(old.Seq) || !again && !there && !listed(old.Seq) {
			take(old, replaced)
		}
	}
	take(meta, body)
	if !again {
		if entries, err = h.list(ctx, key, entries); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if b := bodies[e.Seq]; b != nil {
			if err := h.keep(ctx, key, e.Seq, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// list writes the newest entries, and returns them.
func (h *History) list(ctx context.Context, key sinks.Key, entries []Entry) ([]Entry, error) {
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(b.Seq, a.Seq) })
	keep := min(max(h.Keep, 1), len(entries))
	for _, e := range entries[keep:] {
		if err := h.Sink.Delete(ctx, EntryKey(key, e.Seq)); err != nil {
			return nil, fmt.Errorf("drop %q from the history in %s: %w", EntryKey(key, e.Seq), h.SinkName, err)
		}
	}
	entries = entries[:keep]
	list, err := json.Marshal(map[string]any{"entries": entries})
	if err != nil {
		return nil, err
	}
	if err := h.Sink.Put(ctx, sinks.Object{Key: ListKey(key), Body: list, ContentType: "application/json"}); err != nil {
		return nil, fmt.Errorf("write the history of %q to %s: %w", key, h.SinkName, err)
	}
	return entries, nil
}

func (h *History) keep(ctx context.Context, key sinks.Key, seq uint64, body []byte) error {
	o := sinks.Object{Key: EntryKey(key, seq), Body: body, ContentType: "application/json", Immutable: true}
	if err := h.Sink.Put(ctx, o); err != nil {
		return fmt.Errorf("write %q to the history in %s: %w", o.Key, h.SinkName, err)
	}
	return nil
}

// archive keeps what was written and is not in the history yet. A history that
// fails holds nothing up: it is tried again after the next pass.
func (p *Publisher) archive(ctx context.Context) {
	parallel(len(p.cells), 8, func(i int) {
		c := p.cells[i]
		if c.history == nil || p.target.History == nil {
			c.history, c.replaced = nil, nil
			return
		}
		if ctx.Err() != nil {
			return // the next process keeps it when it replaces it
		}
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		if err := p.target.History.add(ctx, c.Key, c.replaced, c.history); err != nil {
			p.metrics.unrecorded(&p.target)
			p.log.Warn("what was published is not in the history yet: "+err.Error(), "key", c.Key)
			return
		}
		c.history, c.replaced = nil, nil
	})
}
