package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/secret"
)

// upstream knows one token, and counts the questions.
type upstream struct {
	asked atomic.Int32
	down  atomic.Bool
}

func (u *upstream) Validate(_ context.Context, token secret.Secret) (access.Known, bool, error) {
	u.asked.Add(1)
	if u.down.Load() {
		return access.Known{}, false, errors.New("connection refused")
	}
	ok := token.Reveal() == "*:e.good"
	return access.Known{Kind: access.Frontend, Scope: access.Scope{Environment: "e"}}, ok, nil
}

func TestUnknownTokensAreAskedAboutOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		a := access.New(access.Options{Validator: u})
		check := func(token string, kind access.Kind, want error) {
			t.Helper()
			if _, err := a.Check(t.Context(), token, kind); !errors.Is(err, want) {
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
		check("*:e.good", access.Frontend, nil) // last good stands
		check("*:e.new", access.Frontend, access.ErrUnavailable)
		u.down.Store(false)
		check("*:e.new", access.Frontend, access.ErrUnauthorized)
	})
}

func TestManyGarbageTokensAreForgotten(t *testing.T) {
	a := access.New(access.Options{Validator: &upstream{}})
	for i := range 25_000 {
		if _, err := a.Check(t.Context(), fmt.Sprintf("*:e.garbage%d", i), access.Frontend); !errors.Is(err, access.ErrUnauthorized) {
			t.Fatal(err)
		}
	}
	if _, err := a.Check(t.Context(), "*:e.good", access.Frontend); err != nil {
		t.Error(err)
	}
}

func TestUpstreamSpeaksUnleash(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct{ Tokens []string }
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil || r.URL.Path != "/edge/validate" || len(question.Tokens) != 1 {
			t.Errorf("%s %v %v", r.URL, question, err)
		}
		answers := map[string]string{
			"*:e.backend": `{"tokens":[{"token":"*:e.backend","type":"backend","projects":["*"],"environment":"e"}]}`,
			"[]:e.some":   `{"tokens":[{"token":"[]:e.some","type":"client","projects":["b","a"],"environment":"e"}]}`,
			"*:*.admin":   `{"tokens":[{"token":"*:*.admin","type":"admin","projects":["*"],"environment":"*"}]}`,
			"*:e.none":    `{"tokens":[{"token":"*:e.none","type":"frontend","projects":[],"environment":"e"}]}`,
		}
		answer, ok := answers[question.Tokens[0]]
		if !ok {
			answer = `{"tokens":[]}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	u := access.NewUpstream(server.URL+"/api/", nil, nil)
	for token, want := range map[string]access.Known{
		"*:e.backend": {Kind: access.Client, Scope: access.Scope{Environment: "e"}},
		"[]:e.some":   {Kind: access.Client, Scope: access.Scope{Environment: "e", Projects: []string{"a", "b"}}},
		"*:e.none":    {Kind: access.Frontend, Scope: access.Scope{Environment: "e", Projects: []string{}}},
	} {
		if got, ok, err := u.Validate(t.Context(), secret.New(token)); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, %v", token, got, ok, err)
		}
	}
	for _, token := range []string{"*:*.admin", "*:e.unknown"} {
		if _, ok, err := u.Validate(t.Context(), secret.New(token)); ok || err != nil {
			t.Errorf("%s: %v, %v", token, ok, err)
		}
	}
}
