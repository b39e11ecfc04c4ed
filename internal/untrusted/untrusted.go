// Package untrusted bounds what bytes from outside the process cost: bodies of
// requests, answers of upstream, objects of sinks, files. Size, depth and
// memory have a limit whatever the bytes are.
package untrusted

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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

// Error returns the bound.
func (e *DepthError) Error() string {
	return fmt.Sprintf("lists and objects nest more than %d levels deep", e.Max)
}

// SizeError says that a body has more bytes than its reader takes.
type SizeError struct {
	Max int64 // bytes
}

// Error returns the bound.
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
// bytes; no more than limit+1 of them are read, and they are copied once at most.
// On another error the bytes are those before it.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	return readAll(r, limit, nil)
}

// readAll is ReadAll behind what was read before, which counts, too.
func readAll(r io.Reader, limit int64, head []byte) ([]byte, error) {
	parts, size := [][]byte{head}, int64(len(head))
	for next := int64(1 << 10); ; next = max(2*next, size/2) {
		part := make([]byte, min(next, limit+1-size))
		n, err := fill(r, part)
		parts, size = append(parts, part[:n]), size+int64(n)
		switch {
		case size > limit:
			return nil, &SizeError{Max: limit}
		case errors.Is(err, io.EOF):
			return bytes.Join(parts, nil), nil
		case err != nil:
			return bytes.Join(parts, nil), err
		}
	}
}

// fill reads until b is full or there is an error, io.EOF at the end of r. Unlike
// io.ReadFull it leaves an error as it is.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// ReadBody reads the body of an answer, as ReadAll does. An answer whose
// Content-Length is above the limit is not read at all.
func ReadBody(response *http.Response, limit int64) ([]byte, error) {
	if response.ContentLength > limit {
		return nil, &SizeError{Max: limit}
	}
	return ReadAll(response.Body, limit)
}

// ReadText is ReadBody for a text. expected is how long it will be about, in
// bytes, 0 for unknown: what is right takes no more memory than the text. On
// another error than a *SizeError the text is what was read before.
func ReadText(response *http.Response, limit int64, expected int) (string, error) {
	length := response.ContentLength
	if length > limit {
		return "", &SizeError{Max: limit}
	}
	if length < 0 {
		length = int64(expected)
	}
	// One byte more shows the end, or that there is more than was expected.
	head := make([]byte, min(max(length, 4<<10), limit)+1)
	n, err := fill(response.Body, head)
	switch {
	case int64(n) > limit:
		return "", &SizeError{Max: limit}
	case errors.Is(err, io.EOF):
		return view(head[:n]), nil
	case err != nil:
		return view(head[:n]), err
	}
	all, err := readAll(response.Body, limit, head)
	return view(all), err
}

// ReadFile reads a file whole. The error is a *SizeError if it has more than
// limit bytes; one that says so is not read at all.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Size() > limit:
		return nil, &SizeError{Max: limit}
	}
	// As much as it is said to have, and one byte to see the end.
	content := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	_, err = content.ReadFrom(io.LimitReader(file, limit+1))
	if int64(content.Len()) > limit {
		return nil, &SizeError{Max: limit}
	}
	return content.Bytes(), err
}
