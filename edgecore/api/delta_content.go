package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/state"
)

// content is what a scope sees of one version: its flags, and the segments that they use.
type content struct {
	*delta.Digests
	flags   *edgecore.Definitions
	version uint64    // of the state
	since   time.Time // when it came

	mu     sync.Mutex
	frames map[frameKey]weak.Pointer[frame]
}

// frame is an event of a stream, as all clients get it that have the same content. It
// stays in memory while one of them reads it.
type frame struct {
	chunk []byte // as chunk of HTTP/1.1
	start int    // where the event begins in it, which ends 2 bytes before its end
	data  []byte // {"events":[…]} in one line, a part of chunk
}

// frameKey is the name of an event, and the ID of the content before.
type frameKey struct{ event, before string }

func newContent(st *state.State, scope access.Scope, prefix string) *content {
	flags := st.Definitions.Part(func(f *edgecore.Feature) bool {
		return scope.Sees(f.Project) && strings.HasPrefix(f.Name, prefix)
	})
	return &content{
		Digests: delta.DigestsOf(flags), flags: flags, frames: map[frameKey]weak.Pointer[frame]{},
		version: st.Version, since: st.Since,
	}
}

// frame returns the event with what makes this content of what a client has, or of nothing
// where before is nil.
func (c *content) frame(event string, before *delta.Digests) *frame {
	key := frameKey{event: event}
	if before != nil {
		key.before = before.ID
	}
	c.mu.Lock()
	defer c.mu.Unlock() // others want the same, and wait for it
	if f := c.frames[key].Value(); f != nil {
		return f
	}
	events, end := delta.Changes(before, c.flags), "]}"
	if c.flags.Revision == 0 {
		// SDKs and Unleash Edge want IDs that rise. Another flagcast reads the end.
		for i := range events {
			events[i].ID = c.version
		}
		end = `],"meta":{"revisionId":0}}`
	}
	b := append(delta.Append([]byte(`{"events":[`), events), end...)
	if bytes.ContainsAny(b, "\r\n") { // definitions of a file may have lines
		var line bytes.Buffer
		if err := json.Compact(&line, b); err != nil {
			panic(err) // guard logs it; parse has read all parts
		}
		b = line.Bytes()
	}
	f := newFrame("id: "+c.ID+"\nevent: "+event+"\ndata: ", b, "\n\n")
	c.frames[key] = weak.Make(f)
	return f
}

// contents are the contents that clients may have: those that were served last.
type contents struct {
	mu    sync.Mutex
	rings map[contentKey][]*delta.Digests // the newest last
	n     int                             // of all rings
	// newest are those of the newest version, made once.
	newest map[contentKey]versioned
}

type versioned struct {
	version uint64
	content func() *content
}

// of returns the content of a version, which make makes.
func (c *contents) of(key contentKey, version uint64, make func() *content) *content {
	c.mu.Lock()
	one, ok := c.newest[key]
	if !ok || one.version < version {
		// Those of an older version would keep its document in memory.
		maps.DeleteFunc(c.newest, func(other contentKey, of versioned) bool {
			return other.environment == key.environment && of.version < version
		})
		if c.newest == nil || len(c.newest) >= contentsAll {
			c.newest = map[contentKey]versioned{}
		}
		one = versioned{version, sync.OnceValue(make)}
		c.newest[key] = one
	}
	c.mu.Unlock()
	return one.content() // not under the lock: others need not wait
}

// contentKey is what a client sees, as keyOf names it.
type contentKey struct {
	environment edgecore.Environment
	scope       string
}

const (
	contentsEach = 8  // of one key
	contentsAll  = 64 // of all keys; beyond it all are forgotten, and clients are hydrated
)

// keep records a content that is served, and returns what a client has by one of its
// tags: the digests of now itself where it is the same, nil for one that is not known.
func (c *contents) keep(key contentKey, now *content, tags []string) (before *delta.Digests) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(tags, now.ID) {
		before = now.Digests
	}
	ring := c.rings[key]
	for _, one := range slices.Backward(ring) {
		if before == nil && slices.Contains(tags, one.ID) {
			before = one
		}
	}
	if slices.ContainsFunc(ring, func(one *delta.Digests) bool { return one.ID == now.ID }) {
		return before
	}
	if c.rings == nil || c.n >= contentsAll {
		c.rings, c.n = map[contentKey][]*delta.Digests{}, 0
		ring = nil
	}
	if ring = append(ring, now.Digests); len(ring) > contentsEach {
		ring = ring[1:]
	} else {
		c.n++
	}
	c.rings[key] = ring
	return before
}
