package parse

import (
	"context"
	"fmt"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
)

// Events reads the body of GET /api/client/delta, {"events": […]}, which is also the data
// of an event of GET /api/client/streaming. A whole body of GET /api/client/features
// counts as a hydration. Events before a hydration are left out, since it replaces
// everything. last, which may be nil, are definitions that a hydration may repeat. An
// error is a *SyntaxError, or that of ctx.
//
// {"meta":{"revisionId":0}} beside the events says that the server has no revisions, as
// flagcast has none for a file: their IDs are 0 then.
func Events[T string | []byte](
	ctx context.Context, doc T, env edgecore.Environment, last *edgecore.Definitions,
) ([]delta.Event, error) {
	text := string(doc)
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	r := eventReader{
		parser: &parser{
			cursor: cursor{s: text}, ended: ctx.Err, known: &known{}, defs: &edgecore.Definitions{Environment: env},
		},
		ctx: ctx, last: last,
	}
	if r.kind() != 'o' {
		return nil, syntaxError(text, 0, "events are a JSON object with a list of \"events\", this is "+r.what())
	}
	at := 0
	r.members(func(key string) {
		if key == "events" {
			r.blanks()
			at, r.found, r.events = r.i, r.kind() == 'l', nil
		}
		switch {
		case key == "events" && r.found:
			first := r.lastHydration()
			r.elements(func() {
				if r.place() < first {
					r.skip()
				} else {
					r.event()
				}
			})
		case key == "meta" && r.kind() == 'o':
			r.object(func(key string) {
				if text := r.scalar(); key == "revisionId" {
					r.unnumbered = revision(text) == 0
				}
			})
		default:
			r.whole = r.whole || key == "features"
			r.skip()
		}
	})
	switch {
	case r.err != nil:
		return nil, r.err
	case !r.found && r.whole:
		return r.hydration(text)
	case !r.found:
		return nil, syntaxError(text, at, "\"events\" must be a list of events")
	}
	if n := len(r.problems.List()); n > r.problems.Len() { // more than are described
		r.events = append(r.events, delta.Event{Problems: r.problems.List()[n-1:]})
	}
	if r.unnumbered {
		for i := range r.events {
			r.events[i].ID = 0
			if all := r.events[i].All; all != nil {
				all.Revision = 0
			}
		}
	}
	return r.events, nil
}

// eventReader collects events.
type eventReader struct {
	*parser
	ctx    context.Context // of this reading
	last   *edgecore.Definitions
	events []delta.Event

	found, whole bool // a list of events, of features
	unnumbered   bool
}

// lastHydration returns the place of the last hydration in the list that comes next, 0
// for none.
func (r *eventReader) lastHydration() (last int) {
	look := r.cursor
	look.list(func(i int) {
		if look.kind() != 'o' {
			look.skip()
			return
		}
		look.object(func(key string) {
			if text := look.scalar(); key == "type" && text == string(delta.Hydration) {
				last = i
			}
		})
	})
	return last
}

// event reads one element of the list of events.
func (r *eventReader) event() {
	r.step()
	first := r.problems.Len()
	e, ok := r.readEvent()
	if r.err != nil {
		return
	}
	if !ok {
		if e.Kind = ""; r.problems.Len() == first {
			r.problem("does not say what it is about; it is passed over")
		}
	}
	if e.Kind == delta.FeatureUpdated || e.Kind == delta.FeatureRemoved {
		name := e.Name
		if e.Feature != nil {
			name = e.Feature.Name
		}
		r.problems.SetFeature(first, name)
	}
	if e.Problems = r.problems.Since(first); ok || len(e.Problems) > 0 {
		r.events = append(r.events, e)
	}
}

// readEvent reads an event. ok is false for one that is passed over.
func (r *eventReader) readEvent() (e delta.Event, ok bool) {
	if r.kind() != 'o' {
		r.problem("is ", r.what(), ", not an event; it is passed over")
		r.skip()
		return e, false
	}
	// The type may come after what it is about: the event is read twice.
	start := r.i
	var kind string
	r.object(func(key string) {
		switch text := r.scalar(); key {
		case "type":
			kind = strings.Clone(text)
		case "eventId":
			e.ID = revision(text)
		case "featureName":
			e.Name = strings.Clone(text)
		case "project":
			e.Project = strings.Clone(text)
		case "segmentId":
			e.SegmentID = int(revision(text))
		}
	})
	end := r.i
	switch e.Kind = delta.Kind(kind); e.Kind {
	case delta.Hydration:
		return e, r.hydrate(&e, r.s[start:end])
	case delta.FeatureUpdated:
		return e, r.update(start, "feature", func() bool {
			f, ok := r.readFeature()
			if !ok { // as in a whole document, it is left out
				e.Kind, e.Name, e.Project = delta.FeatureRemoved, f.Name, f.Project
				return f.Name != ""
			}
			e.Feature = &f
			return true
		})
	case delta.SegmentUpdated:
		return e, r.update(start, "segment", func() bool {
			s, ok := r.readSegment()
			e.Segment = &s
			return ok
		})
	case delta.FeatureRemoved:
		return e, e.Name != ""
	case delta.SegmentRemoved:
		return e, true
	}
	r.enter("type", 0)
	r.problem("the type ", fmt.Sprintf("%q", kind), " is not known; the event is passed over")
	r.leave()
	return e, false
}

// update reads the member of an event from a copy of its text, so that what comes of it
// does not keep the whole document.
func (r *eventReader) update(start int, name string, read func() bool) (ok bool) {
	whole := r.cursor
	r.cursor = cursor{s: strings.Clone(whole.s[start:whole.i])}
	r.object(func(key string) {
		if key != name || r.kind() != 'o' {
			r.skip()
			return
		}
		r.enter(name, 0)
		ok = read()
		r.leave()
	})
	whole.stopped = r.stopped
	r.cursor = whole
	return ok
}

// hydrate reads a hydration, which has the members of a whole body.
func (r *eventReader) hydrate(e *delta.Event, text string) bool {
	all, err := Next(r.ctx, text, r.defs.Environment, r.last)
	if err != nil {
		r.stopped, r.err = true, err
		return false
	}
	all.Others = nil // the members of the event itself
	all.Revision = e.ID
	e.All = all
	return true
}

// hydration reads a whole body.
func (r *eventReader) hydration(text string) ([]delta.Event, error) {
	all, err := Next(r.ctx, text, r.defs.Environment, r.last)
	if err != nil {
		return nil, err
	}
	return []delta.Event{{Kind: delta.Hydration, ID: all.Revision, All: all}}, nil
}
