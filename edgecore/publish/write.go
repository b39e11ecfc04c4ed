package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// write puts what is to be put, all in one call where the sink has one for it.
// The reads before may have taken long: seq and time are those of the sending.
func (p *Session) write(ctx context.Context, steps []*keyPass, since time.Time) {
	now := time.Now()
	var writing []*keyPass
	for _, s := range steps {
		if s.Err == nil && s.due {
			writing = append(writing, s)
		}
	}
	if len(writing) == 0 {
		return
	}
	seq := together(writing, now)
	compute(writing, func(s *keyPass) {
		seq := max(seq, s.seq(now))
		switch {
		case seq > snapshot.MaxSeq:
			s.Err = p.exhausted(s)
		case s.again:
			s.body, s.meta, s.Err = snapshot.Reseal(s.stored, seq, now, nil)
		default:
			s.body, s.meta = s.snap.Seal(seq, now), s.snap.Meta(seq, now)
		}
	})
	writing = slices.DeleteFunc(writing, func(s *keyPass) bool { return s.Err != nil })
	if len(writing) == 0 {
		return
	}
	objects := make([]sinks.Object, len(writing))
	for i, s := range writing {
		objects[i] = object(s.Key, s.body, s.meta)
	}
	callCtx, cancel := bound(ctx, len(objects))
	defer cancel()
	deadline, _ := callCtx.Deadline()
	errs := sinks.PutAll(callCtx, p.target.Sink, objects)
	arrived := false
	for i, s := range writing {
		p.recordPut(s, errs[i], deadline)
		arrived = arrived || errs[i] == nil && !s.again
	}
	if arrived {
		p.recordAccepted(seq, since)
	}
}

// exhausted is the error of a key that no seq is left for.
func (p *Session) exhausted(s *keyPass) error {
	return fmt.Errorf("put %q to %s: %w: seq %d is stored, and readers take none above %d; delete the key in the sink",
		s.Key, p.target.SinkName, sinks.ErrPermanent, max(s.read.seq, s.newest.seq), uint64(snapshot.MaxSeq))
}

// together returns the seq of the keys that are written at once. A key whose
// seq is ahead of the clock has one of its own: it does not take the others
// along.
func together(writing []*keyPass, now time.Time) uint64 {
	highest := snapshot.NextSeq(0, now.Add(clockTolerance))
	seq := uint64(0)
	for _, s := range writing {
		if own := s.seq(now); own <= highest {
			seq = max(seq, own)
		}
	}
	if seq == 0 { // all are ahead
		for i, s := range writing {
			if own := s.seq(now); i == 0 || own < seq {
				seq = own
			}
		}
	}
	return seq
}

// object is a snapshot as sinks take it. A list of keys with their metadata
// shows what is deployed.
func object(key sinks.Key, body []byte, meta snapshot.Meta) sinks.Object {
	return sinks.Object{
		Key: key, Body: body, ContentType: "application/json",
		Meta: map[string]string{"seq": fmt.Sprint(meta.Seq), "digest": meta.Digest},
	}
}

// recordPut notes what has become of a put that had until a deadline.
func (p *Session) recordPut(s *keyPass, err error, deadline time.Time) {
	now := time.Now()
	s.sent = s.meta.Seq
	reason := ReasonContent
	switch {
	case s.beat:
		reason = ReasonHeartbeat
	case s.again:
		reason = ReasonRepair
	case s.failedDigest == s.wanted:
		reason = ReasonRetry
	case s.decision == repair:
		reason = ReasonRepair
	}
	p.metrics.put(&p.target, reason, len(s.body))
	if err != nil {
		if errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, context.Canceled) ||
			errors.Is(err, context.DeadlineExceeded) {
			s.lost(s.meta, now, deadline)
		}
		s.read.known = false
		if !s.again {
			s.failedDigest = s.wanted
		}
		s.Err = fmt.Errorf("put %q to %s (%d bytes): %w%s", s.Key, p.target.SinkName, len(s.body), err,
			largest(err, s.body))
		return
	}
	s.Bytes = len(s.body)
	before := s.stored
	switch {
	case s.again:
	case p.accepts(s.wanted):
		s.departed.restart()
	default:
		s.departed.note(s.taken, now)
	}
	if !s.again {
		s.lastWanted = s.meta.Digest
	}
	s.wrote(s.body, s.meta, now, p.target.stale())
	p.metrics.accepted(&p.target, now)
	switch {
	case s.again:
		if s.Action == "" {
			s.Action = ActionRewritten
		}
		return
	case reason == ReasonRepair:
		s.Action = ActionRepaired
	default:
		s.Action = ActionPublished
	}
	s.replaced, s.history = before, s.body
}

// largest names what makes a snapshot too large for its sink.
func largest(err error, body []byte) string {
	if _, ok := errors.AsType[*sinks.TooLargeError](err); !ok {
		return ""
	}
	sizes := snapshot.SizesOf(body)
	text := "; the largest flags: " + listed(sizes.Flags, 10)
	if len(sizes.Shared) > 0 {
		text += "; shared by several flags: " + listed(sizes.Shared, 3)
	}
	return text + "; leave some out by \"flags\" or \"projects\" of the target"
}

// listed names the first parts of a list, at most so many.
func listed(sizes []rules.Size, most int) string {
	words := make([]string, min(len(sizes), most))
	for i := range words {
		words[i] = fmt.Sprintf("%s (%d bytes)", sizes[i].Name, sizes[i].Bytes)
	}
	return strings.Join(words, ", ")
}
