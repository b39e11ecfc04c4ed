package api

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

const (
	// minCompressed is the size in bytes from which the response to one request is
	// compressed: a smaller one fits in one packet of the network as it is.
	minCompressed = 1 << 10
	// responseLevel compresses 300 flags (55 kB) to 1.8 kB in 80 µs. Level 5: 1.7 kB, 280 µs.
	responseLevel = gzip.BestSpeed
)

// respond writes JSON that was made for one request, with an entity tag:
// compressed if the client accepts gzip, or 304. It does not keep the body. release
// is called when the body is not needed any more: a compressed response does not
// hold it while the client reads.
func (a *api) respond(w http.ResponseWriter, r *http.Request, shared bool, body []byte, release func()) {
	a.respondTagged(w, r, etagOf(body), shared, body, release)
}

// respondTagged is respond with an entity tag that is not of the whole body.
func (a *api) respondTagged(
	w http.ResponseWriter, r *http.Request, etag string, shared bool, body []byte, release func(),
) {
	defer func() { release() }()
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	if shared {
		h.Set("Cache-Control", a.SharedCache.header())
	}
	if notModified(r, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if len(body) >= minCompressed && qvalue(r, "gzip") > 0 {
		packed, err := a.compress(r, body)
		if err != nil {
			writeUnavailable(w, "the request ended before its response was compressed")
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

// compressor compresses one response at a time.
type compressor struct {
	writer *gzip.Writer
	buffer bytes.Buffer
}

// compress returns the gzip form of a response. A writer has tables of several
// hundred kB, so few responses are compressed at a time. It returns errBusy if the
// request ends while it waits.
func (a *api) compress(r *http.Request, body []byte) ([]byte, error) {
	done, err := a.acquireSlot(r.Context())
	if err != nil {
		return nil, err
	}
	defer done()
	p, _ := a.compressors.Get().(*compressor)
	if p == nil {
		p = &compressor{}
		p.writer, _ = gzip.NewWriterLevel(nil, responseLevel) // the level is valid
	}
	defer a.compressors.Put(p)
	p.buffer.Reset()
	p.writer.Reset(&p.buffer)
	_, _ = p.writer.Write(body) // writing to a buffer does not fail
	_ = p.writer.Close()
	return bytes.Clone(p.buffer.Bytes()), nil
}
