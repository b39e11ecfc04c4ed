package publish_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/test/need"
)

// Two Unleash servers are behind one address, and one of them lags. Whatever
// the webhook does, nothing that was published is taken back; a database that
// was restored is accepted in time.
func TestLaggingUpstream(t *testing.T) {
	seed, schedules := need.Seed(t), 200
	if raceDetector {
		schedules = 30
	}
	for i := range schedules {
		synctest.Test(t, func(t *testing.T) { laggingUpstream(t, seed+uint64(i)) })
		if t.Failed() {
			t.Fatalf("FLAGCAST_SEED=%d", seed+uint64(i))
		}
	}
}

// servers answer GET /api/client/features, one at once and one late.
type servers struct {
	mu     sync.Mutex
	random *rand.Rand
	lag    time.Duration
	flips  []time.Time // when each revision from 1 on began
	fixed  int         // revision of a restored database; 0: none
}

func (s *servers) revision(at time.Time) int {
	if s.fixed > 0 {
		return s.fixed
	}
	revision := 1
	for i, begun := range s.flips {
		if !begun.After(at) {
			revision = i + 1
		}
	}
	return revision
}

func (s *servers) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	if s.random.IntN(2) == 0 {
		at = at.Add(-s.lag)
	}
	revision := s.revision(at)
	etag := fmt.Sprintf(`"%d"`, revision)
	response := &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Etag": {etag}, "Content-Type": {"application/json"}},
		Request: r,
	}
	body := flipped(revision)
	if r.Header.Get("If-None-Match") == etag {
		response.StatusCode, body = http.StatusNotModified, ""
	}
	response.Body, response.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return response, nil
}

// flipped has f on in odd revisions, and a variant that differs in each.
func flipped(revision int) string {
	version := fmt.Sprintf(`{"name":"v","enabled":true,"strategies":[],"variants":[{"name":"r%d","weight":1000}]}`,
		revision)
	if revision%2 == 1 {
		return at(revision, flag("f"), version)
	}
	return at(revision, disabled("f"), version)
}

func laggingUpstream(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	s := &servers{
		random: rand.New(rand.NewPCG(seed, 3)), lag: time.Duration(random.IntN(9000)) * time.Millisecond,
		flips: []time.Time{time.Now().Add(-time.Hour)},
	}
	interval := time.Duration(1+random.IntN(15)) * time.Second
	token, err := edgecore.ParseToken(secret.New("*:e.secret"))
	if err != nil {
		t.Fatal(err)
	}
	poll, err := upstream.NewServer(upstream.Options{
		URL: "https://unleash.example", Tokens: []edgecore.Token{token}, Environment: "e", Interval: interval,
		Timeout: time.Second, Base: s, Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.sink.limits.Propagation = 0
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() {
		_ = poll.Run(ctx, func(d *edgecore.Definitions) { w.store.Put(d) })
	})
	stop := w.run(t)
	highest := uint64(0)
	expect := func(pause time.Duration) {
		for end := time.Now().Add(pause); time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if w.sink.has() == "" {
				continue
			}
			revision := w.sink.meta().Revision
			if revision < highest {
				t.Errorf("revision %d is stored after %d, with a lag of %s and an interval of %s", revision, highest,
					s.lag, interval)
			}
			highest = revision // each fault once
		}
	}
	expect(s.lag + interval + time.Second)
	for range 3 + random.IntN(6) {
		s.mu.Lock()
		s.flips = append(s.flips, time.Now())
		s.mu.Unlock()
		for range random.IntN(4) { // Unleash calls the webhook, perhaps often
			expect(time.Duration(random.IntN(1500)) * time.Millisecond)
			poll.Trigger()
		}
		expect(time.Duration(random.IntN(20_000)) * time.Millisecond)
	}
	expect(s.lag + 3*interval + 2*time.Minute)
	if want := uint64(len(s.flips)); w.sink.meta().Revision != want {
		t.Errorf("revision %d is stored, want %d", w.sink.meta().Revision, want)
	}
	s.mu.Lock()
	s.fixed = 1
	s.mu.Unlock()
	highest = 0
	time.Sleep(5*interval + time.Minute)
	if got := w.sink.meta().Revision; got != 1 {
		t.Errorf("the database was restored: revision %d is stored, want 1", got)
	}
	cancel()
	running.Wait()
	stop()
}
