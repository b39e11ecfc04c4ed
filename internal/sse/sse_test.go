package sse_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/internal/sse"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

func read(r io.Reader, max int64) (events []sse.Event, err error) {
	reader := sse.NewReader(r, max)
	for {
		e, err := reader.Next()
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

// The cases are those of the standard's own examples, and of its grammar.
func TestReader(t *testing.T) {
	for text, want := range map[string][]sse.Event{
		"data: YHOO\ndata: +2\ndata: 10\n\n": {{Type: "message", Data: "YHOO\n+2\n10"}},
		": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n": {
			{Type: "message", Data: "first event", ID: "1"},
			{Type: "message", Data: "second event"},
			{Type: "message", Data: " third event"},
		},
		"data\n\ndata\ndata\n\ndata:": {{Type: "message"}, {Type: "message", Data: "\n"}},
		"data:test\n\ndata: test\n\n": {
			{Type: "message", Data: "test"},
			{Type: "message", Data: "test"},
		},
		"\xef\xbb\xbfdata: a\n\n": {{Type: "message", Data: "a"}},
		"event: x\ndata: a\r\n\r\ndata: b\r\rdata: c\n\r": {
			{Type: "x", Data: "a"},
			{Type: "message", Data: "b"},
			{Type: "message", Data: "c"},
		},
		"event: x\n\ndata: a\n\n":                {{Type: "message", Data: "a"}},
		"id: 1\n\ndata: a\n\n":                   {{Type: "message", Data: "a", ID: "1"}},
		"id: 1\nid: 2\x003\ndata: a\n\n":         {{Type: "message", Data: "a", ID: "1"}},
		"unknown: 1\ndata: {\"a\":\"b: c\"}\n\n": {{Type: "message", Data: `{"a":"b: c"}`}},
		"data: cut off\n":                        nil,
		"":                                       nil,
		"\n\n\r\r\n\n":                           nil,
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		} {
			got, err := read(r, 100)
			if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, io.EOF) {
				t.Errorf("%q, %s: %v\n%s", text, name, err, diff)
			}
		}
	}
}

// A line is read when its end is there: one that ends with CR does not wait for LF.
func TestReaderDoesNotWait(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n"} {
		r, w := io.Pipe()
		go func() { _, _ = w.Write([]byte("data: a" + end)) }()
		if e, err := sse.NewReader(r, 100).Next(); err != nil || e.Data != "a" {
			t.Errorf("%q: %v %v", end, e, err)
		}
		r.Close()
	}
}

func TestRetry(t *testing.T) {
	r := sse.NewReader(strings.NewReader("retry: 1500\nretry: x\nretry: -1\nretry: 99999999999\ndata: a\n\n"), 100)
	if _, err := r.Next(); err != nil || r.Retry() != 1500*time.Millisecond {
		t.Errorf("%v, %s", err, r.Retry())
	}
}

// endless is a stream without an end.
type endless struct{ text string }

func (e endless) Read(b []byte) (int, error) { return copy(b, e.text), nil }

func TestSizeIsBounded(t *testing.T) {
	const most = 1 << 20
	for _, text := range []string{strings.Repeat("x", 512), "data: x\n", "event: x\n", "id: x\n"} {
		var err error
		used := need.Allocated(func() { _, err = read(endless{text}, most) })
		if large := new(untrusted.SizeError); !errors.As(err, &large) || used > 12*most {
			t.Errorf("%.10q: %v, %d bytes allocated", text, err, used)
		}
	}
	// Comments do not count.
	e, err := sse.NewReader(io.MultiReader(strings.NewReader(strings.Repeat(": x\n", most)),
		strings.NewReader("data: a\n\n")), most).Next()
	if err != nil || e.Data != "a" {
		t.Errorf("%v, %v", e, err)
	}
}

// FuzzReader: however the bytes arrive, the events are the same.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"data: a\r\n\r\nid: 1\rdata\r\r", "\xef\xbb\xbf:\n\nevent: x\ndata: {}\n\n", "\x00\r\n",
	} {
		f.Add(seed, uint8(1))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		whole, err := read(strings.NewReader(text), 1<<20)
		parts, partsErr := read(&inParts{text, int(size)%7 + 1}, 1<<20)
		if diff := cmp.Diff(whole, parts); diff != "" || fmt.Sprint(err) != fmt.Sprint(partsErr) {
			t.Errorf("%v, %v\n%s", err, partsErr, diff)
		}
		for _, e := range whole {
			if strings.ContainsAny(e.Type+e.ID, "\r\n") || strings.Contains(e.Data, "\r") {
				t.Errorf("%+v", e)
			}
		}
	})
}

// inParts gives a few bytes at a time.
type inParts struct {
	text string
	size int
}

func (r *inParts) Read(b []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	n := copy(b, r.text[:min(r.size, len(r.text))])
	r.text = r.text[n:]
	return n, nil
}
