package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// wrote returns the seq that the process has sent last as new content.
func (s *process) wrote(key sinks.Key) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mine[key].sent
}

// process is the lab as one process sees it.
type process struct {
	*lab
	name        string
	life        bool // a publisher, and not a person who pins
	limits      sinks.Limits
	minInterval time.Duration

	mine map[sinks.Key]*mine // guarded by lab.mu
}

type mine struct {
	known uint64        // highest seq sent or read
	read  snapshot.Meta // the newest that a read has shown
	sent  uint64        // the last, but for heartbeats
	ended time.Time     // of the last put that may have been applied
}

func (l *lab) open(name string, life bool, limits sinks.Limits, minInterval time.Duration) *process {
	p := &process{lab: l, name: name, life: life, limits: limits, minInterval: minInterval, mine: map[sinks.Key]*mine{}}
	for key := range l.places {
		p.mine[key] = &mine{}
	}
	return p
}

func (s *process) Limits() sinks.Limits { return s.limits }

func (s *process) Put(ctx context.Context, o sinks.Object) error {
	err := s.put(ctx, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || errors.Is(err, sinks.ErrAmbiguous) || ctx.Err() != nil {
		s.mine[o.Key].ended = time.Now()
	}
	if err != nil {
		s.failed++
	}
	s.note("%s: %s put: %v", s.name, o.Key, err)
	return err
}

// check looks at what is sent.
func (s *process) check(o sinks.Object) {
	meta, err := s.opened(o.Body)
	if err != nil || o.Meta["seq"] != fmt.Sprint(meta.Seq) || o.Meta["digest"] != meta.Digest {
		s.fail("sent with the metadata %v: %.80q: %v", o.Meta, o.Body, err)
	}
	place, mine := s.places[o.Key], s.mine[o.Key]
	if meta.Seq <= mine.known || s.life && meta.Seq <= place.sent && !s.skewed {
		s.fail("%s: %s: sent the seq %d after %d, and %d of all", s.name, o.Key, meta.Seq, mine.known, place.sent)
	}
	if r := mine.read; s.life && s.restored && r.Seq > mine.sent && meta.Revision < r.Revision &&
		meta.Digest != r.Digest {
		s.fail("%s: %s: definitions that upstream has not confirmed replace revision %d by %d", s.name, o.Key,
			r.Revision, meta.Revision)
	}
	mine.known = meta.Seq
	if old := place.stored(); old.body == nil || old.foreign || old.meta.Digest != meta.Digest {
		mine.sent = meta.Seq
	}
	if s.life {
		place.sent = max(place.sent, meta.Seq)
	}
	if pause := time.Since(mine.ended); !mine.ended.IsZero() && pause < s.minInterval {
		s.fail("%s: %s: two writes within %s", s.name, o.Key, pause)
	}
	s.puts++
	s.bytes += len(o.Body)
	s.note("%s: %s sends seq %d digest %.6s pinned %q", s.name, o.Key, meta.Seq, meta.Digest, meta.Pinned)
}

func (s *process) put(ctx context.Context, o sinks.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	body := bytes.Clone(o.Body)
	random := s.places[o.Key].random
	if random.Float64() >= s.rate {
		s.store(o.Key, body, false)
		return nil
	}
	switch random.IntN(9) {
	case 0:
		return errService
	case 1:
		return errRights
	case 2:
		return errReset
	case 3:
		s.store(o.Key, body, false)
		return errReset
	case 4:
		s.wait(ctx, time.Hour)
		return ctx.Err()
	case 5:
		s.store(o.Key, body, false)
		s.wait(ctx, time.Hour)
		return ctx.Err()
	case 6:
		s.land(o.Key, body, time.Duration(random.Int64N(int64(lateFor))))
		return errReset
	case 7:
		s.land(o.Key, body, time.Duration(random.Int64N(int64(lateFor))))
		s.wait(ctx, time.Hour)
		return ctx.Err()
	default:
		s.wait(ctx, time.Duration(random.Int64N(int64(20*time.Second))))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.store(o.Key, body, false)
		return nil
	}
}

func (s *process) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p := s.places[key]
	if p.random.Float64() < s.rate {
		switch p.random.IntN(6) {
		case 0, 1:
			return nil, errService
		case 2:
			return nil, errRights
		case 3:
			p.missing = time.Now().Add(time.Duration(p.random.Int64N(int64(lateFor))))
			s.harmed++
		case 4:
			s.wait(ctx, time.Hour)
			return nil, ctx.Err()
		default:
			s.wait(ctx, time.Duration(p.random.Int64N(int64(10*time.Second))))
		}
	}
	v := p.shown(s.lag)
	if time.Now().Before(p.missing) {
		v = version{}
	}
	s.mine[key].known = max(s.mine[key].known, v.meta.Seq)
	if mine := s.mine[key]; v.body == nil || v.meta.Seq >= mine.read.Seq {
		mine.read = v.meta
	}
	s.note("%s: %s get: %s", s.name, key, v)
	if v.body == nil {
		return nil, fmt.Errorf("get %q: %w", key, sinks.ErrNotFound)
	}
	return bytes.Clone(v.body), nil
}

func (s *process) Delete(context.Context, sinks.Key) error {
	s.fail("a publisher deletes")
	return nil
}

// bulk is a process whose service takes many objects in one call.
type bulk struct{ *process }

func (s bulk) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	errs := make([]error, len(objects))
	for i, o := range objects {
		errs[i] = s.Put(ctx, o)
	}
	return errs
}

func (s bulk) GetBatch(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	for i, key := range keys {
		bodies[i], errs[i] = s.Get(ctx, key)
	}
	return bodies, errs
}
