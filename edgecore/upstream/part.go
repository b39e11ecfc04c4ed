package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
)

// part is what is known of the flags that one token covers. Polls and events change it.
type part struct {
	last     *edgecore.Definitions // the newest that were read completely; nil for none
	projects map[string]bool       // of the token, nil for all
	etag     string                // of the poll that has answered last, "" where last is newer
	regress  regress

	events followed
}

// followed is what is known of the events of a server, of its stream or of delta polls.
// The zero value: nothing.
type followed struct {
	// id is what the server calls the version that its events have made. With it they go
	// on, as long as no poll has brought other flags: events may be relative to that version.
	id      string
	highest uint64                  // of the IDs of its events
	changed time.Time               // when they have changed the flags last
	mixed   bool                    // a poll has brought other flags since they had all
	poll    uint64                  // its revision
	live    bool                    // the stream is open, and the flags are those that it has sent
	missing *time.Timer             // runs while a poll has flags that the stream has not sent yet
	cancel  context.CancelCauseFunc // ends the connection; nil for none
	counts  Counts
}

// Counts are of the streams of a feed.
type Counts struct {
	// Connects are connections that have sent all flags or what was missing.
	Connects uint64
	// Drifts are polls that had other flags than the stream, which had lost something.
	Drifts uint64
}

// Errors of events that cannot be taken. The stream connects again, and asks for all flags.
var (
	errNoHydration = errors.New("the first event does not have all flags, which were asked for")
	errOrder       = errors.New("an event has a lower ID than the one before")
	errSegment     = errors.New("a flag needs a segment that was not sent")
	errLower       = errors.New("the stream has an older revision than polls had")
	errDrift       = errors.New("a poll has other flags than the stream")
	errNewToken    = errors.New("there is another token")
)

// answer is a complete answer to a poll.
type answer struct {
	definitions *edgecore.Definitions
	etag        string
	projects    map[string]bool
	began       time.Time // when it was asked for
}

// missingFor is how long the stream may be later than a poll.
const missingFor = 10 * time.Second

// before returns the ETag and the definitions of the last answer.
func (s *scope) before() (etag string, last *edgecore.Definitions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.etag, s.last
}

// newest returns the newest definitions, nil for none.
func (s *scope) newest() *edgecore.Definitions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// confirmed notes that a poll had nothing new.
func (s *scope) confirmed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.regress = regress{}
}

// polled takes the answer to a poll, unless it is older than what is known.
func (s *scope) polled(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	followed := s.events.id != "" || s.events.live
	if followed && a.definitions.Revision == 0 {
		// Such a server numbers its events alone, as Unleash Edge may.
		s.etag, s.projects = a.etag, a.projects
		s.compare(a.definitions, false)
		return
	}
	lower := s.last != nil && a.definitions.Revision < s.last.Revision
	if lower && s.events.changed.After(a.began) {
		return // events were faster than the answer
	}
	if s.older(a.definitions) {
		s.etag = "" // the next answer must be complete
		return
	}
	s.etag, s.projects = a.etag, a.projects
	if !followed {
		if !s.last.Equal(a.definitions) {
			s.last = a.definitions
		}
		return
	}
	s.compare(a.definitions, lower)
}

// compare takes the answer to a poll beside events.
func (s *scope) compare(polled *edgecore.Definitions, lower bool) {
	last := edgecore.Normalize(nil, s.last)
	next := withUnused(edgecore.Normalize(last, polled), last)
	numbered := polled.Revision > 0
	if !numbered {
		next.Revision = last.Revision
	}
	if inUse(next).SameFlags(inUse(last)) {
		if next.Revision != last.Revision {
			moved := *last
			moved.Revision = next.Revision
			s.last = &moved
		}
		if lower { // the ID of the events may be one that the server will have again
			s.events.id = ""
			s.disconnect(errLower)
		}
		return
	}
	s.last, s.events.mixed, s.events.poll = next, true, polled.Revision
	switch {
	case lower, numbered && next.Revision == last.Revision:
		s.drifted()
	case !s.events.live:
		s.events.id = ""
	case s.events.missing == nil:
		s.events.missing = time.AfterFunc(missingFor, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.events.missing != nil {
				s.drifted()
			}
		})
	}
}

// drifted gives up what events have made: they have lost something.
func (s *scope) drifted() {
	s.events.counts.Drifts++
	s.log.Warn("the events of upstream have lost a change that a poll has found; asking for all flags",
		"token", s.number, "revision", s.last.Revision)
	s.events.id = ""
	s.disconnect(errDrift)
}

// disconnect ends the connection of the stream, if any, which connects again.
func (s *scope) disconnect(why error) {
	if s.events.cancel != nil {
		s.events.cancel(why)
	}
	if s.events.missing != nil {
		s.events.missing.Stop()
		s.events.missing = nil
	}
}

// take folds events. first says that they answer a request without the ID of a version,
// so that they must have all flags. On an error nothing has changed.
func (s *scope) take(events []delta.Event, id string, first bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, last, highest := &s.events, edgecore.Normalize(nil, s.last), uint64(0)
	for i := range events {
		highest = max(highest, events[i].ID)
	}
	all := len(events) > 0 && events[0].Kind == delta.Hydration
	switch {
	case first && !all:
		return errNoHydration
	case !all && highest > 0 && highest < e.highest:
		return errOrder
	case !all && e.poll > 0:
		// The poll has had all events up to its revision.
		events = after(events, e.poll)
	}
	next := delta.Fold(last, s.env, events)
	if all && highest < last.Revision && !inUse(next).SameFlags(inUse(last)) {
		return errLower // polls find out whether upstream has gone back
	}
	if !all && lacksSegment(next, events) {
		return errSegment
	}
	if all {
		e.mixed, e.poll, e.highest = false, 0, 0
	}
	if e.id = id; !next.Equal(last) {
		s.last, s.etag, e.changed = next, "", time.Now()
	}
	if e.highest = max(e.highest, highest); all || highest >= e.poll {
		if e.missing != nil {
			e.missing.Stop()
			e.missing = nil
		}
	}
	return nil
}

// ended notes that the stream is not open any more. Its ID is of no use after a poll that
// had other flags.
func (s *scope) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disconnect(nil)
	s.events.live, s.events.cancel = false, nil
	if s.events.mixed {
		s.events.id = ""
	}
}

// after returns the events but those of flags up to a revision.
func after(events []delta.Event, revision uint64) (list []delta.Event) {
	for _, e := range events {
		ofFlag := e.Kind == delta.FeatureUpdated || e.Kind == delta.FeatureRemoved
		if !ofFlag || e.ID == 0 || e.ID > revision {
			list = append(list, e)
		}
	}
	return list
}

// lacksSegment reports whether a flag of an event needs a segment that there is not.
func lacksSegment(d *edgecore.Definitions, events []delta.Event) bool {
	has := map[int]bool{}
	for i := range d.Segments {
		has[d.Segments[i].ID] = true
	}
	for _, e := range events {
		if e.Kind != delta.FeatureUpdated {
			continue
		}
		for _, strategy := range e.Feature.Strategies {
			for _, id := range strategy.Segments {
				if !has[id] {
					return true
				}
			}
		}
	}
	return false
}

// inUse returns definitions without segments that no flag uses, which the events of
// Unleash have.
func inUse(d *edgecore.Definitions) *edgecore.Definitions {
	return d.Part(func(*edgecore.Feature) bool { return true })
}

// withUnused returns polled definitions with the segments that only events have sent: a
// later event may have a flag that uses one.
func withUnused(polled, last *edgecore.Definitions) *edgecore.Definitions {
	has := map[int]bool{}
	for i := range polled.Segments {
		has[polled.Segments[i].ID] = true
	}
	with := *polled
	with.Segments = polled.Segments[:len(polled.Segments):len(polled.Segments)]
	for i := range last.Segments {
		if !has[last.Segments[i].ID] {
			with.Segments = append(with.Segments, last.Segments[i])
		}
	}
	return edgecore.Normalize(nil, &with)
}
