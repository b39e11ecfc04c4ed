package cloudflaretest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
)

// Fault answers a request in place of the server; serve does what the server
// would have done.
type Fault func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)

// Answer answers with a status, a body and headers (name, value, …).
func Answer(status int, body string, headers ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// Refuse answers with a status and the envelope of an error.
func Refuse(status, code int, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { refuse(w, status, code, message) }
}

// TooManyRequests answers as the rate limit of the API does; retryAfter "" is
// the answer of a gateway that does not say when.
func TooManyRequests(retryAfter string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		refuse(w, http.StatusTooManyRequests, 10022, "too many requests")
	}
}

// BadGateway answers with a page of a gateway.
func BadGateway() Fault {
	return Answer(http.StatusBadGateway,
		"<html>\n<head><title>502 Bad Gateway</title></head>\n<body>cloudflare</body></html>\n",
		"Content-Type", "text/html; charset=UTF-8")
}

// Reset breaks the connection. With apply the request has been carried out
// before.
func Reset(apply bool) Fault {
	return func(_ http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if apply {
			serve(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	}
}

// CutShort carries the request out and breaks the connection in the middle of
// the answer.
func CutShort() Fault {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		kept := httptest.NewRecorder()
		serve(kept, r)
		w.Header().Set("Content-Type", kept.Header().Get("Content-Type"))
		w.WriteHeader(kept.Code)
		_, _ = w.Write(kept.Body.Bytes()[:kept.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Stall closes arrived, unless it is nil, when the request is there, and answers when release is
// closed or the client has gone. With apply the request has been carried out
// before.
func Stall(apply bool, arrived chan<- struct{}, release <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		kept := httptest.NewRecorder()
		if apply {
			serve(kept, r)
		}
		if arrived != nil {
			close(arrived)
		}
		select {
		case <-release:
		case <-r.Context().Done():
			return
		}
		if !apply {
			serve(w, r)
			return
		}
		w.WriteHeader(kept.Code)
		_, _ = w.Write(kept.Body.Bytes())
	}
}

// Partly lets a bulk write through but for some keys, which it names as not
// fully written. With apply they have been written.
func Partly(apply bool, keys ...string) Fault {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		text, err := io.ReadAll(r.Body)
		var pairs []json.RawMessage
		if err != nil || json.Unmarshal(text, &pairs) != nil {
			panic(http.ErrAbortHandler)
		}
		var named []string
		kept := slices.DeleteFunc(slices.Clone(pairs), func(pair json.RawMessage) bool {
			var p bulkPair
			_ = json.Unmarshal(pair, &p)
			if p.Key == nil || !slices.Contains(keys, *p.Key) {
				return false
			}
			named = append(named, *p.Key)
			return !apply
		})
		text, err = json.Marshal(kept)
		if err != nil {
			panic(err) // of what was JSON
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		answer := httptest.NewRecorder()
		serve(answer, r)
		if answer.Code != http.StatusOK {
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
			return
		}
		written(w, len(pairs), named)
	}
}
