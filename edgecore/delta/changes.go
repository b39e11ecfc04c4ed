package delta

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

// Digests are the digests of the flags and segments of one version. They refer to no
// part of its document.
type Digests struct {
	// ID is the same for versions with the same flags and segments, in every process.
	ID       string
	features map[string]seenFeature
	segments map[int]edgecore.Digest
}

type seenFeature struct {
	digest  edgecore.Digest
	project string
}

// DigestsOf returns the digests of normalized definitions.
func DigestsOf(d *edgecore.Definitions) *Digests {
	digests := &Digests{
		features: make(map[string]seenFeature, len(d.Features)),
		segments: make(map[int]edgecore.Digest, len(d.Segments)),
	}
	sum := sha256.New()
	projects := map[string]string{} // one copy of each name
	for i := range d.Features {
		f := &d.Features[i]
		project, ok := projects[f.Project]
		if !ok {
			project = strings.Clone(f.Project)
			projects[project] = project
		}
		digests.features[strings.Clone(f.Name)] = seenFeature{f.Digest, project}
		_, _ = sum.Write(f.Digest[:])
	}
	_, _ = sum.Write([]byte("segments"))
	for i := range d.Segments {
		s := &d.Segments[i]
		digests.segments[s.ID] = s.Digest
		_, _ = sum.Write(s.Digest[:])
	}
	digests.ID = hex.EncodeToString(sum.Sum(nil)[:16])
	return digests
}

// Changes returns the events that make normalized definitions of an older version: a
// hydration where before is nil. Segments come before the flags that use them, and go
// after those that did.
func Changes(before *Digests, now *edgecore.Definitions) (events []Event) {
	if before == nil {
		return []Event{{Kind: Hydration, ID: now.Revision, All: now}}
	}
	add := func(e Event) {
		e.ID = now.Revision
		events = append(events, e)
	}
	names, segments := map[string]bool{}, map[int]bool{}
	for i := range now.Segments {
		s := &now.Segments[i]
		segments[s.ID] = true
		if was, known := before.segments[s.ID]; !known || was != s.Digest {
			add(Event{Kind: SegmentUpdated, Segment: s})
		}
	}
	for i := range now.Features {
		names[now.Features[i].Name] = true
	}
	for _, name := range missing(before.features, names) {
		add(Event{Kind: FeatureRemoved, Name: name, Project: before.features[name].project})
	}
	for i := range now.Features {
		f := &now.Features[i]
		if was, known := before.features[f.Name]; !known || was.digest != f.Digest {
			add(Event{Kind: FeatureUpdated, Feature: f})
		}
	}
	for _, id := range missing(before.segments, segments) {
		add(Event{Kind: SegmentRemoved, SegmentID: id})
	}
	return events
}

// missing returns the keys that are not in a set, sorted.
func missing[K ~int | ~string, V any](of map[K]V, in map[K]bool) (keys []K) {
	for key := range of {
		if !in[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
