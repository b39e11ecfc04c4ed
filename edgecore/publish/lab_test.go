package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// lab is what a service stores, with every fault that one may have. Several
// processes write to it, each through a sink of its own. It checks each write,
// and keeps what it has done for the report of a failure.
type lab struct {
	fail   func(format string, args ...any)
	skewed bool // what was stored at first is ahead of the clock
	// restored says that upstream has not confirmed the definitions of the
	// publisher. Guarded by mu.
	restored bool
	late     sync.WaitGroup

	mu     sync.Mutex
	places map[sinks.Key]*place
	rate   float64       // of calls that fail
	lag    time.Duration // a read shows what was there up to so long ago
	trace  []step
	last   struct {
		body []byte
		meta snapshot.Meta
		err  error
	}

	puts, bytes int // that were sent
	gets        int
	failed      int // puts
	harmed      int // objects that were never put, or that came late
}

// place is one key. What happens there depends on the seed and on the calls of
// this key alone.
type place struct {
	random   *rand.Rand
	versions []version // the oldest first
	bodies   map[uint64]string
	newest   uint64 // highest seq that was ever stored
	sent     uint64 // highest seq that a publisher has ever sent
	twins    uint64 // a seq that two objects have, of two processes that have written at once
	missing  time.Time
}

type version struct {
	body    []byte // nil: absent
	meta    snapshot.Meta
	foreign bool
	at      time.Time
}

func newLab(seed uint64, keys []sinks.Key, fail func(string, ...any)) *lab {
	l := &lab{fail: fail, places: map[sinks.Key]*place{}}
	for _, key := range keys {
		h := fnv.New64a()
		_, _ = h.Write([]byte(key))
		l.places[key] = &place{
			random: rand.New(rand.NewPCG(seed, h.Sum64())), bodies: map[uint64]string{}, versions: []version{{}},
		}
	}
	return l
}

// step is one line of what has happened. It is rarely read.
type step struct {
	at     time.Time
	format string
	args   []any
}

func (s step) String() string {
	return s.at.UTC().Format("15:04:05.000 ") + fmt.Sprintf(s.format, s.args...)
}

func (l *lab) note(format string, args ...any) {
	l.trace = append(l.trace, step{time.Now(), format, args})
}

// set changes what happens to calls.
func (l *lab) set(rate float64, lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.lag = rate, lag
	l.note("faults %.0f %%, lag %s", rate*100, lag)
}

// calls returns how many puts and gets were sent.
func (l *lab) calls() (puts, gets int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.puts, l.gets
}

// now returns what is stored.
func (l *lab) now(key sinks.Key) version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.places[key].stored()
}

// aware reports whether a process has had a chance to know the newest object that
// was ever stored: it has sent or read it. No other can do better than what a
// reader has seen before.
func (s *process) aware(key sinks.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[key]
	return s.mine[key].known >= p.newest && p.twins != p.newest
}

func (p *place) stored() version { return p.versions[len(p.versions)-1] }

// shown returns what a read shows, possibly something older.
func (p *place) shown(lag time.Duration) version {
	if lag == 0 {
		return p.stored()
	}
	at := time.Now().Add(-time.Duration(p.random.Int64N(int64(lag))))
	for i := len(p.versions) - 1; i > 0; i-- {
		if !p.versions[i].at.After(at) {
			return p.versions[i]
		}
	}
	return p.versions[0]
}

// opened opens what was sent last once.
func (l *lab) opened(body []byte) (snapshot.Meta, error) {
	if l.last.body == nil || !bytes.Equal(l.last.body, body) {
		l.last.body = bytes.Clone(body)
		l.last.meta, l.last.err = snapshot.Open(body)
	}
	return l.last.meta, l.last.err
}

// store makes an object the stored one, and checks it unless it is damage.
func (l *lab) store(key sinks.Key, body []byte, damage bool) {
	p := l.places[key]
	v := version{body: body, at: time.Now()}
	if body != nil {
		var err error
		v.meta, err = l.opened(body)
		v.foreign = err != nil
		if err != nil && !damage {
			l.fail("a put of what is no whole snapshot: %v: %.80q", err, body)
		}
	}
	if seq := v.meta.Seq; !v.foreign && body != nil {
		if before, ok := p.bodies[seq]; ok && before != string(body) {
			p.twins = seq
		}
		p.bodies[seq] = string(body)
		p.newest = max(p.newest, seq)
	}
	p.versions = append(p.versions, v)
	l.note("%s stored: %s", key, v)
}

func (v version) String() string {
	switch {
	case v.body == nil:
		return "nothing"
	case v.foreign:
		return fmt.Sprintf("foreign %.30q", v.body)
	}
	return fmt.Sprintf("seq %d digest %.6s pinned %q", v.meta.Seq, v.meta.Digest, v.meta.Pinned)
}

// damage replaces what is stored behind everybody's back.
func (l *lab) damage(key sinks.Key, how int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.harmed++
	body := l.places[key].stored().body
	switch how {
	case 0:
		body = nil
	case 1:
		body = body[:len(body)/2]
	case 2:
		body = []byte(`{"toggles":[]}`)
	case 4:
		body = []byte(strings.Repeat(`{"flagcast":`, 10_000))
	case 5: // whole, and nothing can be written above it
		body, _, _ = snapshot.Reseal(body, 1<<64-1, time.Now(), nil)
	case 3: // a snapshot that shows its seq, and not whole
		body = []byte(strings.Replace(string(body), `"enabled":true`, `"enabled":false`, 1))
	}
	l.store(key, body, true)
}

var (
	errService = errors.New("503 Service Unavailable")
	errRights  = fmt.Errorf("403 Forbidden: %w", sinks.ErrPermanent)
	errReset   = fmt.Errorf("connection reset: %w", sinks.ErrAmbiguous)
)

// lateFor is how long a put that has failed may still be under way.
const lateFor = 40 * time.Second

// land stores an object later, over whatever is there then.
func (l *lab) land(key sinks.Key, body []byte, in time.Duration) {
	l.harmed++
	l.late.Go(func() {
		time.Sleep(in)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.note("%s: a put comes late", key)
		l.store(key, body, false)
	})
}

// wait lets time pass, or ctx end, without the lock.
func (l *lab) wait(ctx context.Context, d time.Duration) {
	l.mu.Unlock()
	defer l.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// reader takes what it reads in the order of seq, as a worker does.
type reader struct{ seen map[sinks.Key]snapshot.Meta }

func (r *reader) look(l *lab) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, p := range l.places {
		v := p.shown(l.lag)
		if v.body != nil && !v.foreign && v.meta.Seq > r.seen[key].Seq {
			r.seen[key] = v.meta
		}
	}
}
