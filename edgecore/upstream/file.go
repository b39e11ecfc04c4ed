package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/outage"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// File is a feed of one file with a GET /api/client/features body, read again
// whenever it changes.
type File struct {
	health
	path     string
	env      edgecore.Environment
	maxBytes int64
	log      *slog.Logger

	// Owned by Run: the digest of what was read last, valid or not, its error, and the
	// last good definitions.
	last  [sha256.Size]byte
	fault error
	good  *edgecore.Definitions
	// The state of the file when it was read, nil for unknown, and when that was.
	info   os.FileInfo
	readAt time.Time
}

// NewFile makes a feed of a file of at most maxBytes. It does not read it yet.
func NewFile(path string, env edgecore.Environment, maxBytes int64, log *slog.Logger) *File {
	return &File{path: path, env: env, maxBytes: maxBytes, log: log.With("environment", env)}
}

// stableFor is how long a file must be unchanged before it is read: editors write in
// several steps. Every recheck the file is compared, to find changes without events, as
// on network volumes: a file with the same size and time is not read. Since clocks of
// file systems are coarse, and those of servers differ, a time counts only if it is at
// least tick old, and the file is read every reread anyway.
const (
	stableFor = 50 * time.Millisecond
	recheck   = time.Second
	tick      = 2 * time.Second
	reread    = time.Minute
)

// Run implements Feed. A file that cannot be read at the start is a final
// error; later, the last good definitions are kept and the fault is reported.
func (f *File) Run(ctx context.Context, deliver func(*edgecore.Definitions)) error {
	err := f.read(ctx, deliver)
	if ctx.Err() != nil {
		return nil
	}
	f.record(err)
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
	quiet := time.NewTimer(stableFor)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			quiet.Reset(stableFor)
			continue
		case <-quiet.C:
			f.info = nil // read it in any case
		case <-ticker.C:
		}
		err := f.read(ctx, deliver)
		if ctx.Err() != nil {
			return nil
		}
		switch outage.Between(f.record(err).Err, err) {
		case outage.Began, outage.Differs:
			lines := strings.Split(err.Error(), "\n")
			f.log.Error("cannot read the definitions; the last good flags stay", "err", lines[0], "lines", lines[1:])
		case outage.Ended:
			f.log.Info("the definitions can be read again", "file", f.path)
		}
	}
}

// unchanged reports, without reading the file, whether it is the one that was read.
func (f *File) unchanged() bool {
	if f.info == nil || time.Since(f.readAt) >= reread {
		return false
	}
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(now, f.info) && now.Size() == f.info.Size() &&
		now.ModTime().Equal(f.info.ModTime()) &&
		f.readAt.Sub(now.ModTime()) >= tick
}

// read delivers the file if it has changed. For an unchanged file it returns the error
// of the last time.
func (f *File) read(ctx context.Context, deliver func(*edgecore.Definitions)) error {
	if f.unchanged() {
		return f.fault
	}
	f.readAt = time.Now()
	f.info, _ = os.Stat(f.path) // before it is read: a change in between is seen later
	document, err := untrusted.ReadFile(f.path, f.maxBytes)
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		err = fmt.Errorf("%s has %w, and is not read: set upstream.max_bytes to more, and give the process 32 times "+
			"as much memory", f.path, err)
	}
	if err != nil {
		f.last, f.info = [sha256.Size]byte{}, nil
		return fmt.Errorf("read definitions: %w", err)
	}
	digest := sha256.Sum256(document)
	if digest == f.last {
		return f.fault
	}
	f.last, f.fault = digest, nil
	document = bytes.TrimPrefix(document, []byte("\xef\xbb\xbf"))
	body, simple := parse.Bootstrap(document)
	d, err := parse.Next(ctx, body, f.env, f.good)
	if err != nil {
		f.fault = fmt.Errorf("read definitions: %w", locate(f.path, document, err))
		return f.fault
	}
	if !simple {
		d.Lines = parse.FlagLines(document)
	}
	f.good = d
	deliver(d)
	return nil
}

// locate adds the file and the marked line to a syntax error.
func locate(path string, document []byte, err error) error {
	var syntax *parse.SyntaxError
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
	return fmt.Errorf("%s:%d:%d: %s\n  %s\n  %s^", path, syntax.Line, syntax.Column, syntax.Msg, line,
		strings.Repeat(" ", max(column, 0)))
}
