package edgekv_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// The service's Retry-After decides the pause, and one that is too long ends
// the attempts: the publisher comes back later.
func TestRetryAfter(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		for _, status := range []int{429, 503} {
			for after, want := range map[string]struct {
				attempts int
				pause    time.Duration
			}{"4": {2, 4 * time.Second}, "3600": {1, 0}} {
				sink, server := setup(t, a.product, nil)
				server.Fail(1, edgekvtest.Fault{Status: status, Code: "TooQuickRequests", RetryAfter: after})
				began := time.Now()
				err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
				if (err == nil) != (want.attempts == 2) || errors.Is(err, sinks.ErrPermanent) {
					t.Errorf("%d, Retry-After %s: %v", status, after, err)
				}
				if got := server.Calls(a.put); got != want.attempts || time.Since(began) != want.pause {
					t.Errorf("%d, Retry-After %s: %d attempts in %s", status, after, got, time.Since(began))
				}
			}
		}
	})
}

// late lets requests reach the service, or not, and never answers.
type late struct {
	base    http.RoundTripper
	applied bool
}

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.applied {
		response, err := l.base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = response.Body.Close()
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A time-out leaves open what became of the put, before and after it was
// applied; a read is just late.
func TestTimeouts(t *testing.T) {
	for _, a := range dialects {
		for name, applied := range map[string]bool{"before": false, "after": true} {
			t.Run(a.product+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := edgekvtest.New(edgekvtest.Options{
						Product: a.product, AccessKeyID: testID, AccessKeySecret: testSecret,
						Namespaces: []string{"flags"},
					})
					config := valid()
					config.Product = a.product
					config.Credentials.AccessKeyID, config.Credentials.AccessKeySecret = testID, secret.New(testSecret)
					sink, err := edgekv.New(config, late{sinktest.Transport(server), applied})
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					err = sink.Put(ctx, sinks.Object{Key: "k", Body: []byte("v")})
					if !errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) ||
						!errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("put answers %v", err)
					}
					if _, stored := server.Value("flags", "k"); stored != applied {
						t.Errorf("stored: %t", stored)
					}
					for i, err := range sink.PutBatch(ctx, many(2, 1)) {
						if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sinks.ErrAmbiguous) {
							t.Errorf("object %d of a batch after the deadline: %v", i, err)
						}
					}
					fresh, stop := context.WithTimeout(t.Context(), time.Second)
					defer stop()
					if _, err = sink.Get(fresh, "k"); !errors.Is(err, context.DeadlineExceeded) ||
						errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrNotFound) {
						t.Errorf("get answers %v", err)
					}
				})
			})
		}
	}
}

// A put that lands after a later one replaces it: the sink cannot see that, but
// it has said that the outcome is unknown.
func TestPutThatLandsLate(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, nil)
		server.Fail(4, edgekvtest.Fault{Late: true})
		if err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("old")}); !errors.Is(err,
			sinks.ErrAmbiguous) {
			t.Errorf("put answers %v", err)
		}
		if _, err := sink.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
			t.Errorf("before it lands: %v", err)
		}
		put(t, sink, "k", "new")
		server.Land()
		if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != "old" {
			t.Errorf("after it has landed: %q and %v", got, err)
		}
	})
}
