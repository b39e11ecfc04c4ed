package upstream

import (
	"slices"

	"github.com/flagcast/flagcast/edgecore"
)

// merge combines the definitions of all tokens. Flags of a project are those of the
// newest answer that covers it; of flags and segments in several answers, the copy
// with the higher revision is used. Unknown members of the document are those of the
// newest answer.
func (p *Poll) merge() *edgecore.Definitions {
	for _, s := range p.scopes {
		s.delivered = s.last
	}
	if len(p.scopes) == 1 {
		return p.scopes[0].last
	}
	// The newest first, and of equally new ones the one with the fewest projects: its
	// token names them.
	scopes := slices.Clone(p.scopes)
	slices.SortStableFunc(scopes, func(a, b *scope) int {
		if a.last.Revision != b.last.Revision {
			return int(int64(b.last.Revision) - int64(a.last.Revision))
		}
		return projectCount(a) - projectCount(b)
	})
	merged := &edgecore.Definitions{Environment: p.options.Environment, Others: scopes[0].last.Others}
	features, segments := map[string]bool{}, map[int]bool{}
	for i, s := range scopes {
		merged.Revision = max(merged.Revision, s.last.Revision)
		merged.Problems = append(merged.Problems, s.last.Problems...)
		for _, f := range s.last.Features {
			if !features[f.Name] && !coveredBy(scopes[:i], f.Project) {
				features[f.Name] = true
				merged.Features = append(merged.Features, f)
			}
		}
		for _, g := range s.last.Segments {
			if !segments[g.ID] {
				segments[g.ID] = true
				merged.Segments = append(merged.Segments, g)
			}
		}
	}
	slices.SortStableFunc(merged.Features, func(a, b edgecore.Feature) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return merged
}

// coveredBy reports whether a newer scope covers a project: a flag that it does not
// have was deleted.
func coveredBy(scopes []*scope, project string) bool {
	return slices.ContainsFunc(scopes, func(s *scope) bool {
		return s.projects == nil || s.projects[project]
	})
}

func projectCount(s *scope) int {
	if s.projects == nil {
		return 1 << 20
	}
	return len(s.projects)
}
