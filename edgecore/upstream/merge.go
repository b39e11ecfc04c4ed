package upstream

import (
	"slices"

	"github.com/flagcast/flagcast/edgecore"
)

// merge combines the definitions of all tokens. Flags of a project are those of the
// newest answer that covers it; of flags and segments in several answers, the copy
// with the higher revision is used. Unknown members of the document are those of the
// newest answer.
func (p *Server) merge() *edgecore.Definitions {
	scopes := make([]*merged, 0, len(p.scopes))
	for _, s := range p.scopes {
		s.mu.Lock()
		scopes = append(scopes, &merged{inUse(s.last), s.projects})
		s.delivered = s.last
		s.mu.Unlock()
	}
	if len(scopes) == 1 {
		return scopes[0].last
	}
	// The newest first, and of equally new ones the one with the fewest projects: its
	// token names them.
	slices.SortStableFunc(scopes, func(a, b *merged) int {
		if a.last.Revision != b.last.Revision {
			return int(int64(b.last.Revision) - int64(a.last.Revision))
		}
		return projectCount(a) - projectCount(b)
	})
	all := &edgecore.Definitions{Environment: p.options.Environment, Others: scopes[0].last.Others}
	features, segments := map[string]bool{}, map[int]bool{}
	for i, s := range scopes {
		all.Revision = max(all.Revision, s.last.Revision)
		all.Problems = append(all.Problems, s.last.Problems...)
		for _, f := range s.last.Features {
			if !features[f.Name] && !coveredBy(scopes[:i], f.Project) {
				features[f.Name] = true
				all.Features = append(all.Features, f)
			}
		}
		for _, g := range s.last.Segments {
			if !segments[g.ID] {
				segments[g.ID] = true
				all.Segments = append(all.Segments, g)
			}
		}
	}
	slices.SortStableFunc(all.Features, func(a, b edgecore.Feature) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// coveredBy reports whether a newer scope covers a project: a flag that it does not
// have was deleted.
func coveredBy(scopes []*merged, project string) bool {
	return slices.ContainsFunc(scopes, func(s *merged) bool {
		return s.projects == nil || s.projects[project]
	})
}

// merged is what one token covers.
type merged struct {
	last     *edgecore.Definitions
	projects map[string]bool // nil for all
}

func projectCount(s *merged) int {
	if s.projects == nil {
		return 1 << 20
	}
	return len(s.projects)
}
