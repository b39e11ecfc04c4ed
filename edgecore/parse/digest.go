package parse

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/flagcast/flagcast/edgecore"
)

// digester computes digests of JSON values by their meaning: white space, escapes in
// texts and the order of members do not change them. Numbers count as they are written.
// Its memory is reused.
type digester struct {
	cursor
	out     []byte
	members []member
	scratch []byte
}

// member is the place of one member in out.
type member struct{ key, value, end int }

// of returns the digest of a value, which is valid JSON.
func (d *digester) of(raw string) edgecore.Digest {
	d.cursor, d.out, d.members = cursor{s: raw}, d.out[:0], d.members[:0]
	d.value()
	sum := sha256.Sum256(d.out)
	return edgecore.Digest(sum[:len(edgecore.Digest{})])
}

// value appends a form of the next value that is the same for values of the same
// meaning, and for no others: a letter for its kind, and the lengths of texts and lists.
func (d *digester) value() {
	switch kind := d.kind(); kind {
	case 'o':
		d.sorted()
	case 'l':
		d.out = append(d.out, kind)
		d.list(func(int) { d.value() })
		d.out = append(d.out, ']')
	case 't':
		d.out = append(d.out, kind)
		d.appendText(d.text())
	default:
		d.out = append(d.out, kind)
		d.appendText(d.skip())
	}
}

func (d *digester) appendText(text string) {
	d.out = append(binary.AppendUvarint(d.out, uint64(len(text))), text...)
}

// sorted appends an object with its members by name. Members of one name stay in their
// order, of which the last one counts.
func (d *digester) sorted() {
	d.out = append(d.out, 'o')
	first, start, inOrder := len(d.members), len(d.out), true
	d.object(func(key string) {
		m := member{key: len(d.out)}
		d.appendText(key)
		m.value = len(d.out)
		d.value()
		m.end = len(d.out)
		if n := len(d.members); n > first && d.compare(d.members[n-1], m) > 0 {
			inOrder = false
		}
		d.members = append(d.members, m)
	})
	if !inOrder {
		d.scratch = append(d.scratch[:0], d.out[start:]...)
		members := d.members[first:]
		slices.SortStableFunc(members, d.compare)
		d.out = d.out[:start]
		for _, m := range members {
			d.out = append(d.out, d.scratch[m.key-start:m.end-start]...)
		}
	}
	d.members = d.members[:first]
	d.out = append(d.out, '}')
}

func (d *digester) compare(a, b member) int {
	return bytes.Compare(d.out[a.key:a.value], d.out[b.key:b.value])
}
