package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"weak"

	"github.com/cespare/xxhash/v2"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/state"
)

// content is what a scope sees of one version: its flags, and the segments that they
// use. What is kept of an older version are digests alone, and no part of its document.
type content struct {
	id       string
	features map[string]seenFeature
	segments map[int]uint64 // digests

	// The flags and segments themselves, in upstream's order; nil in what is kept.
	flags []*edgecore.Feature
	used  []*edgecore.Segment

	revision uint64 // what events call eventId
	mu       sync.Mutex
	frames   map[string]weak.Pointer[frame] // by the id of the content before
}

// frame is events in one line, as all clients get them that have the same content. It
// stays in memory while one of them reads it.
type frame struct{ bytes []byte }

type seenFeature struct {
	digest  uint64
	project string
}

func newContent(st *state.State, scope access.Scope, prefix string) *content {
	d := st.Definitions
	c := &content{
		features: map[string]seenFeature{}, segments: map[int]uint64{},
		revision: cmp.Or(d.Revision, st.Version), frames: map[string]weak.Pointer[frame]{},
	}
	needed := map[int]bool{}
	sum := sha256.New()
	add := func(raw string) uint64 {
		_, _ = sum.Write([]byte(raw))
		_, _ = sum.Write([]byte{0})
		return xxhash.Sum64String(raw)
	}
	for i := range d.Features {
		f := &d.Features[i]
		if !scope.Sees(f.Project) || !strings.HasPrefix(f.Name, prefix) {
			continue
		}
		c.flags = append(c.flags, f)
		c.features[f.Name] = seenFeature{add(f.Raw), f.Project}
		for j := range f.Strategies {
			for _, id := range f.Strategies[j].Segments {
				needed[id] = true
			}
		}
	}
	for i := range d.Segments {
		if s := &d.Segments[i]; needed[s.ID] {
			c.used = append(c.used, s)
			c.segments[s.ID] = add(s.Raw)
		}
	}
	c.id = hex.EncodeToString(sum.Sum(nil)[:16])
	return c
}

// kept returns the digests of a content, which refer to no document.
func (c *content) kept() *content {
	k := &content{id: c.id, features: make(map[string]seenFeature, len(c.features)), segments: c.segments}
	for name, f := range c.features {
		k.features[strings.Clone(name)] = seenFeature{f.digest, strings.Clone(f.project)}
	}
	return k
}

// events returns {"events":[…]}, in one line: what makes this content of another one, or
// of nothing where before is nil.
func (c *content) events(before *content) *frame {
	id := ""
	if before != nil {
		id = before.id
	}
	c.mu.Lock()
	defer c.mu.Unlock() // others want the same, and wait for it
	if f := c.frames[id].Value(); f != nil {
		return f
	}
	b := append([]byte(nil), `{"events":[`...)
	if before == nil {
		b = c.appendHydration(b, c.revision)
	} else {
		b = c.appendChanges(b, before, c.revision)
	}
	b = append(b, "]}"...)
	if bytes.ContainsAny(b, "\r\n") { // definitions of a file may have lines
		var line bytes.Buffer
		if err := json.Compact(&line, b); err != nil {
			panic(err) // guard logs it; parse has read all parts
		}
		b = line.Bytes()
	}
	f := &frame{b}
	c.frames[id] = weak.Make(f)
	return f
}

// appendHydration writes the event that replaces everything.
func (c *content) appendHydration(b []byte, id uint64) []byte {
	b = append(b, `{"type":"hydration","eventId":`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `,"features":[`...)
	for i, f := range c.flags {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.Raw...)
	}
	b = append(b, `],"segments":[`...)
	for i, s := range c.used {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, s.Raw...)
	}
	return append(b, "]}"...)
}

// appendChanges writes the events that make this content of another one. Segments come
// before the flags that use them, and go after those that did.
func (c *content) appendChanges(b []byte, before *content, id uint64) []byte {
	start := len(b)
	event := func(kind string) {
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, `{"type":"`...)
		b = append(b, kind...)
		b = append(b, `","eventId":`...)
		b = strconv.AppendUint(b, id, 10)
	}
	for _, s := range c.used {
		if old, known := before.segments[s.ID]; !known || old != c.segments[s.ID] {
			event("segment-updated")
			b = append(append(append(b, `,"segment":`...), s.Raw...), '}')
		}
	}
	for _, name := range missing(before.features, c.features) {
		event("feature-removed")
		b = appendText(append(b, `,"featureName":`...), name)
		b = append(appendText(append(b, `,"project":`...), before.features[name].project), '}')
	}
	for _, f := range c.flags {
		if old, known := before.features[f.Name]; !known || old.digest != c.features[f.Name].digest {
			event("feature-updated")
			b = append(append(append(b, `,"feature":`...), f.Raw...), '}')
		}
	}
	for _, segment := range missing(before.segments, c.segments) {
		event("segment-removed")
		b = append(strconv.AppendInt(append(b, `,"segmentId":`...), int64(segment), 10), '}')
	}
	return b
}

// missing lists the keys of one map that another one does not have, sorted.
func missing[K interface{ ~int | ~string }, V any](of, in map[K]V) (list []K) {
	for key := range of {
		if _, ok := in[key]; !ok {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list
}

// contents are the contents that clients may have: those that were served last.
type contents struct {
	mu    sync.Mutex
	rings map[contentKey][]*content // the newest last
	n     int                       // of all rings
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

// keep records a content that is served, and returns the one that a client has by one of
// its tags: now itself where it is the same, nil for one that is not known.
func (c *contents) keep(key contentKey, now *content, tags []string) (before *content) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(tags, now.id) {
		before = now
	}
	ring := c.rings[key]
	for _, one := range slices.Backward(ring) {
		if before == nil && slices.Contains(tags, one.id) {
			before = one
		}
	}
	if slices.ContainsFunc(ring, func(one *content) bool { return one.id == now.id }) {
		return before
	}
	if c.rings == nil || c.n >= contentsAll {
		c.rings, c.n = map[contentKey][]*content{}, 0
		ring = nil
	}
	if ring = append(ring, now.kept()); len(ring) > contentsEach {
		ring = ring[1:]
	} else {
		c.n++
	}
	c.rings[key] = ring
	return before
}
