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

	"github.com/google/renameio/v2"

	"github.com/flagcast/flagcast/edgecore"
)

const suffix = ".definitions.json"

// Restore loads the last good definitions of all environments from disk. What
// cannot be read is reported and left alone: it never prevents a start.
func (s *Store) Restore() {
	if s.dir == "" {
		return
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("restore: the state folder cannot be read: starting without last good definitions", "dir", s.dir, "err", err)
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), suffix)
		if !ok {
			continue
		}
		if err := s.restore(entry.Name(), name); err != nil {
			s.log.Warn("restore: the file is ignored", "file", filepath.Join(s.dir, entry.Name()), "err", err)
		}
	}
}

func (s *Store) restore(file, escaped string) error {
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, file)
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	d, err := edgecore.Parse(document, edgecore.Environment(name))
	if err != nil {
		return err
	}
	s.swap(d, info.ModTime(), true)
	s.log.Warn("restored the last good definitions: serving and publishing them until upstream answers",
		"env", name, "flags", len(d.Features), "revision", d.Revision, "from", info.ModTime().UTC().Format("2006-01-02T15:04:05Z"))
	return nil
}

// Run writes changed definitions to disk until ctx ends, newest first, and
// then what is left. It is the only writer. A disk that cannot be written is
// reported once until it can be again; it never fails the store.
func (s *Store) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-s.dirty:
			failing = s.save(failing)
		case <-ctx.Done():
			s.save(failing)
			return nil
		}
	}
}

// save writes everything unsaved, and returns whether that fails.
func (s *Store) save(failing bool) bool {
	s.mu.Lock()
	unsaved := s.unsaved
	s.unsaved = map[edgecore.Environment]*edgecore.Definitions{}
	s.mu.Unlock()
	failed := false
	for env, d := range unsaved {
		if err := s.write(env, d); err != nil {
			failed = true
			if !failing {
				s.log.Warn("the last good definitions cannot be kept on disk: a restart will need upstream", "dir", s.dir, "env", env, "err", err)
			}
		}
	}
	return failed || failing && len(unsaved) == 0
}

// write replaces the file whole: a crash leaves the old one or the new one.
func (s *Store) write(env edgecore.Environment, d *edgecore.Definitions) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(s.dir, url.PathEscape(string(env))+suffix)
	if err := renameio.WriteFile(path, d.Encode(), 0o600); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %q: %w", dir, err)
	}
	return nil
}
