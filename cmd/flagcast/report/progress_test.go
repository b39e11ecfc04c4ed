package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/memory"
)

// A bar shows how far many calls have come, is gone in the end, and never
// is in what is not a terminal.
func TestProgress(t *testing.T) {
	put := func(w *bytes.Buffer, n int) {
		t.Helper()
		progress, done := newBar(w)
		sink := sinks.WithProgress(memory.WithLimit(0), progress)
		var objects []sinks.Object
		for i := range n {
			objects = append(objects, sinks.Object{Key: sinks.Key(fmt.Sprint("k", i))})
		}
		for _, err := range sinks.PutAll(t.Context(), sink, objects) {
			if err != nil {
				t.Error(err)
			}
		}
		done()
	}
	var many, few bytes.Buffer
	put(&many, 200)
	if text := many.String(); !strings.Contains(text, "/200)") ||
		strings.TrimSpace(text[strings.LastIndexByte(strings.TrimRight(text, "\r"), '\r')+1:]) != "" {
		t.Errorf("the bar shows %q", many.String())
	}
	put(&few, worthABar-1)
	if few.Len() > 0 {
		t.Errorf("a bar for a few calls: %q", few.String())
	}
	var pipe bytes.Buffer
	decorate, done := Progress(&pipe)
	plain := memory.WithLimit(0)
	decorated := decorate(plain)
	sinks.PutAll(t.Context(), decorated, make([]sinks.Object, 50))
	done()
	if pipe.Len() > 0 || decorated != sinks.Sink(plain) {
		t.Errorf("a bar in what is no terminal: %q", pipe.String())
	}
}
