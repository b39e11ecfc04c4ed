package api

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/eval"
)

func (a *api) frontend(mux *routes) {
	serve := func(path string, h http.HandlerFunc, methods ...string) {
		for _, method := range methods {
			mux.Handle(method+" "+path, a.CORS.wrap(h))
		}
		mux.Handle("OPTIONS "+path, a.CORS.wrap(nil))
	}
	for _, base := range []string{"/api/frontend", "/api/proxy"} {
		serve(base, a.toggles(false), "GET", "POST")
		if !a.NoAll {
			serve(base+"/all", a.toggles(true), "GET", "POST")
		}
		serve(base+"/features/{name}", a.toggle, "GET", "POST")
		for _, prefix := range []string{base, base + "/all"} {
			serve(prefix+"/client/metrics", a.report(access.Frontend, a.Usage.Metrics), "POST")
			serve(prefix+"/client/register", a.report(access.Frontend, a.Usage.Register), "POST")
		}
	}
}

// toggle is one flag in the frontend API. Unleash Edge writes impressionData
// in both spellings, and so does this.
type toggle struct {
	Name            string  `json:"name"`
	Enabled         bool    `json:"enabled"`
	Variant         variant `json:"variant"`
	ImpressionData  bool    `json:"impressionData"`
	ImpressionData2 bool    `json:"impression_data"`
}

type variant struct {
	Name            string            `json:"name"`
	Enabled         bool              `json:"enabled"`
	Payload         *edgecore.Payload `json:"payload,omitempty"`
	FeatureEnabled  bool              `json:"feature_enabled"`
	FeatureEnabled2 bool              `json:"featureEnabled"`
}

func newToggle(f eval.Flag, r eval.Result) toggle {
	return toggle{
		Name: f.Name, Enabled: r.Enabled, ImpressionData: f.ImpressionData, ImpressionData2: f.ImpressionData,
		Variant: variant{
			Name: r.Variant.Name, Enabled: r.Variant.Enabled, Payload: r.Variant.Payload,
			FeatureEnabled: r.Enabled, FeatureEnabled2: r.Enabled,
		},
	}
}

// toggles evaluates every flag of the scope for one context: with one seed, so
// that the answers fit together.
func (a *api) toggles(all bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scope, st, ok := a.admit(w, r, access.Frontend)
		if !ok {
			return
		}
		c, shared, err := a.readContext(r, scope.Environment)
		if err != nil {
			refuse(w, err, err.Error())
			return
		}
		list := []toggle{}
		view := st.Program.NewView(c)
		for i, f := range st.Program.Flags() {
			if !scope.Sees(f.Project) {
				continue
			}
			if result := view.Flag(i); result.Enabled || all {
				list = append(list, newToggle(f, result))
			}
		}
		a.answer(w, r, shared, map[string][]toggle{"toggles": list})
	}
}

func (a *api) toggle(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.admit(w, r, access.Frontend)
	if !ok {
		return
	}
	c, shared, err := a.readContext(r, scope.Environment)
	if err != nil {
		refuse(w, err, err.Error())
		return
	}
	f, ok := st.Program.Lookup(r.PathValue("name"))
	if !ok || !scope.Sees(f.Project) {
		fail(w, http.StatusNotFound, "there is no such flag")
		return
	}
	a.answer(w, r, shared, newToggle(f, st.Program.Evaluate(f.Name, c)))
}

// answer writes JSON with an entity tag, or 304.
func (a *api) answer(w http.ResponseWriter, r *http.Request, shared bool, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		fail(w, http.StatusInternalServerError, "internal error")
		return
	}
	etag := etagOf(b.Bytes())
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	if shared {
		h.Set("Cache-Control", a.Shared.header())
	}
	h.Add("Vary", a.tokenHeader())
	if fresh(r, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(b.Bytes())
}

// newSeed draws the seed of one request.
func newSeed() string { return strconv.FormatUint(rand.Uint64(), 36) }
