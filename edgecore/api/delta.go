package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/access"
)

// delta serves GET /api/client/delta, which SDKs poll in their delta mode: what has
// changed since the answer whose entity tag they send, else all flags (a hydration). An
// entity tag is of the content that a scope sees: it stays valid at another replica, and
// after a restart, where the same content has been served.
func (a *api) delta(w http.ResponseWriter, r *http.Request) {
	scope, st, ok := a.authorize(w, r, access.Client)
	if !ok {
		return
	}
	query, ok := readQuery(w, r)
	if !ok {
		return
	}
	chosen := filter{prefix: query.Get("namePrefix"), projects: append(query["project"], query["project[]"]...)}
	scope = chosen.narrow(scope)
	key := contentKey{scope.Environment, keyOf(scope, chosen.prefix)}
	now := a.contents.of(key, st.Version, func() *content { return newContent(st.Definitions, scope, chosen.prefix) })
	before := a.contents.keep(key, now, tagsOf(r))
	h := w.Header()
	h.Set("ETag", `"`+now.id+`"`)
	h.Set("Cache-Control", "no-cache")
	if before == now {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	id := cmp.Or(st.Definitions.Revision, st.Version)
	b := append([]byte(nil), `{"events":[`...)
	if before == nil {
		b = now.appendHydration(b, id)
	} else {
		b = now.appendChanges(b, before, id)
	}
	b = append(b, "]}\n"...)
	h.Set("Content-Type", "application/json")
	if len(b) >= minCompressed && qvalue(r, "gzip") > 0 {
		packed, err := a.compress(r, b)
		if err != nil {
			writeUnavailable(w, "the request ended before its response was compressed")
			return
		}
		b = packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	a.send(w, b)
}

// tagsOf returns the entity tags of If-None-Match, without quotes.
func tagsOf(r *http.Request) (tags []string) {
	for _, line := range r.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tags = append(tags, strings.Trim(tag, `"`)); len(tags) == maxTags {
				return tags
			}
		}
	}
	return tags
}

const maxTags = 8
