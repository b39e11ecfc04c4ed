package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// config is the configuration for a fake.
func config(server *cloudflaretest.Server) Config {
	c := DefaultConfig()
	c.Account, c.Namespace, c.APIToken, c.Endpoint = server.Account, server.Namespace, secret.New(server.Token),
		server.URL
	return c
}

// quick makes a sink that tries twice and hardly waits in between.
func quick(t *testing.T, c Config) *Sink {
	t.Helper()
	s, err := open(c, httpclient.Options{Attempts: 2, MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Sink) error {
	t.Helper()
	return s.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{"a":1}`), Meta: map[string]string{"seq": "7"}})
}

func TestContract(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	sinktest.Run(t, func(t *testing.T) sinks.Sink {
		s, err := New(config(server), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, sinktest.Options{})
}

func TestLargestValue(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	body := []byte(strings.Repeat("0123456789abcdef", valueBytes/16))
	if err := quick(t, config(server)).Put(t.Context(), sinks.Object{Key: "k", Body: body}); err != nil {
		t.Fatal(err)
	}
	if entry, _ := server.Stored("k"); string(entry.Value) != string(body) {
		t.Errorf("%d bytes are stored, want the %d of the put", len(entry.Value), len(body))
	}
}

func TestMetadataIsOneJSONText(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s := quick(t, config(server))
	want := map[string]string{"seq": "1760000000000", "digest": `a"b é\`}
	if err := s.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("{}"), Meta: want}); err != nil {
		t.Fatal(err)
	}
	entry, _ := server.Stored("k")
	var got map[string]string
	if err := json.Unmarshal([]byte(entry.Metadata), &got); err != nil || !maps.Equal(got, want) {
		t.Errorf("stored metadata is %q (%v), want %v", entry.Metadata, err, want)
	}
	if err := s.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if entry, _ := server.Stored("k"); entry.Metadata != "" {
		t.Errorf("a put without metadata leaves %q", entry.Metadata)
	}
	before := len(server.Calls())
	err := s.Put(t.Context(), sinks.Object{
		Key: "k", Body: []byte("{}"), Meta: map[string]string{"a": strings.Repeat("x", 1024)},
	})
	if !errors.Is(err, sinks.ErrPermanent) ||
		!strings.Contains(err.Error(), "metadata has 1032 bytes as JSON, the limit is 1024") {
		t.Errorf("metadata that is too large gives %v", err)
	}
	if len(server.Calls()) != before {
		t.Error("metadata that is too large has been sent")
	}
}

func TestSendsNothingAboutTheMachine(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	server.Fail(func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		for name := range r.Header {
			if !slices.Contains([]string{
				"Accept", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "User-Agent",
			}, name) {
				t.Errorf("a put sends the header %s: %s", name, r.Header.Get(name))
			}
		}
		serve(w, r)
	})
	if err := put(t, quick(t, config(server))); err != nil {
		t.Error(err)
	}
}

func TestRetriesWhatPasses(t *testing.T) {
	for name, fault := range map[string]cloudflaretest.Fault{
		"rate limit":               cloudflaretest.TooManyRequests("0"),
		"rate limit under 400":     cloudflaretest.Refuse(400, 10022, "too many requests"),
		"internal error":           cloudflaretest.Refuse(500, 10001, "service temporarily unavailable"),
		"gateway":                  cloudflaretest.BadGateway(),
		"reset":                    cloudflaretest.Reset(false),
		"reset after it was done":  cloudflaretest.Reset(true),
		"unavailable with no body": cloudflaretest.Answer(503, ""),
	} {
		t.Run(name, func(t *testing.T) {
			server := cloudflaretest.New(t, cloudflaretest.Options{})
			server.Fail(fault)
			if err := put(t, quick(t, config(server))); err != nil {
				t.Errorf("put: %v", err)
			}
			if entry, _ := server.Stored("k"); string(entry.Value) != `{"a":1}` {
				t.Errorf("stored is %q", entry.Value)
			}
			if n := len(server.Calls()); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
}

// TestErrors covers what a caller decides on and what a person reads.
func TestErrors(t *testing.T) {
	twice := func(f cloudflaretest.Fault) []cloudflaretest.Fault { return []cloudflaretest.Fault{f, f} }
	tests := map[string]struct {
		change func(*Config)
		faults []cloudflaretest.Fault
		kind   error // nil: may pass
		calls  int
		text   []string
	}{
		"wrong token": {
			change: func(c *Config) { c.APIToken = secret.New("another-token") },
			kind:   sinks.ErrPermanent, calls: 1,
			text: []string{
				`put "k": answered 401 Unauthorized, code 10000: Authentication error`, `check api_token`,
				`"Workers KV Storage Write"`, `account "0123456789abcdef0123456789abcdef"`,
			},
		},
		"account of others": {
			change: func(c *Config) { c.Account = strings.Repeat("a", 32) },
			kind:   sinks.ErrPermanent, calls: 1,
			text: []string{"answered 403 Forbidden, code 10000", `account "aaaaaaaa`},
		},
		"no permission": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(400, 10037, "user lacks permissions")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{
				"code 10037: user lacks permissions", "check api_token",
			},
		},
		"namespace that is gone": {
			change: func(c *Config) { c.Namespace = strings.Repeat("b", 32) },
			kind:   sinks.ErrPermanent, calls: 2, text: []string{
				"answered 404 Not Found, code 10013: namespace not found; check namespace \"bbbb",
			},
		},
		"title instead of an id": {
			change: func(c *Config) { c.Namespace = "flags" },
			kind:   sinks.ErrPermanent, calls: 2, text: []string{
				"code 10011", `namespace "flags" looks like a title: the id is needed, 32 hexadecimal digits`,
			},
		},
		"account that is no id": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(400, 7003, "Could not route")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{"code 7003", "check account"},
		},
		"wrong endpoint": {
			change: func(c *Config) { c.Endpoint = strings.TrimSuffix(c.Endpoint, "/v4") },
			kind:   sinks.ErrPermanent, calls: 1, text: []string{"code 10025"},
		},
		"page instead of the API": {
			faults: []cloudflaretest.Fault{cloudflaretest.Answer(404, "<!doctype html>", "Content-Type", "text/html")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{
				"answered 404 Not Found, with a page of 15 bytes that is not from the API", "check endpoint",
			},
		},
		"redirect": {
			faults: []cloudflaretest.Fault{cloudflaretest.Answer(302, "", "Location", "https://login.example/")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{
				"answered 302 Found", "to https://login.example/", "check endpoint",
			},
		},
		"too large for the service": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(413, 10024, "payload too large")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{
				"answered 413 Request Entity Too Large, code 10024", "the object has 7 bytes",
			},
		},
		"bad request": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(400, 10029, "invalid request")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{"code 10029: invalid request"},
		},
		"rate limit": {
			faults: twice(cloudflaretest.TooManyRequests("0")),
			calls:  2, text: []string{
				"answered 429 Too Many Requests, code 10022: too many requests, retry after 0", "1,200 requests",
			},
		},
		"long rate limit": {
			faults: []cloudflaretest.Fault{cloudflaretest.TooManyRequests("300")},
			calls:  1, text: []string{"answered 429", "retry after 300"},
		},
		"rate limit without a time": {
			faults: twice(cloudflaretest.TooManyRequests("")),
			calls:  2, text: []string{
				"answered 429 Too Many Requests, code 10022: too many requests; Workers KV allows",
			},
		},
		"unavailable": {
			faults: twice(cloudflaretest.Answer(503, "<html><h1>Service Unavailable</h1></html>", "Content-Type",
				"text/html")),
			calls: 2, text: []string{
				"answered 503 Service Unavailable, with a page of 41 bytes that is not from the API",
			},
		},
		"internal error": {
			faults: twice(cloudflaretest.Refuse(500, 10001, "service temporarily unavailable")),
			calls:  2, text: []string{
				"answered 500 Internal Server Error, code 10001: service temporarily unavailable",
			},
		},
		"gateway": {
			faults: twice(cloudflaretest.BadGateway()),
			kind:   sinks.ErrAmbiguous, calls: 2, text: []string{
				"answered 502 Bad Gateway, with a page of ", "may have been stored",
			},
		},
		"success is false": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(200, 10001, "service temporarily unavailable")},
			calls:  1, text: []string{
				`answered 200 OK, code 10001: service temporarily unavailable, but "success" is not true`,
			},
		},
		"success is false for a reason": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(200, 10013, "namespace not found")},
			kind:   sinks.ErrPermanent, calls: 2, text: []string{"code 10013", "check namespace"},
		},
		"no envelope": {
			faults: []cloudflaretest.Fault{cloudflaretest.Answer(200, "ok", "Content-Type", "text/plain")},
			kind:   sinks.ErrAmbiguous, calls: 1, text: []string{
				`answered 200 OK, with a body that is not from the API: "ok"`,
			},
		},
		"empty answer": {
			faults: []cloudflaretest.Fault{cloudflaretest.Answer(200, "")},
			kind:   sinks.ErrAmbiguous, calls: 1, text: []string{"answered 200 OK, with nothing in it"},
		},
		"reset": {
			faults: twice(cloudflaretest.Reset(true)),
			kind:   sinks.ErrAmbiguous, calls: 2, text: []string{"EOF", "may have been stored; read it"},
		},
		"half an answer": {
			faults: []cloudflaretest.Fault{cloudflaretest.CutShort()},
			kind:   sinks.ErrAmbiguous, calls: 1, text: []string{"answered 200 OK, and the answer ends early"},
		},
		"token repeated by the service": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(400, 1, "token-that-must-not-leak is odd")},
			kind:   sinks.ErrPermanent, calls: 1, text: []string{"code 1: [redacted] is odd"},
		},
		"a short token": {
			faults: []cloudflaretest.Fault{cloudflaretest.Refuse(400, 1, "the token x of a proxy is odd")},
			change: func(c *Config) { c.APIToken = secret.New("x") },
			kind:   sinks.ErrPermanent, calls: 1, text: []string{"the token [redacted] of a proxy is odd"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := cloudflaretest.New(t, cloudflaretest.Options{})
			server.Fail(tt.faults...)
			c := config(server)
			if tt.change != nil {
				tt.change(&c)
			}
			err := put(t, quick(t, c))
			if err == nil {
				t.Fatal("the put succeeds")
			}
			for _, kind := range []error{sinks.ErrPermanent, sinks.ErrAmbiguous, sinks.ErrNotFound} {
				if errors.Is(err, kind) != errors.Is(tt.kind, kind) {
					t.Errorf("errors.Is(err, %q) is %v: %v", kind, errors.Is(err, kind), err)
				}
			}
			for _, part := range append(tt.text, `cloudflare: put "k": `) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			for _, part := range tt.text {
				if strings.HasPrefix(part, "check ") && !strings.HasPrefix(sinks.Hint(err), part) {
					t.Errorf("the hint is %q: %v", sinks.Hint(err), err)
				}
			}
			for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
				if strings.Contains(shown, server.Token) || strings.Contains(shown, "another-token") {
					t.Errorf("the token is in %q", shown)
				}
			}
			if n := len(server.Calls()); n != tt.calls {
				t.Errorf("%d requests, want %d", n, tt.calls)
			}
		})
	}
}

func TestTooLargeForTheService(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	server.Fail(cloudflaretest.Answer(413, "<html></html>"))
	var large *sinks.TooLargeError
	if err := put(t, quick(t, config(server))); !errors.As(err, &large) || large.Size != 7 || large.Limit != 25<<20 {
		t.Errorf("got %v", err)
	}
}

func TestGetTellsAbsentFromFailed(t *testing.T) {
	for name, fault := range map[string]cloudflaretest.Fault{
		"namespace gone": cloudflaretest.Refuse(404, 10013, "namespace not found"),
		"another 404":    cloudflaretest.Answer(404, "not here"),
		"empty 404":      cloudflaretest.Answer(404, ""),
		"forbidden":      cloudflaretest.Refuse(403, 10000, "Authentication error"),
		"gateway":        cloudflaretest.BadGateway(),
		"no content":     cloudflaretest.Answer(204, ""),
	} {
		server := cloudflaretest.New(t, cloudflaretest.Options{})
		server.Fail(fault, fault)
		body, err := quick(t, config(server)).Get(t.Context(), "k")
		if err == nil || errors.Is(err, sinks.ErrNotFound) ||
			!strings.HasPrefix(err.Error(), `cloudflare: get "k": answered `) {
			t.Errorf("%s: %q, %v", name, body, err)
		}
	}
}

func TestGetOfHalfAValue(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s := quick(t, config(server))
	if err := put(t, s); err != nil {
		t.Fatal(err)
	}
	server.Fail(cloudflaretest.CutShort())
	if body, err := s.Get(t.Context(), "k"); err == nil ||
		!strings.Contains(err.Error(), "read the answer: unexpected EOF") {
		t.Errorf("got %q, %v", body, err)
	}
}

// TestContextEndsDuringAPut: what has been sent may have been stored.
func TestContextEndsDuringAPut(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	arrived := make(chan struct{})
	server.Fail(cloudflaretest.Stall(true, arrived, nil))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	err := quick(t, config(server)).Put(ctx, sinks.Object{Key: "k", Body: []byte("{}")})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, sinks.ErrAmbiguous) {
		t.Errorf("got %v", err)
	}
}

// TestUnreachable: what has not been sent has not been stored.
func TestUnreachable(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	c := config(server)
	c.Endpoint = "http://127.0.0.1:1/client/v4"
	err := put(t, quick(t, c))
	if err == nil || errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(fmt.Sprint(err),
		`connection refused; check that this machine reaches "http://127.0.0.1:1/client/v4"`) {
		t.Errorf("%v does not say what to do", err)
	}
}

func TestWritePaceOfTheService(t *testing.T) {
	now := time.Unix(0, 0)
	server := cloudflaretest.New(t, cloudflaretest.Options{Now: func() time.Time { return now }})
	s := quick(t, config(server))
	if err := put(t, s); err != nil {
		t.Fatal(err)
	}
	if err := put(t, s); err == nil || errors.Is(err, sinks.ErrPermanent) ||
		!strings.Contains(err.Error(), "one write of a key per second") {
		t.Errorf("a second write within a second gives %v", err)
	}
	now = now.Add(s.Limits().WritePace)
	if err := put(t, s); err != nil {
		t.Errorf("a write after Limits().WritePace gives %v", err)
	}
}
