package bundles

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/cover"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// Load is the requests that a script is measured with, made from its own rules.
type Load struct {
	Kinds    []measure.Kind
	Contexts int
	Coverage cover.Coverage
}

// mostContexts bounds how many contexts a script is measured with.
const mostContexts = 256

// NewLoad makes requests whose contexts take the branches of a snapshot. The
// stock worker is asked for one flag, and for all; a worker of the user's at
// the given paths, or at / and where the frontend API is, which it may serve.
func NewLoad(s *snapshot.Snapshot, own bool, paths []string) *Load {
	contexts, names := []eval.Context{{}}, []string(nil)
	l := &Load{}
	if program := s.Program(); program != nil {
		contexts, l.Coverage = cover.Inputs(program, mostContexts)
		names = asked(program)
	} else {
		for _, name := range gjson.GetBytes(s.Content(), "toggles.#.name").Array() {
			names = append(names, name.Str)
		}
	}
	l.Contexts = len(contexts)
	if own {
		if len(paths) == 0 {
			paths = []string{"/", "/api/frontend"}
		}
		for _, path := range paths {
			kind := measure.Kind{Name: "your worker at " + path}
			for i := range contexts {
				kind.Requests = append(kind.Requests, request(path, &contexts[i], "%s"))
			}
			l.Kinds = append(l.Kinds, kind)
		}
		return l
	}
	one, all := measure.Kind{Name: "one flag"}, measure.Kind{Name: "all flags"}
	for i := range max(len(contexts), min(len(names), mostContexts)) {
		c := &contexts[i%len(contexts)]
		all.Requests = append(all.Requests, request("/api/frontend", c, "properties[%s]"))
		if len(names) > 0 {
			// They are sorted: what is far apart differs.
			one.Requests = append(one.Requests,
				request("/api/frontend/features/"+url.PathEscape(names[i*7919%len(names)]), c, "properties[%s]"))
		}
	}
	if len(one.Requests) > 0 {
		l.Kinds = append(l.Kinds, one)
	}
	l.Kinds = append(l.Kinds, all)
	return l
}

// asked names the flags that a request decides, or all where none does.
func asked(p *eval.Program) (names []string) {
	open := compile.Contextual(p, &eval.Context{})
	for _, every := range []bool{false, true} {
		for i, f := range p.Flags() {
			if !f.Hidden && (open[i] || every) {
				names = append(names, f.Name)
			}
		}
		if len(names) > 0 {
			break
		}
	}
	return names
}

// standard are the fields that Unleash's frontend API takes by their own names.
var standard = []string{"userId", "sessionId", "remoteAddress", "environment", "appName"}

// request writes a context in every way that a worker may look at: as a query, as
// cookies, and as what Cloudflare adds to a request. property is how the query
// names a field that Unleash has no name for.
func request(path string, c *eval.Context, property string) measure.Request {
	query := url.Values{}
	var cookies []string
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		value := c.Fields[name]
		if slices.Contains(standard, name) {
			query.Set(name, value)
		} else {
			query.Set(fmt.Sprintf(property, name), value)
		}
		cookies = append(cookies, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	if !c.Time.IsZero() {
		query.Set("currentTime", c.Time.UTC().Format(time.RFC3339Nano))
	}
	r := measure.Request{URL: "https://flags.example" + path, CF: c.Fields}
	if len(query) > 0 && strings.Contains(path, "?") {
		r.URL += "&" + query.Encode()
	} else if len(query) > 0 {
		r.URL += "?" + query.Encode()
	}
	if len(cookies) > 0 {
		r.Headers = map[string]string{"cookie": strings.Join(cookies, "; ")}
	}
	return r
}
