package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/andybalholm/brotli"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/state"
)

// place is a response writer that records where in memory the body lies: what is
// made again lies elsewhere.
type place struct {
	header http.Header
	code   int
	at     *byte
	body   []byte
}

func (p *place) Header() http.Header  { return p.header }
func (p *place) WriteHeader(code int) { p.code = code }
func (p *place) Write(b []byte) (int, error) {
	p.at, p.body = &b[0], b
	return len(b), nil
}

func (f *fixture) place(target, token, encoding string) *place {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Authorization", token)
	r.Header.Set("Accept-Encoding", encoding)
	p := &place{header: http.Header{}, code: 200}
	f.handler.ServeHTTP(p, r)
	return p
}

// changed is definitions after a change in project b, which is a new revision.
func changed(revision int) string {
	return strings.NewReplacer(`"revisionId":7`, fmt.Sprintf(`"revisionId":%d`, revision),
		`"userIds":"7"`, fmt.Sprintf(`"userIds":"%d"`, revision)).Replace(definitions)
}

// TestBodiesAreMadeOnce: for each change and scope, in each form, however many
// ask; and not again where a change is none for the scope.
func TestBodiesAreMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := with(t, func(*api.Options) {})
		seen := map[*byte]string{}
		last := map[string]*byte{}
		for revision, again := range []bool{false, true, true} {
			f.put(t, changed(8+revision))
			f.place("/api/client/features", backend, "br")
			synctest.Wait()
			f.place("/api/client/features", backendA, "br")
			synctest.Wait()
			for _, token := range []string{backend, backendA} {
				for _, encoding := range []string{"", "gzip", "br"} {
					form := token + " " + encoding
					first := f.place("/api/client/features", token, encoding)
					if got := first.header.Get("Content-Encoding"); got != encoding {
						t.Fatalf("%s: packed by %q", form, got)
					}
					for range 3 {
						if f.place("/api/client/features", token, encoding).at != first.at {
							t.Errorf("%s: made again for another request", form)
						}
					}
					if same := last[form] == first.at; same != (again && token == backendA) {
						t.Errorf("%s: made before the change: %v", form, same)
					}
					if other := seen[first.at]; other != "" && other != form {
						t.Errorf("%s is %s", form, other)
					}
					seen[first.at], last[form] = form, first.at
				}
			}
		}
	})
}

// TestPackings: what a client likes best, of what there is. Brotli is made
// beside the requests: the first one does without.
func TestPackings(t *testing.T) {
	unpack := map[string]func([]byte) io.Reader{
		"": func(b []byte) io.Reader { return bytes.NewReader(b) },
		"gzip": func(b []byte) io.Reader {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
		"br": func(b []byte) io.Reader { return brotli.NewReader(bytes.NewReader(b)) },
	}
	for _, tc := range []struct{ accept, first, later string }{
		{"", "", ""},
		{"gzip", "gzip", "gzip"},
		{"GZIP", "gzip", "gzip"},
		{"br", "", "br"},
		{"gzip, deflate, br, zstd", "gzip", "br"},
		{"br;q=0.5, gzip;q=0.9", "gzip", "gzip"},
		{"br ; q=1, gzip ; q=0.1", "gzip", "br"},
		{"br;q=0, gzip", "gzip", "gzip"},
		{"gzip;q=0.000", "", ""},
		{"gzip;q=no", "", ""},
		{"*", "gzip", "br"},
		{"*;q=0", "", ""},
		{"*, br;q=0", "gzip", "gzip"},
		{"deflate, identity", "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, _ := with(t, func(*api.Options) {})
			whole := f.place("/api/client/features", backend, "").body
			for _, want := range []string{tc.first, tc.later} {
				p := f.place("/api/client/features", backend, tc.accept)
				if got := p.header.Get("Content-Encoding"); got != want {
					t.Fatalf("%q: packed by %q, want %q", tc.accept, got, want)
				}
				content, err := io.ReadAll(unpack[want](p.body))
				if err != nil || !bytes.Equal(content, whole) {
					t.Errorf("%q: the body is another: %v", tc.accept, err)
				}
				if got := p.header.Get("Content-Length"); got != fmt.Sprint(len(p.body)) {
					t.Errorf("%q: %s bytes announced of %d", tc.accept, got, len(p.body))
				}
				synctest.Wait()
			}
		})
	}
}

// TestScopesAreApart: a body of some projects says nothing of the environment,
// so that its tag is as old as its flags; one of all is as upstream sent it.
func TestScopesAreApart(t *testing.T) {
	f := newFixture(t, "")
	const unknown = `"later":[1, {"x":"y"}]`
	at := func(revision int, more string) (all, some *http.Response) {
		f.put(t, strings.Replace(changed(revision), `{"features"`, "{"+more+`"features"`, 1))
		return f.ask("GET", "/api/client/features", backend, ""), f.ask("GET", "/api/client/features", backendA, "")
	}
	all, some := at(8, unknown+",")
	body := text(t, all)
	if !strings.Contains(body, `"meta":{"revisionId":8}`) || !strings.Contains(body, unknown) ||
		!strings.Contains(body, `"later":{"kept":1}`) {
		t.Errorf("a member is lost: %s", body)
	}
	body = text(t, some)
	if strings.Contains(body, "meta") || strings.Contains(body, unknown) ||
		!strings.Contains(body, `"later":{"kept":1}`) || !json.Valid([]byte(body)) {
		t.Errorf("of project a: %s", body)
	}
	all2, some2 := at(9, "")
	if all.Header.Get("ETag") == all2.Header.Get("ETag") || some.Header.Get("ETag") != some2.Header.Get("ETag") {
		t.Errorf("of all %s, then %s; of project a %s, then %s", all.Header["Etag"], all2.Header["Etag"],
			some.Header["Etag"], some2.Header["Etag"])
	}
	// The member alone is a change, too.
	all3, _ := at(9, unknown+",")
	if all3.Header.Get("ETag") == all2.Header.Get("ETag") {
		t.Error("a member that came is not seen")
	}
}

// TestPrefixesAreBounded: they are the client's choice, and push out nothing
// but each other.
func TestPrefixesAreBounded(t *testing.T) {
	f := newFixture(t, "")
	whole := f.place("/api/client/features", backend, "")
	first := f.place("/api/client/features?namePrefix=in-", backend, "")
	if again := f.place("/api/client/features?namePrefix=in-", backend, ""); again.at != first.at {
		t.Error("a prefix is not kept")
	}
	for i := range 2000 {
		p := f.place(fmt.Sprintf("/api/client/features?namePrefix=%d", i), backend, "")
		if p.code != 200 || !bytes.Contains(p.body, []byte(`"features":[]`)) {
			t.Fatalf("%d: %s", p.code, p.body)
		}
		if i != 100 {
			continue
		}
		if again := f.place("/api/client/features?namePrefix=in-", backend, ""); again.at == first.at ||
			!bytes.Equal(again.body, first.body) {
			t.Error("a prefix is kept for ever, or answered otherwise")
		}
	}
	if f.place("/api/client/features", backend, "").at != whole.at {
		t.Error("prefixes push out what is no client's choice")
	}
}

// TestSlowRequestsGetTheNewest: one that has loaded the flags before a change
// and answers after it does not bring the old ones back.
func TestSlowRequestsGetTheNewest(t *testing.T) {
	late := &lateStates{}
	f, _ := with(t, func(o *api.Options) {
		late.States = o.States
		o.States = late
	})
	old, err := f.store.Load("production")
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, changed(8))
	newest := f.place("/api/client/features", backend, "").at
	late.old.Store(old)
	for range 2 {
		if f.place("/api/client/features", backend, "").at != newest {
			t.Error("made again, or of the old flags")
		}
		late.old.Store(nil)
	}
}

type lateStates struct {
	api.States
	old atomic.Pointer[state.State]
}

func (l *lateStates) Load(env edgecore.Environment) (*state.State, error) {
	if old := l.old.Load(); old != nil {
		return old, nil
	}
	return l.States.Load(env)
}

func TestNotReady(t *testing.T) {
	f, _ := with(t, func(o *api.Options) { o.States = state.New(state.Options{Log: o.Log}) })
	for _, tc := range []struct{ path, token string }{
		{"/api/client/features", backend},
		{"/api/client/features/on", backend},
		{"/api/frontend", frontend},
		{"/api/frontend/all", frontend},
		{"/api/frontend/features/on", frontend},
		{"/api/proxy", frontend},
		{"/ready", ""},
		{"/internal-backstage/ready", ""},
	} {
		r := f.ask("GET", tc.path, tc.token, "")
		if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", tc.path, r.StatusCode, r.Header)
		}
	}
}
