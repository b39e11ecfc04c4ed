package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
)

func TestPutBatchGivesUp(t *testing.T) {
	partly := cloudflaretest.Partly(false, "flags-1", "a key that nobody has sent")
	tests := map[string]struct {
		faults  []cloudflaretest.Fault
		timeout time.Duration
		calls   int
		text    string
		is      error
	}{
		"after three times": {
			[]cloudflaretest.Fault{partly, partly, partly},
			time.Hour, 3,
			"reported the key as unsuccessful after 3 attempts", nil,
		},
		"with the context": {
			[]cloudflaretest.Fault{partly, partly, partly},
			1500 * time.Millisecond, 2,
			"deadline exceeded", context.DeadlineExceeded,
		},
		"for another reason": {[]cloudflaretest.Fault{
			partly, cloudflaretest.Refuse(403, 10000, "Authentication error"),
		}, time.Hour, 2, "check api_token", sinks.ErrPermanent},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := cloudflaretest.New(t, cloudflaretest.Options{})
			server.Fail(tt.faults...)
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				errs := inMemory(t, server).PutBatch(ctx, objects(3, 100))
				if errs[0] != nil || errs[2] != nil {
					t.Errorf("what was written answers %v, %v", errs[0], errs[2])
				}
				err := errs[1]
				if !errors.Is(err, sinks.ErrAmbiguous) || tt.is != nil && !errors.Is(err, tt.is) ||
					!strings.HasPrefix(fmt.Sprint(err), `cloudflare: put "flags-1": `) ||
					!strings.Contains(err.Error(), tt.text) {
					t.Errorf("what was not written answers %v", err)
				}
				if n := len(server.Calls()); n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
			})
		})
	}
}

// TestBatchErrors: what one call meets, each of its objects gets.
func TestBatchErrors(t *testing.T) {
	html := cloudflaretest.Answer(503, "<html></html>", "Content-Type", "text/html")
	tests := map[string]struct {
		fault cloudflaretest.Fault
		calls int
		put   error // beside what may pass
		get   error
		text  string
	}{
		"rate limit": {
			cloudflaretest.TooManyRequests("1"), 2, nil, nil,
			"retry after 1; Workers KV allows",
		},
		"rate limit without a time": {cloudflaretest.TooManyRequests(""), 2, nil, nil, "answered 429"},
		"long rate limit":           {cloudflaretest.TooManyRequests("300"), 1, nil, nil, "retry after 300"},
		"internal error": {
			cloudflaretest.Refuse(500, 10001, "service temporarily unavailable"), 2, nil, nil,
			"code 10001",
		},
		"gateway": {
			cloudflaretest.BadGateway(), 2, sinks.ErrAmbiguous, nil,
			"answered 502 Bad Gateway, with a page",
		},
		"unavailable":             {html, 2, nil, nil, "answered 503 Service Unavailable, with a page"},
		"reset":                   {cloudflaretest.Reset(false), 2, sinks.ErrAmbiguous, nil, "EOF"},
		"reset after it was done": {cloudflaretest.Reset(true), 2, sinks.ErrAmbiguous, nil, "EOF"},
		"success is false": {
			cloudflaretest.Refuse(200, 10001, "service temporarily unavailable"), 1, nil, nil,
			`but "success" is not true`,
		},
		"no envelope":  {cloudflaretest.Answer(200, "ok"), 1, sinks.ErrAmbiguous, nil, "not from the API"},
		"empty answer": {cloudflaretest.Answer(200, ""), 1, sinks.ErrAmbiguous, nil, "with nothing in it"},
		"no permission": {
			cloudflaretest.Refuse(403, 10000, "Authentication error"), 1, sinks.ErrPermanent,
			sinks.ErrPermanent, "check api_token",
		},
		"bad request": {
			cloudflaretest.Refuse(400, 10029, "invalid request"), 1, sinks.ErrPermanent,
			sinks.ErrPermanent, "code 10029",
		},
		"expired token": {
			cloudflaretest.Refuse(401, 10000, "Authentication error"), 1, sinks.ErrPermanent,
			sinks.ErrPermanent, "must not have expired",
		},
	}
	for name, tt := range tests {
		for verb, kind := range map[string]error{"put": tt.put, "get": tt.get} {
			t.Run(name+", "+verb, func(t *testing.T) {
				server := cloudflaretest.New(t, cloudflaretest.Options{})
				server.Fail(tt.fault, tt.fault)
				synctest.Test(t, func(t *testing.T) {
					s, list := inMemory(t, server), objects(3, 100)
					var errs []error
					if verb == "put" {
						errs = s.PutBatch(t.Context(), list)
					} else {
						_, errs = s.GetBatch(t.Context(), keysOf(list))
					}
					for i, err := range errs {
						for _, k := range []error{sinks.ErrPermanent, sinks.ErrAmbiguous, sinks.ErrNotFound} {
							if errors.Is(err, k) != errors.Is(kind, k) {
								t.Errorf("errors.Is(err, %q) is %v: %v", k, errors.Is(err, k), err)
							}
						}
						prefix := fmt.Sprintf("cloudflare: %s %q and 2 more: ", verb, list[i].Key)
						if text := fmt.Sprint(err); !strings.HasPrefix(text, prefix) ||
							!strings.Contains(text, tt.text) || strings.Contains(text, server.Token) {
							t.Errorf("got %q, want %q … %q", text, prefix, tt.text)
						}
					}
					if n := len(server.Calls()); n != tt.calls {
						t.Errorf("%d calls, want %d", n, tt.calls)
					}
				})
			})
		}
	}
}

// TestPutBatchTooLargeOnTheWay: a proxy may take less than the service.
func TestPutBatchTooLargeOnTheWay(t *testing.T) {
	large := cloudflaretest.Answer(413, "<html>413 Request Entity Too Large</html>", "Content-Type", "text/html")
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s, list := inMemory(t, server), objects(5, 100)
	server.Fail(large, large) // five objects, then three of them
	if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Calls()); n != 5 {
		t.Errorf("%d calls, want 5: 5, 3, 2, 1 and 2 objects", n)
	}
	server.Fail(large, large)
	errs := s.PutBatch(t.Context(), list[:2])
	var refused *sinks.TooLargeError
	if !errors.As(errs[0], &refused) || refused.Size != len(list[0].Body) || errs[1] != nil {
		t.Errorf("got %v", errs)
	}
}

// TestTimeOuts of every attempt, before and after the service has done it.
func TestTimeOuts(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d objects, applied %v", n, applied), func(t *testing.T) {
				server := cloudflaretest.New(t, cloudflaretest.Options{})
				stall := cloudflaretest.Stall(applied, nil, nil)
				server.Fail(stall, stall)
				synctest.Test(t, func(t *testing.T) {
					s, list, start := inMemory(t, server), objects(n, 100), time.Now()
					for i, err := range sinks.PutAll(t.Context(), s, list) {
						if !errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) {
							t.Errorf("put: %v", err)
						}
						if _, ok := server.Stored(string(list[i].Key)); ok != applied {
							t.Errorf("%q is stored: %v", list[i].Key, ok)
						}
					}
					want := 2 * s.config.Timeout
					if n > 1 {
						want *= 2
					}
					if took := time.Since(start); took < want || took > want+time.Minute/10 {
						t.Errorf("two attempts took %s, want %s and a pause", took, want)
					}
					server.Fail(stall, stall)
					_, errs := sinks.GetAll(t.Context(), s, keysOf(list))
					for _, err := range errs {
						if err == nil || errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) ||
							errors.Is(err, sinks.ErrNotFound) {
							t.Errorf("get: %v", err)
						}
					}
				})
			})
		}
	}
}

func TestPutBatchOfAnEndedContext(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server.Fail(cloudflaretest.Stall(false, nil, nil))
		list := objects(10_001, 10) // two calls
		errs := inMemory(t, server).PutBatch(ctx, list)
		if !errors.Is(errs[0], context.DeadlineExceeded) || !errors.Is(errs[0], sinks.ErrAmbiguous) {
			t.Errorf("what was sent answers %v", errs[0])
		}
		if last := errs[10_000]; !errors.Is(last, context.DeadlineExceeded) || errors.Is(last, sinks.ErrAmbiguous) ||
			!strings.HasSuffix(last.Error(), `: nothing was sent: context deadline exceeded`) {
			t.Errorf("what was not sent answers %v", last)
		}
		if n := len(server.Calls()); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}
