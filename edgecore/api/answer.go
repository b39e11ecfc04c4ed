package api

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

const (
	// minPacked is the size in bytes from which an answer for one request is
	// packed: a smaller one fits in one packet of the network as it is.
	minPacked = 1 << 10
	// answerLevel packs 300 flags (55 kB) to 1.8 kB in 80 µs. Level 5: 1.7 kB, 280 µs.
	answerLevel = gzip.BestSpeed
)

// answer writes JSON that was made for one request, with an entity tag: packed
// where the client takes gzip, or 304. It does not keep the body. release is
// called when the body is not needed any more: a packed answer does not hold it
// while the client reads.
func (a *api) answer(w http.ResponseWriter, r *http.Request, shared bool, body []byte, release func()) {
	defer func() { release() }()
	etag := etagOf(body)
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	if shared {
		h.Set("Cache-Control", a.Shared.header())
	}
	if fresh(r, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if len(body) >= minPacked && weightOf(r, "gzip") > 0 {
		packed, err := a.packAnswer(r, body)
		if err != nil {
			retryLater(w, "the request ended before its answer was packed")
			return
		}
		release()
		release = func() {}
		body = packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	a.send(w, body)
}

// packer packs one answer at a time.
type packer struct {
	writer *gzip.Writer
	buffer bytes.Buffer
}

// packAnswer returns the gzip form of an answer. A writer has tables of several
// hundred kB, so few answers are packed at a time. It returns errBusy where the
// request ends before its turn.
func (a *api) packAnswer(r *http.Request, body []byte) ([]byte, error) {
	done, err := a.turn(r.Context())
	if err != nil {
		return nil, err
	}
	defer done()
	p, _ := a.packers.Get().(*packer)
	if p == nil {
		p = &packer{}
		p.writer, _ = gzip.NewWriterLevel(nil, answerLevel) // the level is valid
	}
	defer a.packers.Put(p)
	p.buffer.Reset()
	p.writer.Reset(&p.buffer)
	_, _ = p.writer.Write(body) // a buffer takes everything
	_ = p.writer.Close()
	return bytes.Clone(p.buffer.Bytes()), nil
}
