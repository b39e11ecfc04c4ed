package snapshot

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/tidwall/gjson"
)

// Reseal returns the content of a stored snapshot under a new place in the
// order, with its meta data otherwise as they are but for what edit changes.
// An error is that of Open.
func Reseal(stored []byte, seq uint64, now time.Time, edit func(*Meta)) ([]byte, Meta, error) {
	meta, err := Open(stored)
	if err != nil {
		return nil, Meta{}, err
	}
	meta.Seq, meta.PublishedAt = seq, now.UTC().Truncate(time.Millisecond)
	if edit != nil {
		edit(&meta)
	}
	member := gjson.GetBytes(stored, "flagcast")
	if member.Index <= 0 || !bytes.HasPrefix(stored[member.Index:], []byte(member.Raw)) {
		return nil, Meta{}, fmt.Errorf("%w: member \"flagcast\" has no place", ErrForeign)
	}
	return slices.Concat(stored[:member.Index], encode(meta), stored[member.Index+len(member.Raw):]), meta, nil
}
