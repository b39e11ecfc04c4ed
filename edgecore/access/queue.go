package access

import (
	"net/netip"
	"slices"
)

const (
	maxPartition = 1000 // questions that wait in one partition
	maxPerSource = 200  // of one source
)

// source is a client or another core, by its address. IPv6 addresses count by /64,
// since one machine may have a whole one.
type source struct {
	peer bool
	at   netip.Prefix
}

func sourceOf(address netip.Addr, peer bool) source {
	address = address.Unmap()
	at, _ := address.Prefix(min(address.BitLen(), 64)) // the zero prefix for no address
	return source{peer: peer, at: at}
}

// queue holds the questions that wait for the validator, and chooses the next batch.
// Tokens that were valid before cannot be invented: they go first, and get half of a
// batch. The other half is divided between clients and other cores, and within each
// partition sources are served round-robin. Unused places go to the others.
//
// It is not safe for concurrent use.
type queue struct {
	revalidations  []*question // about tokens that were valid before, the oldest first
	clients, peers partition
}

// partition is the part of the queue for clients or for other cores.
type partition struct {
	sources map[netip.Prefix]*sourceQueue
	turns   []*sourceQueue // the values of sources, in round-robin order
	next    int            // index in turns
	size    int            // questions
}

// sourceQueue has the questions of one source, the oldest first. It is never empty.
type sourceQueue struct {
	at        netip.Prefix
	partition *partition
	questions []*question
}

func (q *queue) size() int { return len(q.revalidations) + q.clients.size + q.peers.size }

func (q *queue) partition(from source) *partition {
	if from.peer {
		return &q.peers
	}
	return &q.clients
}

// add appends a question to the queue of its source. ok is false if that is full.
// dropped is the question that was removed for it: the newest of the longest queue,
// so that a source with few questions always finds a place.
func (q *queue) add(one *question, from source) (dropped *question, ok bool) {
	s := q.partition(from)
	own := s.sources[from.at].len()
	if own >= maxPerSource {
		return nil, false
	}
	if s.size >= maxPartition {
		longest := s.longest()
		if longest.len() <= own+1 {
			return nil, false
		}
		dropped = longest.questions[longest.len()-1]
		longest.remove(longest.len() - 1)
	}
	s.push(one, from.at)
	return dropped, true
}

// join is called when a source asks a question that waits already. The question
// moves to the queue of that source if it comes up earlier there: a source that
// repeats the token of another, in a long queue, does not delay it.
func (q *queue) join(one *question, from source) {
	s := q.partition(from)
	if one.waitsIn == nil || one.waitsIn == s.sources[from.at] || one.waitsIn.partition != s && s.size >= maxPartition {
		return
	}
	if at := slices.Index(one.waitsIn.questions, one); s.sources[from.at].len() < at {
		one.waitsIn.remove(at)
		s.push(one, from.at)
	}
}

// take removes and returns the questions of the next batch, n at most.
func (q *queue) take(n int) []*question {
	known := min(len(q.revalidations), max(n/2, n-q.clients.size-q.peers.size))
	batch := slices.Clone(q.revalidations[:known])
	q.revalidations = slices.Delete(q.revalidations, 0, known) // it clears the rest: no token stays in memory
	rest := n - known
	clients := min(q.clients.size, max(rest-rest/2, rest-q.peers.size))
	batch = q.clients.take(batch, clients)
	return q.peers.take(batch, rest-clients)
}

func (s *partition) push(one *question, at netip.Prefix) {
	l := s.sources[at]
	if l == nil {
		l = &sourceQueue{at: at, partition: s}
		if s.sources == nil {
			s.sources = map[netip.Prefix]*sourceQueue{}
		}
		s.sources[at] = l
		s.turns = slices.Insert(s.turns, s.next, l) // it is the last of this round
		s.next = (s.next + 1) % len(s.turns)
	}
	one.waitsIn = l
	l.questions = append(l.questions, one)
	s.size++
}

// take appends up to n questions to a batch, round-robin by source.
func (s *partition) take(batch []*question, n int) []*question {
	for ; n > 0 && s.size > 0; n-- {
		l := s.turns[s.next]
		batch = append(batch, l.questions[0])
		if l.len() > 1 {
			s.next = (s.next + 1) % len(s.turns)
		}
		l.remove(0)
	}
	return batch
}

func (s *partition) longest() *sourceQueue {
	return slices.MaxFunc(s.turns, func(a, b *sourceQueue) int { return a.len() - b.len() })
}

// len returns the number of questions, 0 for nil.
func (l *sourceQueue) len() int {
	if l == nil {
		return 0
	}
	return len(l.questions)
}

// remove removes a question. A queue without questions leaves its partition.
func (l *sourceQueue) remove(i int) {
	l.questions[i].waitsIn = nil
	l.questions = slices.Delete(l.questions, i, i+1)
	s := l.partition
	s.size--
	if len(l.questions) > 0 {
		return
	}
	delete(s.sources, l.at)
	turn := slices.Index(s.turns, l)
	s.turns = slices.Delete(s.turns, turn, turn+1)
	if turn < s.next {
		s.next--
	}
	if s.next >= len(s.turns) {
		s.next = 0
	}
}
