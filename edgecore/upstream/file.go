package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/flagcast/flagcast/edgecore"
)

// File is a feed of one file with a GET /api/client/features body, read again
// whenever it changes.
type File struct {
	health
	path string
	env  edgecore.Environment
	log  *slog.Logger

	// Owned by Run: what was read last, good or bad, and what was wrong.
	last  []byte
	fault error
}

// NewFile makes a feed. It reads nothing yet.
func NewFile(path string, env edgecore.Environment, log *slog.Logger) *File {
	return &File{path: path, env: env, log: log.With("env", env)}
}

// settle is how long a file has to be left alone before it is read: editors
// write in several steps. recheck finds changes that no event tells of, as on
// network volumes.
const (
	settle  = 50 * time.Millisecond
	recheck = time.Second
)

// Run implements Feed. A file that cannot be read at the start is a final
// error; later, the last good definitions stand and the fault is reported.
func (f *File) Run(ctx context.Context, deliver func(*edgecore.Definitions)) error {
	err := f.read(deliver)
	f.note(err)
	if err != nil {
		return err
	}
	// The folder is watched, not the file: editors replace files, and
	// Kubernetes replaces links to folders.
	events := make(chan fsnotify.Event)
	if watcher, err := fsnotify.NewWatcher(); err == nil {
		defer watcher.Close()
		if err := watcher.Add(filepath.Dir(f.path)); err == nil {
			events = watcher.Events
		}
	}
	ticker := time.NewTicker(recheck)
	defer ticker.Stop()
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			quiet.Reset(settle)
			continue
		case <-quiet.C:
		case <-ticker.C:
		}
		err := f.read(deliver)
		if before := f.note(err); err != nil && (before.Err == nil || before.Err.Error() != err.Error()) {
			f.log.Error(err.Error())
			f.log.Error("the last good flags stay")
		} else if err == nil && before.Err != nil {
			f.log.Info("the definitions can be read again", "file", f.path)
		}
	}
}

// read delivers the file if it has changed. What a version of the file gave
// once, it gives again.
func (f *File) read(deliver func(*edgecore.Definitions)) error {
	document, err := os.ReadFile(f.path)
	if err != nil {
		f.last = nil
		return fmt.Errorf("read definitions: %w", err)
	}
	if f.last != nil && bytes.Equal(document, f.last) {
		return f.fault
	}
	f.last, f.fault = document, nil
	d, err := edgecore.Parse(bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")), f.env)
	if err != nil {
		f.fault = fmt.Errorf("read definitions: %w", locate(f.path, document, err))
		return f.fault
	}
	deliver(d)
	return nil
}

// locate adds the file and the marked line to a syntax error.
func locate(path string, document []byte, err error) error {
	var syntax *edgecore.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("%s: %w", path, err)
	}
	line := ""
	if lines := bytes.SplitN(document, []byte("\n"), syntax.Line+1); syntax.Line <= len(lines) {
		line = strings.ReplaceAll(string(lines[syntax.Line-1]), "\t", " ")
	}
	const width = 120
	column := syntax.Column - 1
	if start := max(0, column-width/2); len(line) > width {
		line, column = line[start:min(len(line), start+width)], column-start
	}
	return fmt.Errorf("%s:%d:%d: %s\n  %s\n  %s^", path, syntax.Line, syntax.Column, syntax.Msg, line, strings.Repeat(" ", max(column, 0)))
}
