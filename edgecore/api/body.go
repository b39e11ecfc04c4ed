package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// maxRequestBody bounds what is read of a request: as it comes, and again when
// it is unpacked.
const maxRequestBody = 1 << 20

// readable returns the body of a request within its bounds, unpacked. It has
// answered when ok is false.
func readable(w http.ResponseWriter, r *http.Request) (body io.ReadCloser, ok bool) {
	body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
	case "", "identity":
		return body, true
	case "gzip":
		return http.MaxBytesReader(w, &unzipped{packed: body}, maxRequestBody), true
	default:
		w.Header().Set("Accept-Encoding", "gzip")
		fail(w, http.StatusUnsupportedMediaType, "a body may be packed by gzip, or not at all")
		return nil, false
	}
}

// unzipped unpacks a body as it is read: a handler that reads none of it costs
// nothing.
type unzipped struct {
	packed io.ReadCloser
	z      *gzip.Reader
}

func (u *unzipped) Read(b []byte) (int, error) {
	if u.z == nil {
		z, err := gzip.NewReader(u.packed)
		if err != nil {
			return 0, err
		}
		u.z = z
	}
	return u.z.Read(b)
}

func (u *unzipped) Close() error { return u.packed.Close() }
