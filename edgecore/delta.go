package edgecore

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"
)

// ParseEvents reads the body of GET /api/client/delta, {"events": […]}, and
// folds its events in their order into definitions. It begins with nothing; a
// hydration event replaces everything before it. Events of unknown types are a
// Problem. An error is a *SyntaxError.
func ParseEvents(doc []byte, env Environment) (*Definitions, error) {
	text := string(doc)
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	events := gjson.Get(text, "events")
	if !events.IsArray() {
		return nil, syntaxError(text, events.Index, "\"events\" has to be a list of events")
	}
	features, segments := newOrdered(), newOrdered()
	var problems []Problem
	revision := uint64(0)
	for i, event := range events.Array() {
		revision = max(revision, event.Get("eventId").Uint())
		switch kind := event.Get("type").Str; kind {
		case "hydration":
			features, segments = newOrdered(), newOrdered()
			for _, f := range event.Get("features").Array() {
				features.set(f.Get("name").Str, f.Raw)
			}
			for _, s := range event.Get("segments").Array() {
				segments.set(s.Get("id").Raw, s.Raw)
			}
		case "feature-updated":
			features.set(event.Get("feature.name").Str, event.Get("feature").Raw)
		case "feature-removed":
			features.remove(event.Get("featureName").Str)
		case "segment-updated":
			segments.set(event.Get("segment.id").Raw, event.Get("segment").Raw)
		case "segment-removed":
			segments.remove(event.Get("segmentId").Raw)
		default:
			problems = append(problems, Problem{Where: fmt.Sprintf("events[%d].type", i), What: fmt.Sprintf("the type %q is not known; the event is passed over", kind)})
		}
	}
	folded, err := json.Marshal(map[string]any{
		"version": 2, "features": features.list(), "segments": segments.list(), "meta": map[string]uint64{"revisionId": revision},
	})
	if err != nil {
		return nil, syntaxError(text, 0, err.Error()) // not reached: every part is valid JSON
	}
	d, err := Parse(folded, env)
	if err != nil {
		return nil, err
	}
	d.Problems = append(problems, d.Problems...)
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

func (o *ordered) remove(key string) { delete(o.raw, key) }

func (o *ordered) list() []json.RawMessage {
	out := []json.RawMessage{}
	for _, key := range o.keys {
		if raw, ok := o.raw[key]; ok {
			out = append(out, json.RawMessage(bytes.Clone([]byte(raw))))
			delete(o.raw, key) // a key that was removed and set again stands twice
		}
	}
	return out
}
