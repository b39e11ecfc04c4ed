package cloudflaretest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of the calls for many keys.
const (
	MaxBulkPutKeys  = 10_000
	MaxBulkPutBytes = 100_000_000
	MaxBulkGetKeys  = 100
	MaxBulkGetBytes = 25 << 20
)

// bulkPair is an element of a bulk write.
type bulkPair struct {
	Key      *string         `json:"key"`
	Value    *string         `json:"value"`
	Base64   bool            `json:"base64"`
	Metadata json.RawMessage `json:"metadata"`
}

// bulkPut writes many pairs, or none of them when one is not allowed.
func (s *Server) bulkPut(w http.ResponseWriter, r *http.Request) {
	pairs, ok := decode[[]bulkPair](w, r, MaxBulkPutBytes)
	if !ok {
		return
	}
	entries, err := readPairs(pairs)
	if refused, ok := errors.AsType[*refusal](err); ok {
		refuse(w, refused.status, refused.code, refused.message)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unsuccessful := []string{}
	for key, entry := range entries {
		if !s.pace(key) {
			unsuccessful = append(unsuccessful, key)
			continue
		}
		s.entries[key] = entry
	}
	written(w, len(pairs), unsuccessful)
}

// written answers a bulk write.
func written(w http.ResponseWriter, of int, unsuccessful []string) {
	slices.Sort(unsuccessful)
	accept(w, map[string]any{"successful_key_count": of - len(unsuccessful), "unsuccessful_keys": unsuccessful})
}

func readPairs(pairs []bulkPair) (map[string]Entry, error) {
	if len(pairs) > MaxBulkPutKeys {
		return nil, &refusal{http.StatusBadRequest, 10029, "more than 10000 pairs"}
	}
	entries := map[string]Entry{}
	for i, p := range pairs {
		if p.Key == nil || p.Value == nil {
			return nil, &refusal{http.StatusBadRequest, 10012, fmt.Sprintf("pair %d has no key or no value", i)}
		}
		if err := checkKey(*p.Key); err != nil {
			return nil, err
		}
		if _, twice := entries[*p.Key]; twice {
			return nil, &refusal{http.StatusBadRequest, 10029, "key " + *p.Key + " occurs twice"}
		}
		entry := Entry{Value: []byte(*p.Value)}
		if p.Base64 {
			value, err := base64.StdEncoding.Strict().DecodeString(*p.Value)
			if err != nil {
				return nil, &refusal{http.StatusBadRequest, 10012, "value is not base64"}
			}
			entry.Value = value
		}
		if len(entry.Value) > MaxValueBytes {
			return nil, &refusal{http.StatusRequestEntityTooLarge, 10024, "value is too large"}
		}
		if p.Metadata != nil {
			// The service takes any JSON. A text that holds an object is the
			// mistake of a client that has only the form of a single write.
			if p.Metadata[0] != '{' {
				return nil, &refusal{http.StatusBadRequest, 10029, "metadata is not an object"}
			}
			metadata, err := readMetadata(bytes.NewReader(p.Metadata))
			if err != nil {
				return nil, err
			}
			entry.Metadata = metadata
		}
		entries[*p.Key] = entry
	}
	return entries, nil
}

// bulkGet reads many keys. Its answer is JSON and can hold no bytes that are
// no text: as a text decoder does by default, workerd drops a byte order mark
// and replaces what is not UTF-8.
func (s *Server) bulkGet(w http.ResponseWriter, r *http.Request) {
	asked, ok := decode[struct {
		Keys         []string `json:"keys"`
		Type         string   `json:"type"`
		WithMetadata bool     `json:"withMetadata"`
	}](w, r, MaxValueBytes)
	switch {
	case !ok:
		return
	case len(asked.Keys) == 0 || len(asked.Keys) > MaxBulkGetKeys:
		refuse(w, http.StatusBadRequest, 10029, "keys: 1 to 100 are allowed")
		return
	case asked.Type != "" && asked.Type != "text" || asked.WithMetadata:
		refuse(w, http.StatusBadRequest, 10029, "this fake reads texts without metadata only")
		return
	}
	values, size := map[string]any{}, 0
	for _, key := range asked.Keys {
		if err := checkKey(key); err != nil {
			refuse(w, err.status, err.code, err.message)
			return
		}
		values[key] = nil
		if entry, ok := s.shown(key); ok {
			values[key] = strings.ToValidUTF8(strings.TrimPrefix(string(entry.Value), "\ufeff"), string(utf8.RuneError))
			size += len(entry.Value)
		}
	}
	if size > MaxBulkGetBytes {
		refuse(w, http.StatusRequestEntityTooLarge, 10024, "Total size of request exceeds the limit of 25MB")
		return
	}
	accept(w, map[string]any{"values": values})
}

// decode reads a JSON body strictly, or refuses it.
func decode[T any](w http.ResponseWriter, r *http.Request, limit int64) (body T, ok bool) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, 10029, "content type "+media)
		return body, false
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil { // the body ended early: the client is gone
		panic(http.ErrAbortHandler)
	}
	if max(int64(len(text)), r.ContentLength) > limit {
		refuse(w, http.StatusRequestEntityTooLarge, 10024, "payload too large")
		return body, false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, 10029, "invalid request: "+err.Error())
		return body, false
	}
	if decoder.More() {
		refuse(w, http.StatusBadRequest, 10029, "invalid request: more than one JSON text")
		return body, false
	}
	return body, true
}

// pace reports whether a key may be written now. The caller holds mu.
func (s *Server) pace(key string) bool {
	if s.now == nil {
		return true
	}
	if last, ok := s.written[key]; ok && s.now().Sub(last) < time.Second {
		return false
	}
	s.written[key] = s.now()
	return true
}
