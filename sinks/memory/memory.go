// Package memory is a sink that keeps objects in memory: for tests, and to try a
// configuration without storing anything.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/flagcast/flagcast/sinks"
)

// Config of a sink in the configuration file.
type Config struct {
	// MaxBytes is the largest body that the sink accepts; 0: any size.
	MaxBytes int `yaml:"max_bytes"`
}

// DefaultConfig has no limit.
func DefaultConfig() Config { return Config{} }

// Check reports every fault of the settings, each a *sinks.ConfigError.
func (c *Config) Check() []error {
	if c.MaxBytes < 0 {
		return []error{&sinks.ConfigError{Key: "max_bytes", Problem: "is below 0; leave it out for no limit"}}
	}
	return nil
}

// Sink keeps objects in memory, and shows a write at once.
type Sink struct {
	limits sinks.Limits

	mu     sync.RWMutex
	bodies map[sinks.Key][]byte
}

// New makes an empty sink from a configuration. It makes no requests: the
// transport is not used.
func New(c Config, _ http.RoundTripper) (*Sink, error) { return WithLimit(c.MaxBytes), nil }

// WithLimit makes an empty sink that accepts bodies of at most valueBytes bytes, or
// of any size for 0.
func WithLimit(valueBytes int) *Sink {
	return &Sink{limits: sinks.Limits{KeyBytes: 512, ValueBytes: valueBytes}, bodies: map[sinks.Key][]byte{}}
}

// Limits returns the limit that the sink was made with.
func (s *Sink) Limits() sinks.Limits { return s.limits }

// Put stores a copy of the body.
func (s *Sink) Put(ctx context.Context, o sinks.Object) error {
	if err := s.limits.CheckSize(o); err != nil {
		return fmt.Errorf("memory: put: %w", err)
	}
	body := bytes.Clone(o.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: put %q: %w", o.Key, err)
	}
	s.bodies[o.Key] = body
	return nil
}

// Get returns a copy of the body.
func (s *Sink) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	if err := s.check(ctx, key); err != nil {
		return nil, fmt.Errorf("memory: get: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	body, ok := s.bodies[key]
	if !ok {
		return nil, fmt.Errorf("memory: get %q: %w", key, sinks.ErrNotFound)
	}
	return bytes.Clone(body), nil
}

// Delete removes the body.
func (s *Sink) Delete(ctx context.Context, key sinks.Key) error {
	if err := s.check(ctx, key); err != nil {
		return fmt.Errorf("memory: delete: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.bodies, key)
	return nil
}

func (s *Sink) check(ctx context.Context, key sinks.Key) error {
	if err := s.limits.CheckKey(key); err != nil {
		return err
	}
	return ctx.Err()
}
