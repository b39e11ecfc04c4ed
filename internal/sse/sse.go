// Package sse reads server-sent events (HTML Standard, section 9.2).
package sse

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// Event is one event.
type Event struct {
	Type string // "message" where the server gives none
	Data string
	ID   string // the last one that the server has given
}

// Reader reads events. It is for one goroutine.
type Reader struct {
	in    *bufio.Reader
	max   int64
	begun bool // what comes next is not the beginning
	cr    bool // the last line ended with CR, which LF may follow
	line  []byte
	size  int64 // of the event that is being read
	id    string
	retry time.Duration
}

// NewReader makes a reader of events of at most max bytes each.
func NewReader(r io.Reader, max int64) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 16<<10), max: max}
}

// Retry is the pause before another connection that the server has asked for last, 0 for
// none.
func (r *Reader) Retry() time.Duration { return r.retry }

// Next returns the next event that has data. The error is that of the connection, io.EOF
// at its end, where an event that is not complete is dropped, or a *untrusted.SizeError.
func (r *Reader) Next() (Event, error) {
	var kind string
	var data []byte
	lines := 0
	for r.size = 0; ; {
		line, err := r.next()
		if err != nil {
			return Event{}, err
		}
		if len(line) == 0 {
			if r.size = 0; lines == 0 {
				kind = ""
				continue
			}
			if kind == "" {
				kind = "message"
			}
			return Event{kind, string(data), r.id}, nil
		}
		if line[0] == ':' {
			r.size -= int64(len(line)) // a comment, of which nothing is kept
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			kind = string(value)
		case "data":
			if lines++; lines > 1 {
				data = append(data, '\n')
			}
			data = append(data, value...)
		case "id":
			if id := string(value); !strings.ContainsRune(id, 0) {
				r.id = id
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 32); err == nil {
				r.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// next returns a line without its end: CR, LF or both.
func (r *Reader) next() ([]byte, error) {
	r.line = r.line[:0]
	for {
		if _, err := r.in.Peek(1); err != nil {
			return nil, err
		}
		b, _ := r.in.Peek(r.in.Buffered()) // what is buffered
		if r.cr && b[0] == '\n' {
			r.cr = false
			_, _ = r.in.Discard(1)
			continue
		}
		r.cr = false
		end := bytes.IndexAny(b, "\r\n")
		n := end
		if end < 0 {
			n = len(b)
		}
		if r.size += int64(n); r.size > r.max {
			return nil, &untrusted.SizeError{Max: r.max}
		}
		r.line = append(r.line, b[:n]...)
		if end < 0 {
			_, _ = r.in.Discard(n)
			continue
		}
		r.cr = b[end] == '\r'
		_, _ = r.in.Discard(end + 1)
		line := r.line
		if !r.begun {
			r.begun = true
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if cap(r.line) > 1<<20 {
			r.line = nil // most events are small
		}
		return line, nil
	}
}
