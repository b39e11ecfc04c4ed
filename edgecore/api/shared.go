package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
)

// SharedCache sets how long caches before the core, such as a CDN, may keep responses
// of the frontend API to a GET that names no user. The zero value: not at all.
//
// Such a response is the same for all requests with one token and one query: a random
// draw selects no user in it, and no address is in its context.
type SharedCache struct {
	MaxAge time.Duration // 0: caches keep nothing
	// For how long after MaxAge a cache may serve a stale response while it
	// revalidates it, and when the core fails (RFC 5861). 0: not at all.
	StaleWhileRevalidate, StaleIfError time.Duration
}

// cacheable reports whether caches may keep the response to a request.
func (s *SharedCache) cacheable(r *http.Request, c *eval.Context) bool {
	if s.MaxAge == 0 || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return !slices.ContainsFunc(describe.DefaultIdentifierFields(), func(field string) bool {
		return c.Fields[field] != ""
	})
}

// header returns the Cache-Control. A cache may keep the response to a request with a
// token because of s-maxage (RFC 9111, section 3.5); max-age is for browsers, which
// revalidate each time.
func (s *SharedCache) header() string {
	var b strings.Builder
	b.WriteString("public, max-age=0")
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"s-maxage", s.MaxAge}, {"stale-while-revalidate", s.StaleWhileRevalidate}, {"stale-if-error", s.StaleIfError}} {
		if d.d > 0 {
			b.WriteString(", " + d.name + "=" + strconv.Itoa(int(d.d/time.Second)))
		}
	}
	return b.String()
}
