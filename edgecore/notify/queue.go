package notify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

const (
	// gather is how long an event waits for others that go into the same
	// message. It also keeps two messages that far apart: DingTalk takes 20 a
	// minute from one robot, and none for ten minutes after more.
	gather = 3 * time.Second
	// distance is the shortest time between two messages of one kind about
	// one target, for targets that fail and recover all the time.
	distance = 5 * time.Minute
	// mostWaiting bounds the queue; there are more targets than that only by
	// mistake.
	mostWaiting = 1000
)

// queue decides which events are reported, and when: each kind once in an outage
// of a target, and recovered once after it, if anything was sent before. It
// has no clock and does no I/O.
type queue struct {
	kinds   []publish.Kind // those that are reported
	after   int            // failures in a row that make a Failed worth sending; a permanent one is at once
	targets map[string]*targetState
	waiting map[slot]entry
	arrived int // events that were worth queueing
	dropped int // events that the bound has cost
}

// slot holds one event: the newest of its target and kind.
type slot struct {
	target string
	kind   publish.Kind
}

type entry struct {
	event    publish.Event
	order    int // of arrival
	gathered time.Time
	// keys of a matrix that the event concerns, with those of events that it
	// has replaced.
	keys map[sinks.Key]bool
	// ends are the events, by order, that a Recovered takes back.
	ends map[int]bool
}

// target is what has been sent about a target.
type targetState struct {
	// sent are the kinds sent in this outage, with the digest of each, and
	// received the events, by order. What is being sent counts as sent.
	sent     map[publish.Kind]string
	received map[int]bool
	// last is when a kind was last delivered, in whichever outage.
	last map[publish.Kind]time.Time
}

func newQueue(kinds []publish.Kind, after int) *queue {
	return &queue{kinds: kinds, after: after, targets: map[string]*targetState{}, waiting: map[slot]entry{}}
}

func (q *queue) target(target string) *targetState {
	c := q.targets[target]
	if c == nil {
		c = &targetState{sent: map[publish.Kind]string{}, received: map[int]bool{}, last: map[publish.Kind]time.Time{}}
		q.targets[target] = c
	}
	return c
}

// add takes an event.
func (q *queue) add(e publish.Event, now time.Time) {
	c := q.target(e.Target)
	if e.Kind == publish.Recovered {
		q.recovered(e, c, now)
		return
	}
	if !slices.Contains(q.kinds, e.Kind) || e.Kind == publish.Failed && e.Failures < q.after && !e.Permanent {
		return
	}
	// What is held may be replaced by other content, which is news: it is
	// accepted by its digest.
	if digest, told := c.sent[e.Kind]; told && (e.Kind != publish.Held || digest == e.Digest) {
		return
	}
	q.arrived++
	q.put(entry{event: e, order: q.arrived, gathered: now.Add(gather), keys: map[sinks.Key]bool{e.Key: true}})
}

// recovered ends the outage of a target. What is still waiting is no longer
// worth sending.
func (q *queue) recovered(e publish.Event, c *targetState, now time.Time) {
	ends := c.received
	c.sent, c.received = map[publish.Kind]string{}, map[int]bool{}
	maps.DeleteFunc(q.waiting, func(s slot, _ entry) bool {
		return s.target == e.Target && s.kind != publish.Recovered
	})
	if len(ends) > 0 && slices.Contains(q.kinds, publish.Recovered) {
		q.arrived++
		q.put(entry{event: e, order: q.arrived, gathered: now.Add(gather), ends: ends})
	}
}

// put stores an entry: newest wins, and nothing waits longer for that.
func (q *queue) put(e entry) {
	s := slot{e.event.Target, e.event.Kind}
	if older, ok := q.waiting[s]; ok {
		if older.gathered.Before(e.gathered) {
			e.gathered = older.gathered
		}
		maps.Copy(e.keys, older.keys)
	} else if len(q.waiting) >= mostWaiting {
		oldest, first := s, e.order
		for other, w := range q.waiting {
			if w.order < first {
				oldest, first = other, w.order
			}
		}
		q.dropped++
		if oldest == s {
			return
		}
		delete(q.waiting, oldest)
	}
	q.waiting[s] = e
}

// due is when an entry may be sent. The end of an outage does not wait.
func (q *queue) due(e *entry) time.Time {
	last, ok := q.target(e.event.Target).last[e.event.Kind]
	if ok && e.event.Kind != publish.Recovered && last.Add(distance).After(e.gathered) {
		return last.Add(distance)
	}
	return e.gathered
}

// next is when the first entry is due; ok is false when nothing waits.
func (q *queue) next() (at time.Time, ok bool) {
	for _, e := range q.waiting {
		if due := q.due(&e); !ok || due.Before(at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// take removes what goes into a message at a time, oldest first.
func (q *queue) take(until time.Time) []entry {
	var taken []entry
	for s, e := range q.waiting {
		if q.due(&e).After(until) {
			continue
		}
		taken = append(taken, e)
		delete(q.waiting, s)
		if s.kind != publish.Recovered {
			c := q.target(s.target)
			c.sent[s.kind], c.received[e.order] = e.event.Digest, true
		}
	}
	slices.SortFunc(taken, func(a, b entry) int { return cmp.Compare(a.order, b.order) })
	return taken
}

// delivered notes that a message has arrived.
func (q *queue) delivered(taken []entry, now time.Time) {
	for _, e := range taken {
		q.target(e.event.Target).last[e.event.Kind] = now
	}
}

// undelivered puts back what is still worth sending.
func (q *queue) undelivered(taken []entry) {
	for _, e := range taken {
		s := slot{e.event.Target, e.event.Kind}
		newer, waits := q.waiting[s]
		c := q.target(s.target)
		switch {
		case s.kind == publish.Recovered && waits:
			maps.Copy(newer.ends, e.ends)
		case s.kind == publish.Recovered:
			q.put(e)
		case c.received[e.order]: // still the same outage
			delete(c.received, e.order)
			delete(c.sent, s.kind)
			if waits {
				maps.Copy(newer.keys, e.keys)
			} else {
				q.put(e)
			}
		default:
			q.forget(s.target, e.order)
		}
	}
}

// forget takes an event out of the recovery that has ended its outage: no service
// has received it. A recovery from nothing is not sent.
func (q *queue) forget(target string, order int) {
	end := slot{target, publish.Recovered}
	r, ok := q.waiting[end]
	if !ok {
		return
	}
	delete(r.ends, order)
	if len(r.ends) == 0 {
		delete(q.waiting, end)
	}
}
