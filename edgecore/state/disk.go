package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/atomicfile"
	"github.com/flagcast/flagcast/internal/untrusted"
)

const suffix = ".definitions.json"

// edgeBackup is the file in which Unleash Edge 20 keeps the definitions of all
// environments: [["production", {…}], …].
const edgeBackup = "unleash_features.json"

// Restore loads the last good definitions of environments from disk. What
// cannot be read is reported and left alone: it never prevents a start. Those
// of other environments, which are not followed any more, stay where they are.
// Temporary files that earlier runs have left are removed. The end of ctx ends
// the work.
func (s *Store) Restore(ctx context.Context, environments []edgecore.Environment) {
	if s.dir == "" {
		return
	}
	ours := func(name string) bool { return strings.HasSuffix(name, suffix) }
	if n := atomicfile.RemoveAbandoned(s.dir, ours); n > 0 {
		s.log.Info("removed temporary files of an earlier run", "dir", s.dir, "files", n)
	}
	for _, env := range environments {
		err := s.restore(ctx, env)
		if ctx.Err() != nil {
			return
		}
		if large := new(untrusted.SizeError); errors.As(err, &large) {
			err = fmt.Errorf("the file has %w: set upstream.max_bytes to more", err)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("restore: starting without last good definitions", "environment", env, "file", s.file(env),
				"err", err)
		}
	}
}

// file is where the definitions of an environment are kept.
func (s *Store) file(env edgecore.Environment) string {
	return filepath.Join(s.dir, url.PathEscape(string(env))+suffix)
}

func (s *Store) restore(ctx context.Context, env edgecore.Environment) error {
	path := s.file(env)
	document, err := untrusted.ReadFile(path, s.maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(s.dir, edgeBackup)
		document, err = readEdgeBackup(path, env, s.maxBytes)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	d, err := parse.Next(ctx, document, env, nil)
	if err != nil {
		return err
	}
	d = edgecore.Normalize(nil, d)
	if err := s.swap(ctx, d, info.ModTime(), true); err != nil {
		return err
	}
	s.log.Warn("restored the last good definitions: serving and publishing them until upstream answers",
		"environment", env, "file", path, "flags", len(d.Features), "revision", d.Revision,
		"from", info.ModTime().UTC().Format("2006-01-02T15:04:05Z"))
	return nil
}

// readEdgeBackup takes the definitions of one environment out of a backup of
// Unleash Edge: the first start in its folder begins with them. The file is
// never written.
func readEdgeBackup(path string, env edgecore.Environment, maxBytes int64) ([]byte, error) {
	content, err := untrusted.ReadFile(path, maxBytes)
	if err != nil {
		return nil, err
	}
	// A list of pairs is around the documents.
	if err := untrusted.CheckJSON(content, untrusted.DocumentDepth+2); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found := ""
	if pairs := gjson.ParseBytes(content); pairs.IsArray() {
		pairs.ForEach(func(_, pair gjson.Result) bool {
			if name := pair.Get("0"); pair.IsArray() && name.Type == gjson.String && name.Str == string(env) {
				found = pair.Get("1").Raw
			}
			return found == ""
		})
	}
	if found == "" {
		return nil, fs.ErrNotExist
	}
	return []byte(found), nil
}

// Run writes changed definitions to disk until ctx ends, and then what is
// left. It is the only writer. A disk that cannot be written is reported once
// until it can be again, and tried every now and then; it never fails the
// store.
func (s *Store) Run(ctx context.Context) error {
	failing := false
	for {
		var again <-chan time.Time
		if failing {
			again = time.After(retryWrite)
		}
		select {
		case <-s.dirty:
		case <-again:
		case <-ctx.Done():
			s.save(failing)
			return nil
		}
		failing = s.save(failing)
	}
}

// retryWrite is the pause after a disk could not be written.
const retryWrite = 30 * time.Second

// save writes everything unsaved, and returns whether that fails. What fails
// stays unsaved, unless something newer has come.
func (s *Store) save(failing bool) bool {
	s.mu.Lock()
	unsaved := s.unsaved
	s.unsaved = map[edgecore.Environment]*edgecore.Definitions{}
	s.mu.Unlock()
	failed := false
	for env, d := range unsaved {
		if err := s.write(env, d); err != nil {
			failed = true
			s.mu.Lock()
			if s.unsaved[env] == nil {
				s.unsaved[env] = d
			}
			s.mu.Unlock()
			if !failing {
				s.log.Warn("the last good definitions cannot be kept on disk: a restart will need upstream",
					"dir", s.dir, "environment", env, "err", err)
			}
		}
	}
	return failed
}

// write replaces the file whole: a crash leaves the old one or the new one.
func (s *Store) write(env edgecore.Environment, d *edgecore.Definitions) error {
	return atomicfile.WritePrivate(s.file(env), d.Encode())
}
