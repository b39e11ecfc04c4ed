// Package untrusted bounds what bytes from outside the process cost: bodies of
// requests, answers of upstream, objects of sinks, files. Size, depth and
// memory have a limit whatever the bytes are.
package untrusted

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

const (
	// DocumentDepth is how deep lists and objects may nest in definitions and
	// snapshots. Unleash Edge refuses deeper documents, too: serde_json stops at
	// 128 levels.
	DocumentDepth = 128
	// RequestDepth is how deep they may nest in the body of a request. An
	// Unleash context has three levels, metrics of an SDK have six.
	RequestDepth = 16
)

// ErrNotJSON says that bytes are not one JSON value.
var ErrNotJSON = errors.New("not valid JSON")

// DepthError says that lists and objects nest too deep.
type DepthError struct {
	Offset int // of the bracket that is one level too deep, in bytes
	Max    int // levels
}

func (e *DepthError) Error() string {
	return fmt.Sprintf("lists and objects nest more than %d levels deep", e.Max)
}

// SizeError says that a body has more bytes than its reader takes.
type SizeError struct {
	Max int64 // bytes
}

func (e *SizeError) Error() string { return fmt.Sprintf("more than %d bytes", e.Max) }

// CheckJSON returns nil if value is one JSON value in which lists and objects
// nest at most depth levels deep. Else the error is a *DepthError or ErrNotJSON.
// It takes linear time, and a stack that depth bounds: gjson.Valid alone, and
// nothing else in this module may call it, calls itself once per bracket.
func CheckJSON[T string | []byte](value T, depth int) error {
	text := view(value)
	if at := tooDeep(text, depth); at >= 0 {
		return &DepthError{Offset: at, Max: depth}
	}
	if !gjson.Valid(text) {
		return ErrNotJSON
	}
	return nil
}

// view returns the text of a value without a copy. Neither changes while it is
// read.
func view[T string | []byte](value T) string {
	if b, ok := any(value).([]byte); ok {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return any(value).(string)
}

// tooDeep returns the offset of the bracket that nests too deep, or -1. In text
// that is not JSON it counts at least the brackets that gjson.Valid descends
// into before it finds the fault.
func tooDeep(text string, most int) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = EndOfString(text, i) - 1
		case '[', '{':
			if depth++; depth > most {
				return i
			}
		case ']', '}':
			depth--
		}
	}
	return -1
}

// EndOfString returns the offset behind the JSON string whose opening quote is
// at i, or the length of text if the string does not end.
func EndOfString(text string, i int) int {
	for start := i + 1; ; {
		n := strings.IndexByte(text[i+1:], '"')
		if n < 0 {
			return len(text)
		}
		i += 1 + n
		// A quote behind an odd number of backslashes is part of the string.
		back := i
		for back > start && text[back-1] == '\\' {
			back--
		}
		if (i-back)%2 == 0 {
			return i + 1
		}
	}
}

// ReadAll reads r to its end. The error is a *SizeError if r has more than limit
// bytes; no more than limit+1 of them are read.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(body)) > limit {
		return nil, &SizeError{Max: limit}
	}
	return body, err
}

// ReadBody reads the body of an answer, as ReadAll does. An answer whose
// Content-Length is above the limit is not read at all.
func ReadBody(response *http.Response, limit int64) ([]byte, error) {
	if response.ContentLength > limit {
		return nil, &SizeError{Max: limit}
	}
	return ReadAll(response.Body, limit)
}
