// Package file is a sink that stores the object of key K as the file K.json in
// a folder, for web servers, images and volumes. A reader of the file sees the
// old object or the new one, never a part, and a put survives a power failure: it
// writes a temporary file, syncs it, renames it and syncs the folder. Temporary files
// of killed processes are removed by the first put of a later one, after an hour.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

// Config of a sink in the configuration file.
type Config struct {
	// Dir is the folder. The first put creates it, with its parents.
	Dir string `yaml:"dir"`
}

// DefaultConfig names no folder.
func DefaultConfig() Config { return Config{} }

// Check reports every fault of the settings, each a *sinks.ConfigError.
func (c *Config) Check() []error {
	if c.Dir == "" {
		return []error{
			&sinks.ConfigError{Key: "dir", Problem: "is missing; name the folder to store files in, such as \"out\""},
		}
	}
	return nil
}

// Sink stores objects in one folder. Several may share a folder.
type Sink struct {
	dir     string
	cleanUp sync.Once
}

// New makes a sink. It does not access files, and makes no requests: the transport is
// not used.
func New(c Config, _ http.RoundTripper) (*Sink, error) {
	return &Sink{dir: c.Dir}, errors.Join(c.Check()...)
}

// Limits returns the limit of names: they have at most 255 bytes on the usual file systems, and
// ".json" is five of them. The largest value is sinks.MaxObject.
func (s *Sink) Limits() sinks.Limits { return sinks.Limits{KeyBytes: 250} }

// Locate returns the path of a key's file.
func (s *Sink) Locate(key sinks.Key) string { return filepath.Join(s.dir, string(key)+".json") }

// Put replaces the file of the key. Files have no metadata: it is dropped.
func (s *Sink) Put(ctx context.Context, o sinks.Object) error {
	if err := s.Limits().CheckSize(o); err != nil {
		return fmt.Errorf("file: put: %w", err)
	}
	if err := writeAtomic(ctx, s.Locate(o.Key), o.Body); err != nil {
		return s.explain("put", o.Key, err)
	}
	s.cleanUp.Do(func() { removeAbandoned(s.dir) })
	return nil
}

// Get reads the file of the key.
func (s *Sink) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	if err := s.Limits().CheckKey(key); err != nil {
		return nil, fmt.Errorf("file: get: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, s.explain("get", key, err)
	}
	body, err := untrusted.ReadFile(s.Locate(key), sinks.MaxObject)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, s.explain("get", key, sinks.ErrNotFound)
	case err != nil:
		return nil, s.explain("get", key, err)
	}
	return body, nil
}

// Delete removes the file of the key.
func (s *Sink) Delete(ctx context.Context, key sinks.Key) error {
	if err := s.Limits().CheckKey(key); err != nil {
		return fmt.Errorf("file: delete: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return s.explain("delete", key, err)
	}
	err := os.Remove(s.Locate(key))
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.explain("delete", key, err)
	}
	return nil
}
