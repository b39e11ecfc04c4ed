package notify_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// switchboard is the service of a healthcheck.
type switchboard struct {
	calls  atomic.Int32
	status atomic.Int32 // 0: no answer
}

func (s *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	if s.status.Load() == 0 || r.Method != http.MethodGet || r.URL.Path != "/"+mark {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(int(s.status.Load()))
}

func healthcheck(s *switchboard, log *bytes.Buffer, well func() error) *notify.Healthcheck {
	s.status.Store(200)
	return notify.NewHealthcheck(notify.HealthcheckOptions{
		URL: secret.New("https://hc.test/" + mark), Interval: time.Minute, Well: well,
		Base: sinktest.Transport(s), Log: slog.New(slog.NewTextHandler(log, nil)),
	})
}

func TestHealthcheckIsSilentInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var s switchboard
		troubles := notify.NewProblems()
		h := healthcheck(&s, &log, troubles.Err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		expect := func(when string, calls int32) {
			t.Helper()
			time.Sleep(10*time.Minute + time.Second)
			if n := s.calls.Swap(0); n != calls {
				t.Errorf("%s: %d calls in ten minutes, want %d", when, n, calls)
			}
		}
		expect("well", 10)
		troubles.Event(publish.Event{Kind: publish.Failed, Target: "a"})
		troubles.Event(publish.Event{Kind: publish.Held, Target: "b"})
		expect("two targets in trouble", 0)
		troubles.Event(publish.Event{Kind: publish.Recovered, Target: "a"})
		expect("one target in trouble", 0)
		troubles.Event(publish.Event{Kind: publish.Recovered, Target: "b"})
		troubles.Event(publish.Event{Kind: publish.Published, Target: "b"})
		expect("well again", 10)
		s.status.Store(404)
		expect("refused", 10)
		s.status.Store(0)
		expect("no answer", 30) // three attempts each
		s.status.Store(200)
		expect("answered again", 10)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, part := range []string{
			"keeps silent", "msg=\"cannot notify\"", "HTTP 404 Not Found",
			"msg=\"notifies again\" receiver=\"the healthcheck\"",
		} {
			if strings.Count(log.String(), part) != 1 {
				t.Errorf("%q is not in the log once:\n%s", part, &log)
			}
		}
		if strings.Contains(log.String(), mark) {
			t.Errorf("the log holds the URL:\n%s", &log)
		}
	})
}

func TestHealthcheckOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s switchboard
		h := healthcheck(&s, &bytes.Buffer{}, nil)
		if err := h.Once(t.Context()); err != nil || s.calls.Load() != 1 {
			t.Errorf("%v, %d calls", err, s.calls.Load())
		}
		s.status.Store(0)
		if err := h.Once(t.Context()); err == nil || strings.Contains(err.Error(), mark) {
			t.Errorf("no answer: %v", err)
		}
	})
}

func TestListenersAreAllCalled(t *testing.T) {
	first, second := notify.NewProblems(), notify.NewProblems()
	notify.Listeners{first, second}.Event(publish.Event{Kind: publish.Held, Target: "t"})
	for i, l := range []*notify.Problems{first, second} {
		if err := l.Err(); err == nil || err.Error() != `target "t": held` {
			t.Errorf("listener %d knows %v", i, err)
		}
	}
}
