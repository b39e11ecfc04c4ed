package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// Bounds of bodies in bytes, as received and decompressed.
const (
	maxContextBody  = 64 << 10  // of POST to the frontend API
	maxValidateBody = 256 << 10 // of /edge/validate
	maxUsageBody    = 1 << 20   // of reports of SDKs
)

// bodyTimeout is the longest time in which a client sends a body.
const bodyTimeout = 10 * time.Second

var (
	errBusy = errors.New("too many request bodies at once")
	// errGzip replaces errors of gzip, whose text depends on bytes of the client.
	errGzip = errors.New("the request body is not valid gzip")
)

// requestBody is the decompressed body of one request, and what it has reserved of
// the budget. The zero value is an empty body.
type requestBody struct {
	bytes    []byte
	reserved int64
	budget   *budget
}

// release returns what the body has reserved to the budget. It is called when
// nothing that refers to the body is needed any more.
func (b *requestBody) release() {
	if b.reserved > 0 {
		b.budget.release(b.reserved)
		b.reserved = 0
	}
}

// readBody reads the body of a request of at most limit bytes. It is the only
// reader of bodies: what it holds meanwhile is within the budget, and a body is
// decompressed only after all of it has arrived. If ok is false, the response has
// been written.
//
// Public requests, which need no secret token, may use half of the budget, so that
// they cannot crowd out reports of backends.
func (a *api) readBody(w http.ResponseWriter, r *http.Request, limit int64, public bool) (b *requestBody, ok bool) {
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && encoding != "gzip" {
		w.Header().Set("Accept-Encoding", "gzip")
		writeError(w, http.StatusUnsupportedMediaType, "unsupported Content-Encoding: want gzip or none")
		return nil, false
	}
	most := a.incoming.max
	if public {
		most /= 2
	}
	b, err := a.receive(w, r, limit, most)
	if err == nil && encoding == "gzip" && len(b.bytes) > 0 {
		b, err = a.decompress(r.Context(), b, limit, most)
	}
	if err != nil {
		writeBodyError(w, r, err)
		return nil, false
	}
	b.bytes = bytes.TrimPrefix(b.bytes, []byte(byteOrderMark))
	return b, true
}

// byteOrderMark is what older SDKs of .NET write before a body, in UTF-8.
const byteOrderMark = "\ufeff"

// receive reads a body without decompressing it.
func (a *api) receive(w http.ResponseWriter, r *http.Request, limit, most int64) (*requestBody, error) {
	b := &requestBody{budget: &a.incoming}
	if r.ContentLength == 0 {
		return b, nil
	}
	if r.ContentLength > limit {
		return nil, &untrusted.SizeError{Max: limit}
	}
	if r.ContentLength > unbudgeted && a.incoming.used.Load()+r.ContentLength > most {
		return nil, errBusy // before anything is read
	}
	// A server without deadlines, as in tests, has none for bodies either. After
	// the body the deadline is removed: the server sets that of the next request.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	err := b.fill(r.Body, r.ContentLength, limit, most)
	if err == nil {
		_ = connection.SetReadDeadline(time.Time{})
	}
	return b, err
}

// fill reads r to its end. size is only a guess: beyond the unbudgeted part the
// buffer grows with what has arrived, not with what was announced. On an error
// nothing stays reserved.
func (b *requestBody) fill(r io.Reader, size, limit, most int64) (err error) {
	defer func() {
		if err != nil {
			b.release()
			b.bytes = nil
		}
	}()
	if size < 0 {
		size = unbudgeted / 8
	}
	b.bytes = make([]byte, 0, min(size+1, unbudgeted)) // one more, to reach io.EOF
	for {
		if len(b.bytes) == cap(b.bytes) {
			if err := b.grow(limit, most); err != nil {
				return err
			}
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case int64(len(b.bytes)) > limit:
			return &untrusted.SizeError{Max: limit}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// grow doubles the buffer, within the budget.
func (b *requestBody) grow(limit, most int64) error {
	next := min(2*int64(cap(b.bytes)), limit+1)
	if need := next - unbudgeted - b.reserved; need > 0 {
		if !b.budget.reserve(need, most) {
			return errBusy
		}
		b.reserved += need
	}
	larger := make([]byte, len(b.bytes), next)
	copy(larger, b.bytes)
	b.bytes = larger
	return nil
}

// decompress decompresses a complete body, and releases it. It waits only for a slot:
// few bodies are decompressed at a time, and each of them needs the processor only.
func (a *api) decompress(ctx context.Context, packed *requestBody, limit, most int64) (*requestBody, error) {
	defer packed.release()
	done, err := a.acquireSlot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	z, _ := a.gzipReaders.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer func() {
		_ = z.Reset(bytes.NewReader(nil)) // the pool keeps no body
		a.gzipReaders.Put(z)
	}()
	if err := z.Reset(bytes.NewReader(packed.bytes)); err != nil {
		return nil, errGzip
	}
	b := &requestBody{budget: &a.incoming}
	err = b.fill(z, 2*int64(len(packed.bytes)), limit, most)
	var large *untrusted.SizeError
	if err != nil && !errors.As(err, &large) && !errors.Is(err, errBusy) {
		err = errGzip
	}
	return b, err
}

// acquireSlot waits for one of the few slots for work that needs much memory and no
// network, such as decompressing or decoding a large body. done returns the slot.
func (a *api) acquireSlot(ctx context.Context) (done func(), err error) {
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// writeBodyError writes the response to a body that could not be read. It closes the
// connection if the rest of the body may still arrive: the server does not wait for
// it.
func writeBodyError(w http.ResponseWriter, r *http.Request, err error) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	var large *untrusted.SizeError
	switch {
	case errors.As(err, &large):
		writeError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", large.Max))
	case errors.Is(err, errBusy):
		writeUnavailable(w, errBusy.Error())
	case errors.Is(err, errGzip):
		writeError(w, http.StatusBadRequest, errGzip.Error())
	default:
		writeError(w, http.StatusBadRequest,
			"the request body broke off, or did not arrive within "+bodyTimeout.String())
	}
}

// send writes a response that was made for this request alone. All responses that
// their clients have not read yet share a budget.
func (a *api) send(w http.ResponseWriter, content []byte) {
	if n := int64(cap(content)) - unbudgeted; n > 0 {
		if !a.outgoing.reserve(n, a.outgoing.max) {
			writeUnavailable(w, "too many responses at once that their clients have not read")
			return
		}
		defer a.outgoing.release(n)
	}
	_, _ = w.Write(content)
}
