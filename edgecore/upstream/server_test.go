package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
)

const (
	allToken = "*:production.all-secret"
	aToken   = "a:production.a-secret"
	bToken   = "b:production.b-secret"
)

// server is an Unleash server as a round tripper, so that time can be fake.
type server struct {
	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by token
	asked   []*http.Request
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	answer := s.answers[r.Header.Get("Authorization")]
	s.mu.Unlock()
	if answer == nil {
		answer = status(http.StatusUnauthorized)
	}
	recorder := httptest.NewRecorder()
	answer(recorder, r)
	response := recorder.Result()
	response.Request = r
	return response, nil
}

func (s *server) set(token string, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[token] = answer
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// flags answers as Unleash does, "name@project" for each flag.
func flags(revision int, names ...string) http.HandlerFunc {
	var features []string
	for _, name := range names {
		name, project, _ := strings.Cut(name, "@")
		features = append(features, fmt.Sprintf(`{"name":%q,"project":%q,"enabled":true,"strategies":[]}`, name,
			project))
	}
	body := fmt.Sprintf(
		`{"version":2,"features":[%s],"segments":[],"query":{"environment":"production","project":["a","b"]},`+
			`"meta":{"revisionId":%d}}`, strings.Join(features, ","), revision)
	etag := fmt.Sprintf(`"x:%d:v1"`, revision)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// follower runs a poll and keeps what it delivers.
type follower struct {
	*upstream.Server
	mu        sync.Mutex
	delivered [][]string
	revisions []uint64
	log       bytes.Buffer
}

func follow(t *testing.T, s http.RoundTripper, tokens ...string) *follower {
	t.Helper()
	f := &follower{}
	o := upstream.Options{
		URL: "https://unleash.example/api/", Environment: "production", Interval: 15 * time.Second,
		Timeout: 5 * time.Second,
		Base:    s, Version: "test", IsFrontend: isFrontend, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	for _, text := range tokens {
		token, err := edgecore.ParseToken(secret.New(text))
		if err != nil {
			t.Fatal(err)
		}
		o.Tokens = append(o.Tokens, token)
	}
	var err error
	if f.Server, err = upstream.NewServer(o); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *follower) deliver(d *edgecore.Definitions) {
	var names []string
	for _, feature := range d.Features {
		names = append(names, feature.Name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered = append(f.delivered, names)
	f.revisions = append(f.revisions, d.Revision)
}

func (f *follower) expect(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []string
	for _, names := range f.delivered {
		got = append(got, strings.Join(names, " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivered (-want +got)\n%s\n%s", diff, f.log.String())
	}
}

// polling runs a test with fake time and a running poll.
func polling(t *testing.T, tokens []string, s *server, test func(t *testing.T, f *follower)) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, s, tokens...)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx, f.deliver) }()
		synctest.Wait()
		test(t, f)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		for _, text := range tokens {
			_, hidden, _ := strings.Cut(text, ".")
			if strings.Contains(f.log.String(), hidden) {
				t.Errorf("the log shows a secret:\n%s", f.log.String())
			}
		}
	})
}

func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestPollFollowsChanges(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{allToken: flags(1, "x@a")}}
	polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
		later(5 * time.Minute)
		if n := s.count(); n < 18 || n > 24 {
			t.Errorf("%d requests in five minutes, every 15 s", n)
		}
		s.set(allToken, flags(2, "x@a", "y@b"))
		later(20 * time.Second)
		s.set(allToken, flags(3, "y@b"))
		later(20 * time.Second)
		f.expect(t, "x", "x y", "y")
		// The one that has brought the last change; by then there may be another.
		r := s.asked[len(s.asked)-1]
		if r.Header.Get("If-None-Match") == `"x:3:v1"` {
			r = s.asked[len(s.asked)-2]
		}
		for name, want := range map[string]string{
			"If-None-Match": `"x:2:v1"`, "Unleash-Client-Spec": "6.1.0", "Unleash-Appname": "flagcast",
			"Unleash-Interval": "15000", "User-Agent": "flagcast/test",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if r.URL.String() != "https://unleash.example/api/client/features" {
			t.Errorf("asked %s", r.URL)
		}
	})
}

func TestPollMergesTokensByProject(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{aToken: flags(1, "x@a", "y@a"), bToken: status(503)}}
	polling(t, []string{aToken, bToken}, s, func(t *testing.T, f *follower) {
		later(time.Minute)
		f.expect(t) // half of the flags would turn the others off
		s.set(bToken, flags(1, "z@b"))
		later(10 * time.Minute)
		f.expect(t, "x y z")
		s.set(aToken, flags(2, "y@a"))
		later(time.Minute)
		f.expect(t, "x y z", "y z")
		// One token fails: what it has seen stays, the other goes on.
		s.set(aToken, status(500))
		s.set(bToken, flags(3, "z@b", "zz@b"))
		later(10 * time.Minute)
		f.expect(t, "x y z", "y z", "y z zz")
	})
}

func TestPollNewerTokenDecidesAboutItsProject(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{allToken: flags(1, "x@a", "z@b"), aToken: flags(2, "y@a")}}
	polling(t, []string{allToken, aToken}, s, func(t *testing.T, f *follower) {
		f.expect(t, "y z")
		if f.revisions[0] != 2 {
			t.Errorf("revision %d, want the highest", f.revisions[0])
		}
	})
}

func TestPollKeepsTheLastGood(t *testing.T) {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<html>sign in</html>"))
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"401": {
			status(401),
			"401 Unauthorized: upstream does not know token 1 (project *, environment production)",
		},
		"403": {status(403), "is it a frontend token? A backend (client) token is needed"},
		"404": {status(404), "is upstream.url the address of Unleash, without /api?"},
		"302": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		}, `redirects to \"/login\"`},
		"500":          {status(500), "500 Internal Server Error"},
		"a login page": {html, "a login page or a proxy seems to answer"},
		"half a body": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"features":[{"name`))
		}, "the answer seems to be cut off"},
		"another shape": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"toggles":[]}`))
		}, `\"features\" must be a list of flags, it is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{answers: map[string]http.HandlerFunc{allToken: flags(1, "x@a")}}
			polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
				s.set(allToken, tc.answer)
				later(time.Minute)
				if f.Status().Err == nil || f.Status().Failures == 0 {
					t.Errorf("status %+v", f.Status())
				}
				f.expect(t, "x")
				if !strings.Contains(f.log.String(), tc.says) ||
					!strings.Contains(f.log.String(), "serving the last good flags") {
					t.Errorf("the log does not say %q:\n%s", tc.says, f.log.String())
				}
				if lines := strings.Count(f.log.String(), "level=ERROR"); lines != 1 {
					t.Errorf("%d lines for one fault:\n%s", lines, f.log.String())
				}
				s.set(allToken, flags(2, "y@a"))
				later(11 * time.Minute)
				f.expect(t, "x", "y")
				if !strings.Contains(f.log.String(), "upstream answers again") || f.Status().Err != nil {
					t.Errorf("the recovery is not told: %+v\n%s", f.Status(), f.log.String())
				}
			})
		})
	}
}

func TestPollBacksOffAndHonoursRetryAfter(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{allToken: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	}}}
	polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
		later(110 * time.Second)
		if n := s.count(); n != 1 {
			t.Errorf("%d requests within the time to wait, want 1", n)
		}
	})
}

// An upstream that starts after us is followed soon; one that stays away is asked
// every interval until it has answered once, and less and less after that.
func TestPollWaitsForTheFirstAnswer(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{allToken: status(503)}}
	polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
		later(5 * time.Second)
		s.set(allToken, flags(1, "x@a"))
		later(5 * time.Second)
		f.expect(t, "x")
	})
	s = &server{answers: map[string]http.HandlerFunc{allToken: status(500)}}
	polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
		later(time.Hour)
		if n := s.count(); n < 200 || n > 280*2 { // each may be tried twice
			t.Errorf("%d requests in an hour, every 15 s", n)
		}
		s.set(allToken, flags(1, "x@a"))
		later(20 * time.Second)
		f.expect(t, "x")
		s.set(allToken, status(500))
		before := s.count()
		later(time.Hour)
		if n := s.count() - before; n > 2*30 {
			t.Errorf("%d requests in an hour of failures", n)
		}
	})
}

func TestPollOneMalformedFlagSpoilsNoOther(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{allToken: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(
			[]byte(`{"features":[{"name":"x","enabled":true,"strategies":[]},{"name":"y","enabled":"?"},7]}`))
	}}}
	polling(t, []string{allToken}, s, func(t *testing.T, f *follower) { f.expect(t, "x") })
}

// Over a real socket: compressed bodies, and one that ends before its length.
func TestPollOverHTTP(t *testing.T) {
	var mu sync.Mutex
	cut := false
	serve := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if cut {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"features":[`))
			return
		}
		if !slices.Contains(r.Header["Accept-Encoding"], "gzip") {
			t.Errorf("Accept-Encoding: %q", r.Header["Accept-Encoding"])
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(`{"features":[{"name":"x","enabled":true,"strategies":[]}]}`))
		_ = z.Close()
	}))
	defer serve.Close()
	token, _ := edgecore.ParseToken(secret.New(allToken))
	poll, err := upstream.NewServer(upstream.Options{
		URL: serve.URL, Tokens: []edgecore.Token{token}, Environment: "production",
		Interval: time.Millisecond, Timeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	delivered := make(chan *edgecore.Definitions, 1)
	done := make(chan error)
	go func() { done <- poll.Run(ctx, func(d *edgecore.Definitions) { delivered <- d }) }()
	if d := <-delivered; len(d.Features) != 1 {
		t.Errorf("delivered %+v", d)
	}
	mu.Lock()
	cut = true
	mu.Unlock()
	for poll.Status().Err == nil {
		if ctx.Err() != nil {
			t.Fatal("the cut body is not noticed")
		}
	}
	if text := poll.Status().Err.Error(); !strings.Contains(text, "broke off after 13 bytes") {
		t.Errorf("the error does not tell: %s", text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNewServerRefuses(t *testing.T) {
	token, _ := edgecore.ParseToken(secret.New(allToken))
	for _, address := range []string{"", "unleash.example", "ftp://unleash.example", "http://"} {
		if _, err := upstream.NewServer(upstream.Options{URL: address, Tokens: []edgecore.Token{token}}); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
}
