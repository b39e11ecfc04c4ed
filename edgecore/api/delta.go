package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/state"
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
	now, before := a.contentOf(scope, st, filterOf(query), tagsOf(r))
	h := w.Header()
	h.Set("ETag", `"`+now.ID+`"`)
	h.Set("Cache-Control", "no-cache")
	if before == now.Digests {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	b := now.frame("unleash-updated", before).data
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

// filterOf returns the filter that a query asks for.
func filterOf(query url.Values) filter {
	return filter{prefix: query.Get("namePrefix"), projects: slices.Concat(query["project"], query["project[]"])}
}

// contentOf returns what a scope sees through a filter, and what a client has by one of
// its tags: nil when that is not known.
func (a *api) contentOf(
	scope access.Scope, st *state.State, chosen filter, tags []string,
) (now *content, before *delta.Digests) {
	scope = chosen.narrow(scope)
	key := contentKey{scope.Environment, keyOf(scope, chosen.prefix)}
	now = a.contents.of(key, st.Version, func() *content { return newContent(st, scope, chosen.prefix) })
	return now, a.contents.keep(key, now, tags)
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
