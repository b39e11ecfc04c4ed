// Package state holds the newest program of every environment. A program is
// swapped whole; who has loaded one keeps it. The last good definitions are
// kept on disk, so that a restart without upstream serves them.
package state

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
)

// State is what is known of one environment at one time. It is immutable.
type State struct {
	Definitions *edgecore.Definitions
	Program     *eval.Program
	// Problems of reading and of compiling, flag by flag.
	Problems []edgecore.Problem
	// Version counts the changes of this environment in this process, from 1. That
	// upstream confirms restored definitions is one.
	Version uint64
	// Since is when these definitions arrived.
	Since time.Time
	// Restored says that they come from disk, and upstream has not been
	// answered yet.
	Restored bool
}

// ErrNotReady says that an environment has no definitions yet.
var ErrNotReady = errors.New("no definitions yet")

// Options of a store.
type Options struct {
	Dir      string // folder of the last good definitions; "": none are kept
	MaxBytes int64  // of a file there; 0: 256 MiB
	Log      *slog.Logger
}

// Store is safe for concurrent use.
type Store struct {
	dir      string
	maxBytes int64
	log      *slog.Logger
	dirty    chan struct{} // capacity 1: something must be written

	mu      sync.RWMutex
	states  map[edgecore.Environment]*State
	changed chan struct{} // closed and replaced at every change
	unsaved map[edgecore.Environment]*edgecore.Definitions
}

// New makes an empty store. Restore fills it from disk; Run writes to it.
func New(o Options) *Store {
	if o.MaxBytes == 0 {
		o.MaxBytes = 256 << 20
	}
	return &Store{
		dir: o.Dir, maxBytes: o.MaxBytes, log: o.Log, dirty: make(chan struct{}, 1),
		states: map[edgecore.Environment]*State{}, changed: make(chan struct{}),
		unsaved: map[edgecore.Environment]*edgecore.Definitions{},
	}
}

// Put is PutContext without an end.
func (s *Store) Put(d *edgecore.Definitions) {
	_ = s.PutContext(context.Background(), d) // a context that does not end gives no error
}

// PutContext makes definitions, normalized, the newest of their environment. The same
// definitions again are not change, except that they confirm restored ones. The
// error is that of ctx, whose end stops the work: then nothing has changed.
func (s *Store) PutContext(ctx context.Context, d *edgecore.Definitions) error {
	since := time.Now()
	old, err := s.Load(d.Environment)
	if err == nil {
		normalized := edgecore.Normalize(old.Definitions, d)
		if normalized == old.Definitions {
			if old.Restored {
				s.confirm(old)
			}
			return nil
		}
		d = normalized
	} else {
		d = edgecore.Normalize(nil, d)
	}
	if err := s.swap(ctx, d, since, false); err != nil {
		return err
	}
	if s.dir == "" {
		return nil
	}
	s.mu.Lock()
	s.unsaved[d.Environment] = d
	s.mu.Unlock()
	select {
	case s.dirty <- struct{}{}:
	default:
	}
	return nil
}

func (s *Store) swap(ctx context.Context, d *edgecore.Definitions, since time.Time, restored bool) error {
	var last *eval.Program
	if old, err := s.Load(d.Environment); err == nil {
		last = old.Program
	}
	program, problems, err := compile.Next(ctx, d, last)
	if err != nil {
		return err
	}
	next := &State{
		Definitions: d, Program: program, Problems: slices.Concat(d.Problems, problems),
		Version: 1, Since: since, Restored: restored,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.states[d.Environment]; old != nil {
		next.Version = old.Version + 1
	}
	s.states[d.Environment] = next
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// confirm keeps the program: the flags are the same. A publisher may wait for it.
func (s *Store) confirm(old *State) {
	confirmed := *old
	confirmed.Restored = false
	confirmed.Version++
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states[old.Definitions.Environment] != old {
		return
	}
	s.states[old.Definitions.Environment] = &confirmed
	close(s.changed)
	s.changed = make(chan struct{})
}

// Load returns the newest state of an environment, or ErrNotReady.
func (s *Store) Load(env edgecore.Environment) (*State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if st := s.states[env]; st != nil {
		return st, nil
	}
	return nil, ErrNotReady
}

// Wait returns the newest state of an environment once its version is higher
// than after, or the error of ctx.
func (s *Store) Wait(ctx context.Context, env edgecore.Environment, after uint64) (*State, error) {
	for {
		s.mu.RLock()
		st, changed := s.states[env], s.changed
		s.mu.RUnlock()
		if st != nil && st.Version > after {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
