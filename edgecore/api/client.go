package api

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/state"
)

func (a *api) client(mux *routes) {
	mux.HandleFunc("GET /api/client/features", a.features)
	mux.HandleFunc("POST /api/client/features", a.features)
	mux.HandleFunc("GET /api/client/features/{name}", a.feature)
	mux.HandleFunc("POST /api/client/register", a.report(access.Client, a.Usage.Register))
	mux.HandleFunc("POST /api/client/metrics", a.report(access.Client, a.Usage.Metrics))
	mux.HandleFunc("POST /api/client/metrics/bulk", a.report(access.Client, a.Usage.Bulk))
}

func (a *api) features(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.admit(w, r, access.Client)
	if !ok {
		return
	}
	b := a.bodies.get(st, scope, r.URL.Query().Get("namePrefix"))
	h := w.Header()
	h.Set("ETag", b.etag)
	h.Set("Vary", "Accept-Encoding, Authorization")
	h.Set("Cache-Control", "no-cache")
	if fresh(r, b.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	content := b.identity
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		content = b.compressed()
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content)
}

func (a *api) feature(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.admit(w, r, access.Client)
	if !ok {
		return
	}
	i := slices.IndexFunc(st.Definitions.Features, func(f edgecore.Feature) bool { return f.Name == r.PathValue("name") })
	if i < 0 || !scope.Sees(st.Definitions.Features[i].Project) {
		fail(w, http.StatusNotFound, "there is no such flag")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(st.Definitions.Features[i].Raw)
}

// body is one answer, made once for each version and scope.
type body struct {
	identity []byte
	etag     string
	compress sync.Once
	gzip     []byte
}

func (b *body) compressed() []byte {
	b.compress.Do(func() {
		var buffer bytes.Buffer
		z, _ := gzip.NewWriterLevel(&buffer, gzip.BestCompression) // the level is valid
		_, _ = z.Write(b.identity)                                 // a buffer takes everything
		_ = z.Close()
		b.gzip = buffer.Bytes()
	})
	return b.gzip
}

// bodies keeps the answers of the newest version of each environment.
type bodies struct {
	mu   sync.Mutex
	envs map[edgecore.Environment]*rendered
}

type rendered struct {
	version uint64
	scopes  map[string]*body
}

// maxScopes bounds the answers that are kept: there are as many scopes as
// tokens with different projects, but a name prefix is the client's choice.
const maxScopes = 256

func (b *bodies) get(st *state.State, scope access.Scope, prefix string) *body {
	key := strings.Join(scope.Projects, "\n") + "\x00" + prefix
	if scope.Projects == nil {
		key = "*\x00" + prefix
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.envs == nil {
		b.envs = map[edgecore.Environment]*rendered{}
	}
	r := b.envs[scope.Environment]
	if r == nil || r.version != st.Version {
		r = &rendered{version: st.Version, scopes: map[string]*body{}}
		b.envs[scope.Environment] = r
	}
	if r.scopes[key] == nil {
		if len(r.scopes) >= maxScopes {
			clear(r.scopes)
		}
		content := render(st.Definitions, scope, prefix)
		r.scopes[key] = &body{identity: content, etag: etagOf(content)}
	}
	return r.scopes[key]
}

// render writes what a scope sees. Flags and segments are as upstream sent
// them. The revision is the environment's, so a scope of some projects goes
// without: its body changes when its own flags do.
func render(d *edgecore.Definitions, scope access.Scope, prefix string) []byte {
	if scope.Projects == nil && prefix == "" {
		return d.Encode()
	}
	seen := &edgecore.Definitions{Environment: d.Environment}
	used := map[int]bool{}
	for _, f := range d.Features {
		if !scope.Sees(f.Project) || !strings.HasPrefix(f.Name, prefix) {
			continue
		}
		seen.Features = append(seen.Features, f)
		for _, s := range f.Strategies {
			for _, id := range s.Segments {
				used[id] = true
			}
		}
	}
	for _, s := range d.Segments {
		if used[s.ID] {
			seen.Segments = append(seen.Segments, s)
		}
	}
	return seen.Encode()
}

func acceptsGzip(r *http.Request) bool {
	for encoding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(encoding), ";")
		if name = strings.TrimSpace(name); name == "gzip" || name == "*" {
			return !strings.HasPrefix(strings.ReplaceAll(quality, " ", ""), "q=0") || strings.Contains(quality, "0.")
		}
	}
	return false
}
