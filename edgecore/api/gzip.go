package api

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/flate"

	"github.com/flagcast/flagcast/edgecore"
)

const (
	// gzipLevel compresses 10,000 flags (3.8 MB) to 185 kB: in pieces for the first
	// time in 12 ms, at once in 8 ms. The same size by level 6 of the standard library:
	// 30 ms. Level 9: 167 kB, 60 ms.
	gzipLevel = 6
	// pieceSize is about half the size of a piece, in bytes.
	pieceSize = 64 << 10
	// window is how far back gzip refers, in bytes.
	window = 32 << 10
)

// piece is a part of a body, and its compressed form, which depends on the text
// before it.
type piece struct {
	before, text []byte // of the body
	sum          uint64 // of text
	packed       []byte
}

// gzipPieces returns the gzip form of a body that is cut into pieces. Pieces of an
// older body that occur in this one are reused: only what has changed is
// compressed.
func gzipPieces(body []byte, cuts []int, older []piece) (packed []byte, pieces []piece) {
	known := make(map[uint64]*piece, len(older))
	for i := range older {
		known[older[i].sum] = &older[i]
	}
	var writer *flate.Writer
	size, start := 0, 0
	for _, end := range append(cuts, len(body)) {
		one := piece{
			before: body[max(start-window, 0):start], text: body[start:end], sum: xxhash.Sum64(body[start:end]),
		}
		if old := known[one.sum]; old != nil && bytes.Equal(old.text, one.text) && bytes.Equal(old.before, one.before) {
			one.packed = old.packed
		} else {
			if writer == nil { // which has tables of a megabyte
				writer, _ = flate.NewWriter(nil, gzipLevel) // the level is valid
			}
			one.packed = deflate(writer, &one)
		}
		pieces = append(pieces, one)
		size, start = size+len(one.packed), end
	}
	packed = make([]byte, 0, size+32)
	packed = append(packed, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255) // RFC 1952: deflate, no time, unknown system
	for i := range pieces {
		packed = append(packed, pieces[i].packed...)
	}
	packed = append(packed, 1, 0, 0, 0xff, 0xff) // RFC 1951: the last block, stored, of nothing
	packed = binary.LittleEndian.AppendUint32(packed, crc32.ChecksumIEEE(body))
	return binary.LittleEndian.AppendUint32(packed, uint32(len(body))), pieces
}

// deflate compresses one piece, to the end of a byte.
func deflate(w *flate.Writer, one *piece) []byte {
	var b bytes.Buffer
	w.ResetDict(&b, one.before)
	_, _ = w.Write(one.text) // writing to a buffer does not fail
	_ = w.Flush()
	return bytes.Clone(b.Bytes())
}

// cutsOf returns where to cut the encoded form of definitions: after some flags,
// which are chosen by their names and sizes. So a change of one flag leaves the cuts
// after the others where they are.
func cutsOf(d *edgecore.Definitions) []int {
	var cuts []int
	at, last := 0, 0
	for i := range d.Features {
		f := &d.Features[i]
		at += len(f.Raw) + 1
		if at-last >= pieceSize && xxhash.Sum64String(f.Name)%uint64(pieceSize/(len(f.Raw)+1)+1) == 0 {
			cuts, last = append(cuts, at), at
		}
	}
	return cuts
}
