package api

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/state"
)

const (
	// brotliLevel compresses 10,000 flags to 152 kB in 49 ms. Level 9: 138 kB, 150 ms.
	brotliLevel = 6

	// maxScopes bounds the bodies that are kept for each environment: one for each
	// set of projects that valid tokens have.
	maxScopes = 1024
	// maxPrefixed bounds those with a filter, which the client chooses.
	maxPrefixed = 16
)

// body is a response of the client API, made once for each version and scope. Its
// compressed forms are made once, too, when they are first requested.
type body struct {
	identity []byte
	etag     string
	gzip     func() []byte
	pieces   atomic.Pointer[[]piece] // of gzip, nil: not made yet
	brotli   atomic.Pointer[[]byte]  // nil: not made yet
}

// newBody makes a body. older are the compressed pieces of an older one, nil for
// none, which may be reused.
func newBody(identity []byte, cuts []int, older *[]piece) *body {
	b := &body{identity: identity, etag: etagOf(identity)}
	b.gzip = sync.OnceValue(func() []byte {
		var known []piece
		if older != nil {
			known = *older
		}
		packed, pieces := gzipPieces(identity, cuts, known)
		b.pieces.Store(&pieces)
		return packed
	})
	return b
}

// bodies keeps the bodies of the newest version of each environment.
type bodies struct {
	mu      sync.Mutex
	envs    map[edgecore.Environment]*rendered
	packing sync.Mutex // held while a brotli form is made
}

// rendered are the bodies of one version, by scope.
type rendered struct {
	state    *state.State
	scopes   map[string]func() *body
	prefixed map[string]func() *body
	// before holds those of the version before that have not been requested since.
	before map[string]func() *body
}

// get returns the body of a scope, which chosen has narrowed. A request that has
// loaded a version just before a newer one arrived gets the newer one.
func (b *bodies) get(st *state.State, scope access.Scope, chosen filter) *body {
	return b.find(st, scope, chosen)() // not under the lock: others need not wait
}

func (b *bodies) find(st *state.State, scope access.Scope, chosen filter) func() *body {
	prefix := chosen.prefix
	key := keyOf(scope, prefix)
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.envs[scope.Environment]
	if r == nil || r.state.Version < st.Version {
		next := &rendered{state: st, scopes: map[string]func() *body{}, prefixed: map[string]func() *body{}}
		if r != nil {
			next.before = r.scopes
		}
		if b.envs == nil {
			b.envs = map[edgecore.Environment]*rendered{}
		}
		b.envs[scope.Environment], r = next, next
	}
	kept, most := r.scopes, maxScopes
	if chosen.given() {
		kept, most = r.prefixed, maxPrefixed
	}
	if kept[key] == nil {
		if len(kept) >= most {
			clear(kept)
		}
		d, before := r.state.Definitions, r.before[key]
		delete(r.before, key)
		kept[key] = sync.OnceValue(func() *body {
			content, cuts := render(d, scope, prefix)
			if before == nil {
				return newBody(content, cuts, nil)
			}
			// The change is in other projects: the compressed forms are reused.
			if bytes.Equal(before().identity, content) {
				return before()
			}
			return newBody(content, cuts, before().pieces.Load())
		})
	}
	return kept[key]
}

func keyOf(scope access.Scope, prefix string) string {
	if scope.Projects == nil {
		return "*\x00" + prefix
	}
	return "=" + strings.Join(scope.Projects, "\n") + "\x00" + prefix
}

// brotli returns the brotli form of a body, or nil while there is none: compressing
// takes too long for a request to wait. One form is made at a time, in a goroutine
// that Handler.Close waits for; a form that cannot be made now is made for a later
// request.
func (b *bodies) brotli(one *body) []byte {
	if packed := one.brotli.Load(); packed != nil {
		return *packed
	}
	if b.packing.TryLock() {
		go func() {
			defer b.packing.Unlock()
			if one.brotli.Load() != nil {
				return
			}
			var buffer bytes.Buffer
			z := brotli.NewWriterLevel(&buffer, brotliLevel)
			_, _ = z.Write(one.identity) // writing to a buffer does not fail
			_ = z.Close()
			packed := buffer.Bytes()
			one.brotli.Store(&packed)
		}()
	}
	return nil
}

// render encodes the definitions within a scope. Flags and segments are as upstream
// sent them. The revision and unknown members belong to the whole environment, so a
// scope of some projects does not have them: its body changes only with its own
// flags.
func render(d *edgecore.Definitions, scope access.Scope, prefix string) (content []byte, cuts []int) {
	if scope.Projects == nil && prefix == "" {
		return d.Encode(), cutsOf(d)
	}
	seen := &edgecore.Definitions{Environment: d.Environment}
	used := map[int]bool{}
	for _, f := range d.Features {
		if !scope.Sees(f.Project) || !strings.HasPrefix(f.Name, prefix) {
			continue
		}
		seen.Features = append(seen.Features, f)
		for _, s := range f.Strategies {
			for _, id := range s.Segments {
				used[id] = true
			}
		}
	}
	for _, s := range d.Segments {
		if used[s.ID] {
			seen.Segments = append(seen.Segments, s)
		}
	}
	return seen.Encode(), cutsOf(seen)
}
