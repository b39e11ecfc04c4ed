package cloudflaretest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

// value serves one key, given as it is in the path.
func (s *Server) value(w http.ResponseWriter, r *http.Request, escaped string) {
	key, err := url.PathUnescape(escaped)
	if err != nil {
		key = ""
	}
	if refused := checkKey(key); refused != nil {
		refuse(w, refused.status, refused.code, refused.message)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.get(w, key)
	case http.MethodPut:
		s.put(w, r, key)
	case http.MethodDelete:
		s.mu.Lock()
		delete(s.entries, key)
		s.mu.Unlock()
		accept(w, nil)
	default:
		refuse(w, http.StatusMethodNotAllowed, 10025, "endpoint does not exist")
	}
}

func checkKey(key string) *refusal {
	switch {
	case key == "" || key == "." || key == "..":
		return &refusal{http.StatusBadRequest, 10042, "illegal key name"}
	case len(key) > MaxKeyBytes:
		return &refusal{http.StatusRequestURITooLong, 10030, "key is too long"}
	}
	return nil
}

func (s *Server) get(w http.ResponseWriter, key string) {
	entry, ok := s.shown(key)
	if !ok {
		refuse(w, http.StatusNotFound, 10009, "get: 'key not found'")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(entry.Value)
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, key string) {
	if len(r.URL.RawQuery) > 0 {
		refuse(w, http.StatusBadRequest, 10029, "this fake has no parameters of a put")
		return
	}
	entry, err := readEntry(r)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		refuse(w, refused.status, refused.code, refused.message)
		return
	case err != nil: // the body ended early: the client is gone
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pace(key) {
		refuse(w, http.StatusTooManyRequests, 10022, "too many requests")
		return
	}
	s.entries[key] = entry
	accept(w, nil)
}

type refusal struct {
	status, code int
	message      string
}

func (r *refusal) Error() string { return r.message }

// readEntry takes a raw value, or a form with the part value and at most one
// part metadata that is a JSON text. The service itself ignores other parts,
// and loses what a client has put there; here they are refused.
func readEntry(r *http.Request) (Entry, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return Entry{}, &refusal{http.StatusBadRequest, 10029, "content type: " + err.Error()}
	}
	switch media {
	case "application/octet-stream", "text/plain":
		value, err := readValue(r.Body)
		return Entry{Value: value}, err
	case "multipart/form-data":
		return readForm(multipart.NewReader(r.Body, params["boundary"]))
	}
	return Entry{}, &refusal{http.StatusUnsupportedMediaType, 10029, "content type " + media}
}

func readForm(form *multipart.Reader) (Entry, error) {
	var entry Entry
	seen := map[string]bool{}
	for {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Entry{}, err
		}
		name := part.FormName()
		if seen[name] {
			return Entry{}, &refusal{http.StatusBadRequest, 10029, "part " + name + " occurs twice"}
		}
		seen[name] = true
		switch name {
		case "value":
			entry.Value, err = readValue(part)
		case "metadata":
			entry.Metadata, err = readMetadata(part)
		default:
			err = &refusal{http.StatusBadRequest, 10029, "part " + name + " is not known"}
		}
		if err != nil {
			return Entry{}, err
		}
	}
	if !seen["value"] {
		return Entry{}, &refusal{http.StatusBadRequest, 10012, "value is missing"}
	}
	return entry, nil
}

func readValue(r io.Reader) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(r, MaxValueBytes+1))
	if err == nil && len(value) > MaxValueBytes {
		err = &refusal{http.StatusRequestEntityTooLarge, 10024, "value is too large"}
	}
	return value, err
}

func readMetadata(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxMetadataBytes+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > MaxMetadataBytes:
		return "", &refusal{http.StatusRequestEntityTooLarge, 10024, "metadata is too large"}
	case !json.Valid(text):
		return "", &refusal{http.StatusBadRequest, 10029, "metadata is not JSON"}
	}
	return string(text), nil
}
