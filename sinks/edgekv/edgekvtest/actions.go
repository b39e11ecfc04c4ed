package edgekvtest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	keyBytes       = 512
	valueBytes     = 2_000_000
	namespaceBytes = 1_000_000_000
	namespaceQuota = 10
	requestBytes   = 2_000_000 // of the body of one call; the pages do not say of what
	echoWhole      = 256       // characters of a value that a put echoes whole
	echoEnd        = 100       // of a longer one, at each end
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// product is one dialect.
type product struct {
	version string
	actions map[string]action
}

// action is one call of the API: every parameter in its one place, all of them
// required but Description.
type action struct {
	method      string
	query, form []string
	run         func(*Server, url.Values) (map[string]any, *refusal)
}

func products() map[string]product {
	at := []string{"Namespace", "Key"}
	return map[string]product{
		"dcdn": {"2018-01-15", map[string]action{
			"PutDcdnKv":          {"POST", at, []string{"Value"}, put(func(n int) any { return n })},
			"GetDcdnKv":          {"GET", at, nil, get},
			"DeleteDcdnKv":       {"POST", at, nil, remove},
			"PutDcdnKvNamespace": {"POST", nil, []string{"Namespace", "Description"}, create},
			"BatchPutDcdnKv":     {"POST", at[:1], []string{"KvList"}, putMany},
			"GetDcdnKvStatus":    {"POST", at, nil, status},
		}},
		"esa": {"2024-09-10", map[string]action{
			"PutKv":             {"POST", at, []string{"Value"}, put(func(n int) any { return strconv.Itoa(n) })},
			"GetKv":             {"GET", at, nil, get},
			"DeleteKv":          {"GET", at, nil, remove},
			"CreateKvNamespace": {"POST", nil, []string{"Namespace", "Description"}, create},
			"BatchPutKv":        {"POST", at[:1], []string{"KvList"}, putMany},
		}},
	}
}

// parameters collects the parameters of a call and refuses one that is
// missing, unknown, repeated or in the wrong place.
func (a action) parameters(r *http.Request, body []byte) (url.Values, *refusal) {
	malformed := refuse(400, "InvalidParameter", "The specified parameter is invalid.")
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed
	}
	form := url.Values{}
	if len(body) > requestBytes {
		return nil, refuse(400, "InvalidValue.ExceedsMaximum", "The size of the values cannot exceed 2,000,000 bytes.")
	}
	if len(body) > 0 {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/x-www-form-urlencoded" || r.Method != http.MethodPost {
			return nil, malformed
		}
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, malformed
		}
	}
	all := url.Values{}
	for _, place := range []struct {
		given url.Values
		names []string
	}{{query, a.query}, {form, a.form}} {
		taken := 0
		for _, name := range place.names {
			values := place.given[name]
			if len(values) > 1 || !utf8.ValidString(place.given.Get(name)) {
				return nil, malformed
			}
			if place.given.Get(name) == "" && name != "Description" {
				return nil, refuse(400, "Missing"+name, name+" is mandatory for this action.")
			}
			taken += len(values)
			all.Set(name, place.given.Get(name))
		}
		if taken != len(place.given) {
			return nil, malformed
		}
	}
	return all, nil
}

// namespace keeps what is stored, and what readers see of it.
type namespace struct {
	stored, seen map[string]string
	bytes        int
}

func newNamespace() *namespace {
	return &namespace{stored: map[string]string{}, seen: map[string]string{}}
}

func (n *namespace) settle() {
	clear(n.seen)
	for key, value := range n.stored {
		n.seen[key] = value
	}
}

// locate finds the namespace of a call and checks its key.
func (s *Server) locate(p url.Values) (*namespace, string, *refusal) {
	name, key := p.Get("Namespace"), p.Get("Key")
	switch {
	case !namePattern.MatchString(name):
		return nil, "", refuse(400, "InvalidNameSpace.Malformed", "The specified namespace is invalid.")
	case len(key) > keyBytes:
		return nil, "", refuse(400, "InvalidKey.ExceedsMaximum", "The size of the key cannot exceed 512 bytes.")
	case !namePattern.MatchString(key):
		return nil, "", refuse(400, "InvalidKey.Malformed", "The specified key is invalid.")
	}
	space, ok := s.namespaces[name]
	if !ok {
		return nil, "", refuse(404, "InvalidNameSpace.NotFound", "The specified namespace does not exist.")
	}
	return space, key, nil
}

func put(length func(int) any) func(*Server, url.Values) (map[string]any, *refusal) {
	return func(s *Server, p url.Values) (map[string]any, *refusal) {
		value := p.Get("Value")
		if refused := s.store(p, value); refused != nil {
			return nil, refused
		}
		return map[string]any{"Length": length(len(value)), "Value": echo(value)}, nil
	}
}

func (s *Server) store(p url.Values, value string) *refusal {
	space, key, refused := s.locate(p)
	if refused != nil {
		return refused
	}
	grows := len(value) - len(space.stored[key])
	switch {
	case len(value) > valueBytes:
		return refuse(400, "InvalidValue.ExceedsMaximum", "The size of the value cannot exceed 2,000,000 bytes.")
	case space.bytes+grows > namespaceBytes:
		return refuse(403, "InvalidKey.ExceedsCapacity",
			"The maximum capacity of a single namespace cannot exceed 1 GB.")
	}
	space.bytes += grows
	space.stored[key] = value
	if !s.options.Stale {
		space.seen[key] = value
	}
	return nil
}

// putMany stores each key for itself: what it cannot store is listed, without
// a reason.
func putMany(s *Server, p url.Values) (map[string]any, *refusal) {
	list := p.Get("KvList")
	var entries []map[string]string
	if json.Unmarshal([]byte(list), &entries) != nil || len(entries) == 0 {
		return nil, refuse(400, "InvalidParameter", "The specified parameter is invalid.")
	}
	if !namePattern.MatchString(p.Get("Namespace")) {
		return nil, refuse(400, "InvalidNameSpace.Malformed", "The specified namespace is invalid.")
	}
	if s.namespaces[p.Get("Namespace")] == nil {
		return nil, refuse(404, "InvalidNameSpace.NotFound", "The specified namespace does not exist.")
	}
	stored, failed := []string{}, []string{}
	for _, e := range entries {
		if len(e) != 2 || e["Key"] == "" || e["Value"] == "" {
			return nil, refuse(400, "InvalidParameter", "The specified parameter is invalid.")
		}
		at := url.Values{"Namespace": p["Namespace"], "Key": {e["Key"]}}
		if slices.Contains(s.failKeys, e["Key"]) || s.store(at, e["Value"]) != nil {
			failed = append(failed, e["Key"])
			continue
		}
		stored = append(stored, e["Key"])
	}
	return map[string]any{"SuccessKeys": stored, "FailKeys": failed}, nil
}

// status reports whether all places at the edge have what is stored.
func status(s *Server, p url.Values) (map[string]any, *refusal) {
	space, key, refused := s.locate(p)
	if refused != nil {
		return nil, refused
	}
	value, ok := space.stored[key]
	if !ok {
		return nil, refuse(404, "InvalidKey.NotFound", "The specified key does not exist.")
	}
	return map[string]any{"Complete": space.seen[key] == value}, nil
}

func echo(value string) string {
	if letters := []rune(value); len(letters) > echoWhole {
		return string(letters[:echoEnd]) + string(letters[len(letters)-echoEnd:])
	}
	return value
}

func get(s *Server, p url.Values) (map[string]any, *refusal) {
	space, key, refused := s.locate(p)
	if refused != nil {
		return nil, refused
	}
	value, ok := space.seen[key]
	if !ok {
		return nil, refuse(404, "InvalidKey.NotFound", "The specified key does not exist.")
	}
	return map[string]any{"Value": value}, nil
}

func remove(s *Server, p url.Values) (map[string]any, *refusal) {
	space, key, refused := s.locate(p)
	if refused != nil {
		return nil, refused
	}
	value, ok := space.stored[key]
	if !ok {
		return nil, refuse(404, "InvalidKey.NotFound", "The specified key does not exist.")
	}
	space.bytes -= len(value)
	delete(space.stored, key)
	if !s.options.Stale {
		delete(space.seen, key)
	}
	return map[string]any{}, nil
}

func create(s *Server, p url.Values) (map[string]any, *refusal) {
	name := p.Get("Namespace")
	switch {
	case !namePattern.MatchString(name):
		return nil, refuse(400, "InvalidNameSpace.Malformed", "The specified namespace is invalid.")
	case s.namespaces[name] != nil:
		return nil, refuse(406, "InvalidNameSpace.Duplicate", "The specified namespace already exists.")
	case len(s.namespaces) >= namespaceQuota:
		return nil, refuse(406, "InvalidNameSpace.QuotaFull", "The maximum number of namespaces is exceeded.")
	}
	s.namespaces[name] = newNamespace()
	return map[string]any{
		"Namespace": name, "NamespaceId": fmt.Sprint(643355322374688768 + len(s.namespaces)),
		"Status": "online", "Description": p.Get("Description"),
	}, nil
}
