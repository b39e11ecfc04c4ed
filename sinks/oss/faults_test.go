package oss_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/sinks/oss/osstest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// The service's Retry-After decides the pause, and one that is too long ends
// the attempts: the publisher comes back later.
func TestRetryAfter(t *testing.T) {
	for after, want := range map[string]struct {
		attempts int
		pause    time.Duration
	}{"4": {2, 4 * time.Second}, "3600": {1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			sink, server := setup(t, nil)
			server.Fail(1, osstest.Fault{Status: 503, Code: "QpsLimitExceeded", RetryAfter: after})
			began := time.Now()
			err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
			if (err == nil) != (want.attempts == 2) || errors.Is(err, sinks.ErrPermanent) {
				t.Errorf("Retry-After %s: %v", after, err)
			}
			if got := server.Calls("PUT"); got != want.attempts || time.Since(began) != want.pause {
				t.Errorf("Retry-After %s: %d attempts in %s", after, got, time.Since(began))
			}
		})
	}
}

// late lets requests reach the service, and never answers.
type late struct{ base http.RoundTripper }

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestTimeoutAfterThePut: the object is stored, and the sink does not know. An
// immutable one that a first attempt has stored is found by the next put.
func TestTimeoutAfterThePut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config, options := settings()
		server := osstest.New(options)
		open := func(base http.RoundTripper) *oss.Sink {
			sink, err := oss.New(config, base)
			if err != nil {
				t.Fatal(err)
			}
			return sink
		}
		object := sinks.Object{Key: "k", Body: []byte("v"), Immutable: true}
		err := open(late{sinktest.Transport(server)}).Put(t.Context(), object)
		if !errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put answers %v", err)
		}
		if stored(server, "k") != "v" {
			t.Error("the object is not stored")
		}
		if err := open(sinktest.Transport(server)).Put(t.Context(), object); err != nil {
			t.Error(err)
		}
	})
}

// A put that lands after a later one replaces it: the sink cannot see that, but
// it has said that the outcome is unknown. An immutable object stays.
func TestPutThatLandsLate(t *testing.T) {
	for want, immutable := range map[string]bool{"old": false, "new": true} {
		synctest.Test(t, func(t *testing.T) {
			sink, server := setup(t, nil)
			server.Fail(4, osstest.Fault{Late: true})
			object := sinks.Object{Key: "k", Body: []byte("old"), Immutable: immutable}
			if err := sink.Put(t.Context(), object); !errors.Is(err, sinks.ErrAmbiguous) {
				t.Errorf("put answers %v", err)
			}
			put(t, sink, "k", "new")
			server.Land()
			if got := stored(server, "k"); got != want {
				t.Errorf("immutable %t: stored is %q, want %q", immutable, got, want)
			}
		})
	}
}
