package api

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/eval"
)

func (a *api) frontendRoutes(mux router) {
	serve := func(path string, h http.HandlerFunc, methods ...string) {
		for _, method := range methods {
			mux.HandleFunc(method+" "+path, a.cors.wrap(h))
		}
		mux.HandleFunc("OPTIONS "+path, a.cors.preflight)
	}
	for _, base := range []string{"/api/frontend", "/api/proxy"} {
		serve(base, a.toggles(false), "GET", "POST")
		if !a.DisableAll {
			serve(base+"/all", a.toggles(true), "GET", "POST")
		}
		serve(base+"/features/{name}", a.toggle, "GET", "POST")
		for _, prefix := range []string{base, base + "/all"} {
			serve(prefix+"/client/metrics", a.report(access.Frontend, a.Usage.Metrics), "POST")
			serve(prefix+"/client/register", a.report(access.Frontend, a.Usage.Register), "POST")
		}
	}
}

// toggles evaluates every flag of the scope for one context: with one seed, so
// that the answers fit together.
func (a *api) toggles(all bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scope, st, ok := a.authorize(w, r, access.Frontend)
		if !ok {
			return
		}
		c, shared, done, ok := a.readContext(w, r, scope.Environment)
		if !ok {
			return
		}
		defer done()
		s, _ := a.scratches.Get().(*scratch)
		if s == nil {
			s = new(scratch)
		}
		s.view.Reset(st.Program, c)
		b := append(s.body[:0], `{"toggles":[`...)
		flags := st.Program.Flags()
		for i := range flags {
			if !scope.Sees(flags[i].Project) {
				continue
			}
			if result := s.view.Flag(i); result.Enabled || all {
				b = append(appendToggle(b, &flags[i], result), ',')
			}
		}
		s.body = append(bytes.TrimSuffix(b, []byte{','}), "]}\n"...)
		a.respond(w, r, shared, s.body, func() { a.scratches.Put(s) })
	}
}

func (a *api) toggle(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.authorize(w, r, access.Frontend)
	if !ok {
		return
	}
	c, shared, done, ok := a.readContext(w, r, scope.Environment)
	if !ok {
		return
	}
	defer done()
	f, ok := st.Program.Lookup(r.PathValue("name"))
	if !ok || !scope.Sees(f.Project) {
		writeError(w, http.StatusNotFound, "no such flag")
		return
	}
	a.respond(w, r, shared, append(appendToggle(nil, &f, st.Program.Evaluate(f.Name, c)), '\n'), func() {})
}

// scratch holds buffers that are reused between requests (sync.Pool).
type scratch struct {
	view eval.View
	body []byte
}

// newSeed returns the random seed of one request.
func newSeed() string { return strconv.FormatUint(rand.Uint64(), 36) }
