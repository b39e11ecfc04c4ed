package delta

import (
	"encoding/json"
	"strconv"

	"github.com/flagcast/flagcast/edgecore"
)

// Kind is the type of an event, as the protocol writes it.
type Kind string

// The kinds of events (Unleash server 8, OpenAPI clientFeaturesDeltaSchema).
const (
	Hydration      Kind = "hydration"
	FeatureUpdated Kind = "feature-updated"
	FeatureRemoved Kind = "feature-removed"
	SegmentUpdated Kind = "segment-updated"
	SegmentRemoved Kind = "segment-removed"
)

// Event is one event. Kind says which members are set.
type Event struct {
	// Kind is "" for an event that is passed over, with Problems that say why.
	Kind Kind
	// ID is eventId: the revision that the event belongs to.
	ID uint64
	// All replaces everything (Hydration).
	All *edgecore.Definitions
	// Feature is the whole flag (FeatureUpdated).
	Feature *edgecore.Feature
	// Problems of what an update holds. A flag that cannot be read is a removed one.
	Problems []edgecore.Problem
	// Name and Project are of a flag that has gone (FeatureRemoved).
	Name, Project string
	Segment       *edgecore.Segment // SegmentUpdated
	SegmentID     int               // SegmentRemoved
}

// Append appends events as JSON, with commas between them.
func Append(b []byte, events []Event) []byte {
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = events[i].append(b)
	}
	return b
}

func (e *Event) append(b []byte) []byte {
	b = append(append(b, `{"type":"`...), e.Kind...)
	b = strconv.AppendUint(append(b, `","eventId":`...), e.ID, 10)
	switch e.Kind {
	case Hydration:
		b = append(b, `,"features":[`...)
		for i := range e.All.Features {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, e.All.Features[i].Raw...)
		}
		b = append(b, `],"segments":[`...)
		for i := range e.All.Segments {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, e.All.Segments[i].Raw...)
		}
		b = append(b, ']')
	case FeatureUpdated:
		b = append(append(b, `,"feature":`...), e.Feature.Raw...)
	case FeatureRemoved:
		b = appendText(append(b, `,"featureName":`...), e.Name)
		b = appendText(append(b, `,"project":`...), e.Project)
	case SegmentUpdated:
		b = append(append(b, `,"segment":`...), e.Segment.Raw...)
	case SegmentRemoved:
		b = strconv.AppendInt(append(b, `,"segmentId":`...), int64(e.SegmentID), 10)
	}
	return append(b, '}')
}

func appendText(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // text always encodes
	return append(b, quoted...)
}
