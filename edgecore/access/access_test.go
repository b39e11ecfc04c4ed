package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/internal/secret"
)

// upstream has one token, and counts the questions.
type upstream struct {
	asked, tokens atomic.Int32
	down          atomic.Bool
}

func (u *upstream) Validate(_ context.Context, tokens []secret.Secret) ([]*access.TokenInfo, error) {
	u.asked.Add(1)
	if u.down.Load() {
		return nil, errors.New("connection refused")
	}
	list := make([]*access.TokenInfo, len(tokens))
	for i, token := range tokens {
		u.tokens.Add(1)
		switch token.Reveal() {
		case "*:e.good":
			list[i] = &access.TokenInfo{Kind: access.Frontend, Scope: access.Scope{Environment: "e"}}
		case "*:e.wide", "a:e.narrow":
			list[i] = &access.TokenInfo{Kind: access.Client, Scope: access.Scope{Environment: "e"}}
			if token.Reveal() == "a:e.narrow" {
				list[i].Scope.Projects = []string{"a"}
			}
		}
	}
	return list, nil
}

func TestUnknownTokensAreAskedAboutOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		a := access.New(access.Options{Validator: u})
		check := func(token string, kind access.Kind, want error) {
			t.Helper()
			if _, err := a.Check(t.Context(), home, token, kind); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", token, err, want)
			}
		}
		for range 10 {
			check("*:e.good", access.Frontend, nil)
			check("*:e.good", access.Client, access.ErrForbidden)
			check("*:e.bad", access.Frontend, access.ErrUnauthorized)
			check("no token", access.Frontend, access.ErrUnauthorized)
		}
		if n := u.asked.Load(); n != 2 {
			t.Errorf("%d questions, want 2", n)
		}
		time.Sleep(2 * time.Minute)
		u.down.Store(true)
		check("*:e.good", access.Frontend, nil)
		check("*:e.bad", access.Frontend, access.ErrUnavailable)
		time.Sleep(2 * time.Hour)
		check("*:e.good", access.Frontend, nil) // the last good answer stays
		check("*:e.new", access.Frontend, access.ErrUnavailable)
		u.down.Store(false)
		check("*:e.new", access.Frontend, access.ErrUnauthorized)
	})
}

// home is the address of clients where addresses make no difference.
var home = netip.MustParseAddr("192.0.2.1")

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What cannot be good here is not asked about: it costs nothing at all.
func TestWhatIsNotAskedAbout(t *testing.T) {
	u := &upstream{}
	a := access.New(access.Options{Validator: u, Served: map[edgecore.Environment][]string{"e": nil}})
	for token, want := range map[string]error{
		"":                       access.ErrUnauthorized,
		"garbage":                access.ErrUnauthorized,
		"*:e":                    access.ErrUnauthorized,
		"*:*.admin":              access.ErrUnauthorized,
		"*:elsewhere.x":          access.ErrUncovered,
		"*:e." + longText(1<<20): access.ErrUnauthorized,
	} {
		if _, err := a.Check(t.Context(), home, token, access.Frontend); !errors.Is(err, want) {
			t.Errorf("%.20s: %v, want %v", token, err, want)
		}
	}
	if n := u.asked.Load(); n != 0 {
		t.Errorf("%d questions", n)
	}
}

func longText(n int) string { return strings.Repeat("x", n) }

// Many new tokens are one question, and the next one comes a second later.
func TestQuestionsAreBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		a := access.New(access.Options{Validator: u})
		start := time.Now()
		var asking sync.WaitGroup
		check := func(token string) {
			asking.Go(func() { _, _ = a.Check(t.Context(), home, token, access.Frontend) })
		}
		check("*:e.first")
		synctest.Wait()
		for i := range 150 {
			check(fmt.Sprintf("*:e.%d", i%100))
		}
		asking.Wait()
		if n, took := u.asked.Load(), time.Since(start); n != 2 || took != time.Second {
			t.Errorf("%d calls in %v, want 2 in 1s", n, took)
		}
		known, err := a.Validate(t.Context(), home, []string{"*:e.good", "*:e.1", "*:e.new"})
		if err != nil || known[0] == nil || known[0].Kind != access.Frontend || known[1] != nil || known[2] != nil {
			t.Errorf("%+v %v", known, err)
		}
		if n := u.asked.Load(); n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
		u.down.Store(true)
		if _, err := a.Validate(t.Context(), home, []string{"*:e.good", "*:e.newer"}); !errors.Is(err,
			access.ErrUnavailable) {
			t.Errorf("a part is told as the whole: %v", err)
		}
		if _, err := a.Validate(t.Context(), home, make([]string, access.MaxTokens+1)); err == nil {
			t.Error("too many tokens are taken")
		}
	})
}

// A token of the client API that sees more than is served gets no part that
// looks like the whole.
func TestUncoveredProjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.New(access.Options{
			Validator: &upstream{}, Served: map[edgecore.Environment][]string{"e": {"a", "b"}},
		})
		for token, want := range map[string]error{"a:e.narrow": nil, "*:e.wide": access.ErrUncovered} {
			if _, err := a.Check(t.Context(), home, token, access.Client); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", token, err, want)
			}
		}
		if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); err != nil {
			t.Errorf("a frontend token: %v", err)
		}
	})
}

// A token that the configuration takes for one of the client API may be one of
// the frontend API.
func TestConfiguredTokenOfTheOtherAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token, err := edgecore.ParseToken(secret.New("*:e.good"))
		if err != nil {
			t.Fatal(err)
		}
		u := &upstream{}
		a := access.New(access.Options{Validator: u, Backend: []edgecore.Token{token}})
		u.down.Store(true)
		if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%v", err)
		}
		u.down.Store(false)
		for range 3 {
			if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); err != nil {
				t.Errorf("%v", err)
			}
		}
		if n := u.asked.Load(); n != 2 {
			t.Errorf("%d questions, want 2", n)
		}
	})
}

// A token that was deleted upstream is valid for its hour, and once more while
// upstream is asked.
func TestDeletedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &deleting{}
		a := access.New(access.Options{Validator: v, ValidFor: time.Minute})
		check := func(want error) {
			t.Helper()
			if _, err := a.Check(t.Context(), home, "*:e.good", access.Client); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		check(nil)
		v.deleted.Store(true)
		time.Sleep(59 * time.Second)
		check(nil)
		time.Sleep(2 * time.Second)
		check(nil)
		synctest.Wait()
		check(access.ErrUnauthorized)
		if r := a.Report(); len(r.Tokens) != 0 || r.Unknown != 1 || r.Waiting != 0 {
			t.Errorf("%+v", r)
		}
		v.deleted.Store(false)
		time.Sleep(time.Minute)
		check(nil)
		v.deleted.Store(true)
		time.Sleep(3 * time.Minute) // long out of its time: nothing is answered before upstream answers
		check(access.ErrUnauthorized)
	})
}

// deleting has every token until they are deleted.
type deleting struct{ deleted atomic.Bool }

func (d *deleting) Validate(_ context.Context, tokens []secret.Secret) ([]*access.TokenInfo, error) {
	list := make([]*access.TokenInfo, len(tokens))
	for i := range list {
		if !d.deleted.Load() {
			list[i] = &access.TokenInfo{Kind: access.Client, Scope: access.Scope{Environment: "e"}}
		}
	}
	return list, nil
}

func TestUpstreamSpeaksUnleash(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct{ Tokens []string }
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil || r.URL.Path != "/edge/validate" ||
			len(question.Tokens) != 5 {
			t.Errorf("%s %v %v", r.URL, question, err)
		}
		_, _ = w.Write([]byte(`{"tokens":[
			{"token":"*:e.backend","type":"backend","projects":["*"],"environment":"e"},
			{"token":"[]:e.some","type":"client","projects":["b","a"],"environment":"e"},
			{"token":"*:*.admin","type":"admin","projects":["*"],"environment":"*"},
			{"token":"*:e.never-asked","type":"frontend","projects":["*"],"environment":"e"},
			{"token":"*:e.none","type":"frontend","projects":[],"environment":"e"}]}`))
	}))
	defer server.Close()
	u := access.NewUpstream(server.URL+"/api/", nil, nil)
	scope := func(projects ...string) access.Scope { return access.Scope{Environment: "e", Projects: projects} }
	want := map[string]*access.TokenInfo{
		"*:e.backend": {Kind: access.Client, Scope: scope()},
		"[]:e.some":   {Kind: access.Client, Scope: scope("a", "b")},
		"*:e.none":    {Kind: access.Frontend, Scope: access.Scope{Environment: "e", Projects: []string{}}},
		"*:*.admin":   nil,
		"*:e.unknown": nil,
	}
	tokens := slices.Sorted(maps.Keys(want))
	var secrets []secret.Secret
	for _, token := range tokens {
		secrets = append(secrets, secret.New(token))
	}
	got, err := u.Validate(t.Context(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	for i, token := range tokens {
		if !reflect.DeepEqual(got[i], want[token]) {
			t.Errorf("%s: %+v, want %+v", token, got[i], want[token])
		}
	}
}

// FuzzToken: no token is let in, none panics, none is asked about that does not
// look like one.
func FuzzToken(f *testing.F) {
	for _, token := range []string{
		"", "Bearer ", "bearer *:e.good", ":.", "*:e.", "[]:e.x", "a:b:c.d.e", "*:e.\x00", "\xff:e.x", "*:e.v2_abc_def",
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, header string) {
		v := &recorder{}
		a := access.New(access.Options{Validator: v, Served: map[edgecore.Environment][]string{"e": nil}})
		_, err := a.Check(t.Context(), home, header, access.Client)
		if err == nil {
			t.Fatalf("%q is let in", header)
		}
		for _, token := range v.tokens() {
			parsed, err := edgecore.ParseToken(secret.New(token))
			if err != nil || parsed.Environment != "e" || len(token) > 512 {
				t.Errorf("upstream is asked about %q", token)
			}
		}
	})
}

// recorder has no token, and keeps what it was asked.
type recorder struct {
	mu    sync.Mutex
	asked []string
}

func (r *recorder) Validate(_ context.Context, tokens []secret.Secret) ([]*access.TokenInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range tokens {
		r.asked = append(r.asked, token.Reveal())
	}
	return make([]*access.TokenInfo, len(tokens)), nil
}

func (r *recorder) tokens() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// dotted has one token of an environment with a dot.
type dotted struct{}

func (dotted) Validate(_ context.Context, tokens []secret.Secret) ([]*access.TokenInfo, error) {
	list := make([]*access.TokenInfo, len(tokens))
	for i, token := range tokens {
		switch token.Reveal() {
		case "*:eu.prod.secret":
			list[i] = &access.TokenInfo{Kind: access.Frontend, Scope: access.Scope{Environment: "eu.prod"}}
		case "*:eu.test.secret":
			list[i] = &access.TokenInfo{Kind: access.Frontend, Scope: access.Scope{Environment: "eu.test"}}
		}
	}
	return list, nil
}

// The environment of a token is what upstream names, not what its text looks
// like: an SDK of eu.prod never gets flags of another environment.
func TestEnvironmentThatUpstreamNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.New(access.Options{
			Validator: dotted{}, Served: map[edgecore.Environment][]string{"eu": nil, "eu.prod": nil},
		})
		if scope, err := a.Check(t.Context(), home, "*:eu.prod.secret", access.Frontend); err != nil ||
			scope.Environment != "eu.prod" {
			t.Errorf("%+v %v", scope, err)
		}
		if _, err := a.Check(t.Context(), home, "*:eu.test.secret", access.Frontend); !errors.Is(err,
			access.ErrUncovered) {
			t.Errorf("an environment that is not served: %v", err)
		}
		known, err := a.Validate(t.Context(), home, []string{"*:eu.prod.secret", "*:eu.test.secret"})
		if err != nil || known[0] == nil || known[0].Scope.Environment != "eu.prod" || known[1] != nil {
			t.Errorf("%+v %v", known, err)
		}
	})
}

// TestClose: a question that waits for upstream fails, nothing runs any more, and
// what is known stays known.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.New(access.Options{Validator: &slow{answers: map[string]*access.TokenInfo{
			"*:e.good": {Scope: access.Scope{Environment: "e"}, Kind: access.Frontend},
		}}})
		if _, err := a.Check(t.Context(), netip.Addr{}, "*:e.good", access.Frontend); err != nil {
			t.Fatal(err)
		}
		asked := make(chan error)
		go func() {
			_, err := a.Check(t.Context(), netip.Addr{}, "*:e.slow", access.Frontend)
			asked <- err
		}()
		synctest.Wait()
		began := time.Now()
		a.Close()
		if err := <-asked; !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("the question gave %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %s", took)
		}
		if _, err := a.Check(t.Context(), netip.Addr{}, "*:e.good", access.Frontend); err != nil {
			t.Errorf("a known token gave %v", err)
		}
		_, err := a.Check(t.Context(), netip.Addr{}, "*:e.new", access.Frontend)
		if !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("a new token gave %v", err)
		}
	})
}

// slow answers about its tokens at once, and about others when the call ends.
type slow struct{ answers map[string]*access.TokenInfo }

func (s *slow) Validate(ctx context.Context, tokens []secret.Secret) ([]*access.TokenInfo, error) {
	known := make([]*access.TokenInfo, len(tokens))
	for i, token := range tokens {
		if known[i] = s.answers[token.Reveal()]; known[i] == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return known, nil
}
