package edgecore

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Encode returns a GET /api/client/features body: the features and segments as
// upstream sent them, members that we do not know included. There is no meta
// without a revision. The same definitions give the same bytes.
func (d *Definitions) Encode() []byte {
	size := 128
	for _, f := range d.Features {
		size += len(f.Raw) + 1
	}
	for _, s := range d.Segments {
		size += len(s.Raw) + 1
	}
	for _, m := range d.Others {
		size += len(m.Name) + len(m.Raw) + 8
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	b.WriteString(`{"version":2,"features":[`)
	for i, f := range d.Features {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.Raw)
	}
	b.WriteString(`],"segments":[`)
	for i, s := range d.Segments {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s.Raw)
	}
	b.WriteString(`],"query":{"environment":`)
	name, _ := json.Marshal(string(d.Environment)) // text always encodes
	b.Write(name)
	b.WriteByte('}')
	if d.Revision > 0 {
		b.WriteString(`,"meta":{"revisionId":`)
		b.WriteString(strconv.FormatUint(d.Revision, 10))
		b.WriteByte('}')
	}
	for _, m := range d.Others {
		b.WriteByte(',')
		name, _ := json.Marshal(m.Name) // text always encodes
		b.Write(name)
		b.WriteByte(':')
		b.WriteString(m.Raw)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// Equal reports whether two definitions that are normalized hold the same flags, segments,
// revision and members that we do not know, by their meaning.
func (d *Definitions) Equal(o *Definitions) bool {
	if d == nil || o == nil {
		return d == o
	}
	return d.Environment == o.Environment && d.Revision == o.Revision && d.SameFlags(o) &&
		slices.Equal(d.Others, o.Others)
}

// SameFlags reports whether two definitions that are normalized hold the same flags and
// segments, by their meaning.
func (d *Definitions) SameFlags(o *Definitions) bool {
	return slices.EqualFunc(d.Features, o.Features, func(a, b Feature) bool { return a.Digest == b.Digest }) &&
		slices.EqualFunc(d.Segments, o.Segments, func(a, b Segment) bool { return a.Digest == b.Digest })
}
