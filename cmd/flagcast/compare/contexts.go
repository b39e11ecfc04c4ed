package compare

import (
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/cover"
)

// ownFields are context fields that the Unleash server does not take from a
// request of its frontend API: it has values of its own (DESIGN.md, section 9).
var ownFields = map[string]bool{"appName": true, "environment": true}

// sampler draws contexts that matter to programs.
type sampler struct {
	programs []*eval.Program
	// plain: a server is the Unleash server, or like it, which takes neither
	// ownFields nor a time.
	plain  bool
	random *rand.Rand
}

// draw returns n contexts: first those that take the branches of the programs,
// then mixtures of their values for other users. Each has what would otherwise
// be drawn by chance or be the peer's, a session and an address.
func (s *sampler) draw(n int) ([]eval.Context, cover.Coverage) {
	const mixed = 4 // one in so many is a mixture at least
	var list []eval.Context
	var coverage cover.Coverage
	for i, p := range s.programs {
		room := n - n/mixed - len(list)
		if room < 1 {
			break
		}
		covering, c := cover.Inputs(p, room)
		if i == 0 {
			coverage = c
		}
		list = append(list, covering...)
	}
	list = list[:min(len(list), n)]
	values := map[string][]string{}
	for _, c := range list {
		for name, value := range c.Fields {
			if !slices.Contains(values[name], value) {
				values[name] = append(values[name], value)
			}
		}
	}
	names := slices.Sorted(maps.Keys(values))
	for len(list) < n {
		list = append(list, s.mix(names, values))
	}
	for i := range list {
		s.complete(&list[i], i)
	}
	return list, coverage
}

func (s *sampler) mix(names []string, values map[string][]string) eval.Context {
	c := eval.Context{Fields: map[string]string{}}
	for _, name := range names {
		if choice := s.random.IntN(len(values[name]) + 1); choice < len(values[name]) {
			c.Fields[name] = values[name][choice]
		}
	}
	if s.random.IntN(2) == 0 {
		c.Fields["userId"] = "user-" + strconv.FormatUint(s.random.Uint64(), 36)
	}
	return c
}

func (s *sampler) complete(c *eval.Context, number int) {
	delete(c.Fields, "currentTime")
	if s.plain {
		for name := range ownFields {
			delete(c.Fields, name)
		}
	} else if !c.Time.IsZero() {
		c.Fields["currentTime"] = c.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	for name, value := range map[string]string{
		"sessionId": "session-" + strconv.Itoa(number), "remoteAddress": "192.0.2.7",
	} {
		if c.Fields[name] == "" {
			c.Fields[name] = value
		}
	}
}

// needs returns, for each flag of the programs, which context fields it looks at,
// in any context.
func (s *sampler) needs() map[string][]string {
	out := map[string][]string{}
	for _, p := range s.programs {
		for i, fields := range compile.DependsOn(p, &eval.Context{}) {
			name := p.Flags()[i].Name
			all := append(append([]string{}, fields...), out[name]...) // not nil: known to need nothing
			slices.Sort(all)
			out[name] = slices.Compact(all)
		}
	}
	return out
}

// byChance names the flags that each server draws for itself in a context.
func (s *sampler) byChance(c *eval.Context, fields []string) map[string]bool {
	given := eval.Context{Fields: c.Fields}
	for _, name := range fields {
		if _, ok := c.Fields[name]; !ok {
			given.Absent = append(given.Absent, name)
		}
	}
	out := map[string]bool{}
	for _, p := range s.programs {
		for i, needs := range compile.DependsOn(p, &given) {
			if slices.Contains(needs, compile.RandomDraw) {
				out[p.Flags()[i].Name] = true
			}
		}
	}
	return out
}

// topLevel are the members of a context that are not properties.
var topLevel = map[string]bool{
	"userId": true, "sessionId": true, "remoteAddress": true, "environment": true, "appName": true, "currentTime": true,
}

// queryOf writes a context as SDKs write it into a query; fits is false where
// the name of a property cannot be distinguished from the brackets around it.
func queryOf(c *eval.Context) (query string, fits bool) {
	q := url.Values{}
	for name, value := range c.Fields {
		if topLevel[name] {
			q.Set(name, value)
			continue
		}
		if strings.ContainsAny(name, "[]") {
			return "", false
		}
		q.Set("properties["+name+"]", value)
	}
	return q.Encode(), true
}

func bodyOf(c *eval.Context) string {
	context, properties := map[string]any{}, map[string]any{}
	for name, value := range c.Fields {
		if topLevel[name] {
			context[name] = value
		} else {
			properties[name] = value
		}
	}
	context["properties"] = properties
	return string(encode(map[string]any{"context": context}))
}
