package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// Meta is the "flagcast" member of a snapshot.
type Meta struct {
	Format      Format               `json:"format"`
	Environment edgecore.Environment `json:"environment"`
	Target      string               `json:"target"`
	Revision    uint64               `json:"revision"`
	Digest      string               `json:"digest"`
	// Seq orders what is stored under one key, and nothing else does. Every
	// write has a higher one: max(stored seq + 1, unix milliseconds).
	Seq         uint64    `json:"seq"`
	PublishedAt time.Time `json:"publishedAt,omitzero"` // absent in a bundle
	Contextual  []string  `json:"contextual,omitempty"`
	// Heartbeat is how often the snapshot is written again though nothing has
	// changed, in seconds; 0 for never. A reader that sees an older publishedAt
	// sees that the publisher is away.
	Heartbeat int `json:"heartbeat,omitempty"`
	// Pinned says why this content is held until it is unpinned; "" when it is
	// not. No publisher replaces it.
	Pinned string `json:"pinned,omitempty"`
}

// MaxSeq is the highest seq there is: the largest whole number that JavaScript
// counts exactly.
const MaxSeq = 1<<53 - 1

// NextSeq returns the seq of a write at a time, over what is stored. Above
// MaxSeq it is invalid.
func NextSeq(stored uint64, now time.Time) uint64 {
	return max(stored+1, uint64(max(now.UnixMilli(), 0)))
}

// Meta returns the meta data of the snapshot at a place in the order.
func (s *Snapshot) Meta(seq uint64, now time.Time) Meta {
	return Meta{
		Format: s.spec.Format, Environment: s.spec.Environment, Target: s.spec.Target,
		Revision: s.revision, Digest: s.Digest, Seq: seq, PublishedAt: now.UTC().Truncate(time.Millisecond),
		Contextual: s.Contextual, Heartbeat: int(s.spec.Heartbeat / time.Second),
	}
}

// Seal returns the bytes to store: the content with its "flagcast" member.
func (s *Snapshot) Seal(seq uint64, now time.Time) []byte {
	member := encode(s.Meta(seq, now))
	var b bytes.Buffer
	b.Grow(len(s.content) + len(member) + 128)
	b.Write(s.content[:len(s.content)-1]) // without the closing brace
	if s.spec.Format == Definitions1 {
		fmt.Fprintf(&b, `,"query":{"environment":%s},"meta":{"revisionId":%d}`, encode(string(s.spec.Environment)),
			s.revision)
	}
	b.WriteString(`,"flagcast":`)
	b.Write(member)
	b.WriteByte('}')
	return b.Bytes()
}

// Content returns the JSON object that the digest covers: what Seal stores but
// for the "flagcast" member. The caller must not change it.
func (s *Snapshot) Content() []byte { return slices.Clip(s.content) }

// ErrForeign says that stored bytes are not snapshot of flagcast, or not whole.
var ErrForeign = errors.New("not a whole flagcast snapshot")

// Open reads the meta data of stored bytes and checks them against their
// digest. An error wraps ErrForeign; when only the digest is wrong, the meta
// data are what the snapshot claims. A seq above MaxSeq is ignored: nothing
// could be written above it.
func Open(stored []byte) (Meta, error) {
	if err := untrusted.CheckJSON(stored, untrusted.DocumentDepth); err != nil {
		return Meta{}, fmt.Errorf("%w: %w (%d bytes)", ErrForeign, err, len(stored))
	}
	root := gjson.ParseBytes(stored)
	member := root.Get("flagcast")
	if !root.IsObject() || !member.IsObject() {
		return Meta{}, fmt.Errorf("%w: no member \"flagcast\"", ErrForeign)
	}
	var meta Meta
	if err := json.Unmarshal([]byte(member.Raw), &meta); err != nil {
		return Meta{}, fmt.Errorf("%w: member \"flagcast\": %w", ErrForeign, err)
	}
	if meta.Seq > MaxSeq {
		return Meta{}, fmt.Errorf("%w: invalid seq %d: want at most %d", ErrForeign, meta.Seq, uint64(MaxSeq))
	}
	if digest := digestOf(root, meta.Format); digest != meta.Digest {
		return meta, fmt.Errorf("%w: its digest is %.12s, it says %.12s", ErrForeign, digest, meta.Digest)
	}
	return meta, nil
}

// digestOf hashes what a digest covers, from the text of the members.
func digestOf(root gjson.Result, format Format) string {
	excluded := []string{"flagcast"}
	if format == Definitions1 {
		excluded = append(excluded, "meta", "query")
	}
	h := sha256.New()
	separator := "{"
	root.ForEach(func(k, v gjson.Result) bool {
		if !slices.Contains(excluded, k.Str) {
			h.Write([]byte(separator + k.Raw + ":" + v.Raw))
			separator = ","
		}
		return true
	})
	if separator == "{" {
		h.Write([]byte("{"))
	}
	h.Write([]byte("}"))
	return hex.EncodeToString(h.Sum(nil))
}
