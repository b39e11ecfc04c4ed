package notify

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/plainjson"
)

// Audit appends one JSON line to a file for each event that concerns what is
// stored: published, repaired, held, pinned, unpinned. Several processes may
// append to one file.
type Audit struct {
	path, by string
	outcome  complaint

	mu   sync.Mutex
	torn bool // the file ends in a part of a line
}

// audited are the kinds of events that Audit writes.
var audited = []publish.Kind{publish.Published, publish.Repaired, publish.Held, publish.Pinned, publish.Unpinned}

// OpenAudit makes an audit file, or one warning in the log if it cannot. by is
// who writes: the command. The file is opened for each line, so that it can be
// moved away at any time.
func OpenAudit(path, by string, log *slog.Logger) *Audit {
	a := &Audit{path: path, by: by, outcome: complaint{
		log: log, about: "the audit file", lost: "what happens until it works again is not in it",
	}}
	a.outcome.note(a.append(nil))
	return a
}

// record is an event in JSON: a line of the audit file, which has Bytes and By,
// or an item of a JSON webhook, which has Failures. docs/notifications.md describes
// both.
type record struct {
	Time     string       `json:"time"`
	Event    publish.Kind `json:"event"`
	Target   string       `json:"target"`
	Sink     string       `json:"sink"`
	Key      string       `json:"key,omitempty"`
	Seq      uint64       `json:"seq,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	Revision uint64       `json:"revision,omitempty"`
	Bytes    int          `json:"bytes,omitempty"`
	Failures int          `json:"failures,omitempty"`
	Changes  []change     `json:"changes"`
	Text     string       `json:"text,omitempty"`
	By       string       `json:"by,omitempty"`
}

func recordOf(e publish.Event) record {
	return record{
		Time: timeOf(e.Time), Event: e.Kind, Target: e.Target, Sink: e.Sink, Key: string(e.Key), Seq: e.Seq,
		Digest: e.Digest, Revision: e.Revision, Changes: changesOf(e.Changes), Text: e.Text,
	}
}

// change is a change of one flag in JSON.
type change struct {
	Sign string `json:"sign"`
	Flag string `json:"flag"`
	Text string `json:"text,omitempty"`
}

func changesOf(list []flagdiff.Change) []change {
	changes := make([]change, len(list))
	for i, c := range list {
		changes[i] = change{c.Sign, c.Flag, c.Text}
	}
	return changes
}

// timeOf writes a time in UTC with milliseconds.
func timeOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Event implements publish.Listener.
func (a *Audit) Event(e publish.Event) {
	if !slices.Contains(audited, e.Kind) {
		return
	}
	line := recordOf(e)
	line.Bytes, line.By = e.Bytes, a.by
	text, err := encode(line)
	if err == nil {
		err = a.append(text)
	}
	a.outcome.note(err)
}

// append writes one line by one call, so that lines of two processes do not
// mix (POSIX: O_APPEND sets the offset and writes in one step). Without a line
// it only looks whether the file can be written.
func (a *Audit) append(line []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return hintAudit(err)
	}
	defer f.Close()
	if len(line) == 0 {
		a.torn = torn(f)
		return nil
	}
	if a.torn {
		line = append([]byte("\n"), line...)
	}
	n, err := f.Write(line)
	if n > 0 {
		a.torn = n < len(line)
	}
	return err
}

// torn reports whether a file ends in a part of a line, as it does after a disk
// was full. While another process writes, that may be a part of its line: then
// an empty line comes after it.
func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	n, _ := f.ReadAt(last, info.Size()-1)
	return n == 1 && last[0] != '\n'
}

func hintAudit(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &hinted{err, "make its folder"}
	case errors.Is(err, fs.ErrPermission):
		return &hinted{err, "let the user of flagcast write it"}
	}
	return err
}

// hinted is an error with what to do.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() + ": " + h.hint }
func (h *hinted) Unwrap() error { return h.err }

// encode writes JSON and a newline.
func encode(v any) ([]byte, error) {
	text, err := plainjson.Marshal(v)
	return append(text, '\n'), err
}
