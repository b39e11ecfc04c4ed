package report

import (
	"fmt"
	"io"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// History is the history of one key, as --json prints it.
type History struct {
	Target  string          `json:"target"`
	Sink    string          `json:"sink"` // of the history
	Key     sinks.Key       `json:"key"`
	Stored  string          `json:"stored"` // digest of what is stored, "" for nothing
	Entries []publish.Entry `json:"entries"`
	Problem string          `json:"problem,omitempty"` // why the list is not whole
}

// Print writes a heading, and a row for each entry.
func (k *History) Print(w io.Writer) error {
	printable.Fprintf(w, "%s: %s\n", k.Target, k.Key)
	if len(k.Entries) == 0 {
		printable.Fprintf(w, "  nothing is kept yet\n")
		return nil
	}
	var entries table
	paint := PainterOf(w)
	entries.add("  PUBLISHED", "REVISION", "BYTES", "FROM")
	stored := k.Stored
	for _, e := range k.Entries {
		mark := "  "
		if e.Digest == stored {
			mark, stored = "> ", ""
		}
		from := fmt.Sprintf("sink:%s/%s", k.Sink, publish.EntryKey(k.Key, e.Seq))
		entries.add(mark+e.At.UTC().Format(time.RFC3339), e.Revision, e.Bytes, from)
		if e.Pinned != "" {
			entries.add(paint.Paint(printable.Yellow, "    pinned: "+e.Pinned))
		}
	}
	return entries.print(w)
}
