package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
)

func (a *api) clientRoutes(mux router) {
	mux.HandleFunc("GET /api/client/features", a.features)
	mux.HandleFunc("POST /api/client/features", a.features)
	mux.HandleFunc("GET /api/client/delta", a.delta)
	mux.HandleFunc(streamRoute, a.stream)
	mux.HandleFunc("GET /api/client/features/{name}", a.feature)
	mux.HandleFunc("POST /api/client/features/{name}", a.feature)
	mux.HandleFunc("POST /api/client/register", a.report(access.Client, a.Usage.Register))
	mux.HandleFunc("POST /api/client/metrics", a.report(access.Client, a.Usage.Metrics))
	mux.HandleFunc("POST /api/client/metrics/bulk", a.report(access.Client, a.Usage.Bulk))
}

func (a *api) features(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.authorize(w, r, access.Client)
	if !ok {
		return
	}
	var chosen filter
	if r.URL.RawQuery != "" {
		query, ok := readQuery(w, r)
		if !ok {
			return
		}
		chosen = filterOf(query)
		scope = chosen.narrow(scope)
	}
	b := a.bodies.get(st, scope, chosen)
	h := w.Header()
	h.Set("ETag", b.etag)
	h.Set("Cache-Control", "no-cache")
	if notModified(r, b.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	content := b.identity
	encoding, packed := a.compressed(r, b)
	if packed != nil {
		h.Set("Content-Encoding", encoding)
		content = packed
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content)
}

// filter selects flags within the scope of a token.
type filter struct {
	prefix   string   // of their names
	projects []string // none: all
}

// given reports whether there is a filter.
func (f *filter) given() bool { return f.prefix != "" || len(f.projects) > 0 }

// narrow returns the part of a scope that is in the projects of the filter. It
// never widens a scope.
func (f *filter) narrow(scope access.Scope) access.Scope {
	f.projects = slices.DeleteFunc(f.projects, func(p string) bool { return p == "" })
	if len(f.projects) == 0 || slices.Contains(f.projects, "*") {
		f.projects = nil
		return scope
	}
	wanted := slices.DeleteFunc(slices.Clone(f.projects), func(p string) bool { return !scope.Sees(p) })
	slices.Sort(wanted)
	scope.Projects = append([]string{}, slices.Compact(wanted)...) // never nil, which would mean all
	return scope
}

// compressed returns the compressed form with the highest q-value of the client,
// nil if it accepts none of those that are ready.
func (a *api) compressed(r *http.Request, b *body) (encoding string, content []byte) {
	zip, br := qvalue(r, "gzip"), qvalue(r, "br")
	if br > 0 && br >= zip {
		if content := a.bodies.brotli(b); content != nil {
			return "br", content
		}
	}
	if zip > 0 {
		return "gzip", b.gzip()
	}
	return "", nil
}

// qvalue returns the q-value of an encoding in Accept-Encoding, 0 if the client does
// not accept it (RFC 9110, section 12.5.3).
func qvalue(r *http.Request, encoding string) float64 {
	others := 0.0
	for _, line := range r.Header.Values("Accept-Encoding") {
		for element := range strings.SplitSeq(line, ",") {
			name, parameter, _ := strings.Cut(element, ";")
			weight := 1.0
			if _, text, given := strings.Cut(parameter, "="); given {
				weight, _ = strconv.ParseFloat(strings.TrimSpace(text), 64) // 0 for what is not a number
			}
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, encoding):
				return weight
			case name == "*":
				others = weight
			}
		}
	}
	return others
}

func (a *api) feature(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.authorize(w, r, access.Client)
	if !ok {
		return
	}
	i := slices.IndexFunc(st.Definitions.Features, func(f edgecore.Feature) bool {
		return f.Name == r.PathValue("name")
	})
	if i < 0 || !scope.Sees(st.Definitions.Features[i].Project) {
		writeError(w, http.StatusNotFound, "no such flag")
		return
	}
	a.respond(w, r, false, []byte(st.Definitions.Features[i].Raw), func() {})
}
