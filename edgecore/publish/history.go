package publish

import (
	"bytes"
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
// under the key KEY_SEQ, and a list of them under KEY_history. An object is
// written before the list that names it: each entry of the last Keep has its
// object. A process that ends in between leaves an object without an entry;
// the next one lists it when something else takes the place of that snapshot.
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

// ErrHistoryDamaged says that the list of a history cannot be read whole.
var ErrHistoryDamaged = errors.New("the list of the history is damaged")

// List returns what the history of a key holds, the newest first. No history
// is an empty one. With ErrHistoryDamaged it returns the entries that can be
// read.
func (h *History) List(ctx context.Context, key sinks.Key) ([]Entry, error) {
	body, err := h.Sink.Get(ctx, ListKey(key))
	if errors.Is(err, sinks.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %q in %s: %w", key, h.SinkName, err)
	}
	entries, err := readEntries(body)
	if err != nil {
		return entries,
			fmt.Errorf("read the history of %q in %s: %w: %w; %d entries can be read, and the next write starts a "+
				"new one with them",
				key, h.SinkName, ErrHistoryDamaged, err, len(entries))
	}
	return entries, nil
}

// readEntries reads a list as far as it is one.
func readEntries(body []byte) ([]Entry, error) {
	var entries []Entry
	d := json.NewDecoder(bytes.NewReader(body))
	for _, want := range []json.Token{json.Delim('{'), "entries", json.Delim('[')} {
		if got, err := d.Token(); err != nil || got != want {
			return nil, fmt.Errorf(`invalid list: want {"entries":[…]}, it begins with %.20q`, body)
		}
	}
	for d.More() {
		var e Entry
		if err := d.Decode(&e); err != nil {
			return sortEntries(entries), fmt.Errorf("entry %d: %w", len(entries)+1, err)
		}
		if e.Seq > 0 && e.Seq <= snapshot.MaxSeq {
			entries = append(entries, e)
		}
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if got, err := d.Token(); err != nil || got != want {
			return sortEntries(entries), errors.New("its end is missing")
		}
	}
	return sortEntries(entries), nil
}

// sortEntries puts the newest first, each seq once.
func sortEntries(entries []Entry) []Entry {
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(b.Seq, a.Seq) })
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.Seq == b.Seq })
}

// At returns the snapshot that was the newest at a time, or the oldest that
// there is; nil for none.
func (h *History) At(ctx context.Context, key sinks.Key, at time.Time) ([]byte, error) {
	entries, err := h.List(ctx, key)
	if err != nil && !errors.Is(err, ErrHistoryDamaged) || len(entries) == 0 {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return !e.At.After(at) })
	if i < 0 {
		i = len(entries) - 1
	}
	return h.Body(ctx, key, entries[i])
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
// replaced is kept, too, if it is not there: another process has stored it, or
// one that ended before it was kept. A damaged list begins again with what can be
// read of it: damaged says so.
//
// unlisted are objects that earlier calls have written and may not have listed;
// add keeps it up to date, and deletes those that will not be listed any more.
func (h *History) add(
	ctx context.Context, key sinks.Key, replaced, body []byte, unlisted *[]uint64,
) (damaged, err error) {
	entries, err := h.List(ctx, key)
	if errors.Is(err, ErrHistoryDamaged) {
		damaged, err = err, nil
	}
	if err != nil {
		return nil, err
	}
	listed := func(seq uint64) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return e.Seq == seq })
	}
	record := func(meta snapshot.Meta, b []byte) error {
		if !slices.Contains(*unlisted, meta.Seq) {
			*unlisted = append(*unlisted, meta.Seq)
		}
		if err := h.keep(ctx, key, meta.Seq, b); err != nil {
			return err
		}
		e := Entry{
			Seq: meta.Seq, Digest: meta.Digest, Revision: meta.Revision, Bytes: len(b), At: meta.PublishedAt,
			Pinned: meta.Pinned,
		}
		entries, err = h.list(ctx, key, append(slices.Clone(entries), e))
		return err
	}
	meta, err := snapshot.Open(body)
	if err != nil {
		return nil, err
	}
	old, foreign := snapshot.Open(replaced)
	keepsOld := foreign == nil && !has(entries, old)
	for _, seq := range *unlisted {
		if !listed(seq) && seq != meta.Seq && (!keepsOld || seq != old.Seq) {
			if err := h.drop(ctx, key, seq); err != nil {
				return damaged, err
			}
		}
	}
	if !listed(meta.Seq) {
		if keepsOld {
			if err := record(old, replaced); err != nil {
				return damaged, err
			}
		}
		if err := record(meta, body); err != nil {
			return damaged, err
		}
	}
	*unlisted = nil
	return damaged, nil
}

// list writes the newest entries, and returns them.
func (h *History) list(ctx context.Context, key sinks.Key, entries []Entry) ([]Entry, error) {
	entries = sortEntries(entries)
	keep := min(max(h.Keep, 1), len(entries))
	for _, e := range entries[keep:] {
		if err := h.drop(ctx, key, e.Seq); err != nil {
			return nil, err
		}
	}
	entries = entries[:keep]
	list, err := json.Marshal(map[string]any{"entries": entries})
	if err != nil {
		return nil, err
	}
	if err := h.Sink.Put(ctx, sinks.Object{
		Key: ListKey(key), Body: list, ContentType: "application/json",
	}); err != nil {
		return nil, fmt.Errorf("write the history of %q to %s: %w", key, h.SinkName, err)
	}
	return entries, nil
}

func (h *History) drop(ctx context.Context, key sinks.Key, seq uint64) error {
	if err := h.Sink.Delete(ctx, EntryKey(key, seq)); err != nil {
		return fmt.Errorf("drop %q from the history in %s: %w", EntryKey(key, seq), h.SinkName, err)
	}
	return nil
}

func (h *History) keep(ctx context.Context, key sinks.Key, seq uint64, body []byte) error {
	o := sinks.Object{Key: EntryKey(key, seq), Body: body, ContentType: "application/json", Immutable: true}
	if err := h.Sink.Put(ctx, o); err != nil {
		return fmt.Errorf("write %q to the history in %s: %w", o.Key, h.SinkName, err)
	}
	return nil
}

// has reports whether a history has a snapshot: under its seq, or as its newest
// entry, since a heartbeat gives content a seq that is not listed.
func has(entries []Entry, meta snapshot.Meta) bool {
	if len(entries) > 0 && entries[0].Digest == meta.Digest && entries[0].Pinned == meta.Pinned {
		return true
	}
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Seq == meta.Seq })
}
