package parse

import (
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
)

// Events reads the body of GET /api/client/delta, {"events": […]}, and
// folds its events in their order into definitions. It begins with nothing; a
// hydration event replaces everything before it. Events of unknown types are a
// Problem. An error is a *SyntaxError.
func Events(doc []byte, env edgecore.Environment) (*edgecore.Definitions, error) {
	text := string(doc)
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	events := gjson.Get(text, "events")
	if !events.IsArray() {
		return nil, syntaxError(text, events.Index, "\"events\" must be a list of events")
	}
	features, segments := newOrdered(), newOrdered()
	var problems edgecore.ProblemList
	revision, i := uint64(0), -1
	events.ForEach(func(_, event gjson.Result) bool {
		i++
		revision = max(revision, event.Get("eventId").Uint())
		switch kind := event.Get("type").Str; kind {
		case "hydration":
			features, segments = newOrdered(), newOrdered()
			features.fill(event.Get("features"), func(f gjson.Result) string { return f.Get("name").Str })
			segments.fill(event.Get("segments"), func(s gjson.Result) string { return s.Get("id").Raw })
		case "feature-updated":
			features.set(event.Get("feature.name").Str, event.Get("feature").Raw)
		case "feature-removed":
			features.remove(event.Get("featureName").Str)
		case "segment-updated":
			segments.set(event.Get("segment.id").Raw, event.Get("segment").Raw)
		case "segment-removed":
			segments.remove(event.Get("segmentId").Raw)
		default:
			if problems.Full() {
				problems.Omit()
				return true
			}
			problems.Add(edgecore.Problem{
				Where: fmt.Sprintf("events[%d].type", i),
				What:  fmt.Sprintf("the type %q is not known; the event is passed over", kind),
			})
		}
		return true
	})
	folded, err := json.Marshal(map[string]any{
		"version": 2, "features": features.list(), "segments": segments.list(),
		"meta": map[string]uint64{"revisionId": revision},
	})
	if err != nil {
		return nil, syntaxError(text, 0, err.Error()) // not reached: every part is valid JSON
	}
	d, err := Definitions(folded, env)
	if err != nil {
		return nil, err
	}
	d.Problems = append(problems.List(), d.Problems...)
	return d, nil
}

// ordered is a map of raw JSON that keeps the order of insertion.
type ordered struct {
	keys []string
	raw  map[string]string
}

func newOrdered() *ordered { return &ordered{raw: map[string]string{}} }

func (o *ordered) set(key, raw string) {
	if raw == "" {
		return
	}
	if _, ok := o.raw[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.raw[key] = raw
}

// fill sets the elements of a list, one after the other.
func (o *ordered) fill(list gjson.Result, key func(gjson.Result) string) {
	if !list.IsArray() {
		return
	}
	list.ForEach(func(_, one gjson.Result) bool {
		o.set(key(one), one.Raw)
		return true
	})
}

func (o *ordered) remove(key string) { delete(o.raw, key) }

func (o *ordered) list() []json.RawMessage {
	out := []json.RawMessage{}
	for _, key := range o.keys {
		if raw, ok := o.raw[key]; ok {
			out = append(out, json.RawMessage(raw))
			delete(o.raw, key) // a key that was removed and set again is there twice
		}
	}
	return out
}
