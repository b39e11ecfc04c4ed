package cloudflare

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
)

func TestQuotaHeaders(t *testing.T) {
	tests := map[string]struct {
		limits, policies []string
		left, seconds    int
		unknown          bool
	}{
		"nothing": {unknown: true},
		"documented": {
			limits: []string{`"default";r=50;t=30`}, policies: []string{`"burst";q=100;w=60`},
			left: 50, seconds: 30,
		},
		"nothing left":      {limits: []string{`"default";r=0;t=5`}, left: 0, seconds: 5},
		"the slower of two": {limits: []string{`"default";r=1000;t=200, "burst";r=9;t=10`}, left: 9, seconds: 10},
		"the other order":   {limits: []string{`"burst";r=90;t=10,"default";r=100;t=200`}, left: 100, seconds: 200},
		"two headers":       {limits: []string{`"a";r=90;t=10`, `"b";r=0;t=1`}, left: 0, seconds: 1},
		"both at an end":    {limits: []string{`"a";r=0;t=1, "b";r=0;t=100`}, left: 0, seconds: 100},
		"window of a policy": {limits: []string{`"burst";r=7`}, policies: []string{
			`"default";q=1200;w=300, "burst";q=100;w=60`,
		}, left: 7, seconds: 60},
		"no window":           {limits: []string{`"burst";r=7`}, unknown: true},
		"signs in a name":     {limits: []string{`"a,b;r=0;t=9";r=3 ; t=4`}, left: 3, seconds: 4},
		"a window of a day":   {limits: []string{`"default";r=0;t=86400`}, left: 0, seconds: 300},
		"below 0":             {limits: []string{`"default";r=-1;t=5`}, unknown: true},
		"no number":           {limits: []string{`"default";r=many;t=5`}, unknown: true},
		"larger than numbers": {limits: []string{`"default";r=99999999999999999999;t=5`}, unknown: true},
		"no list":             {limits: []string{`;;,,"`}, unknown: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Sink{}
				s.quota.update(http.Header{"Ratelimit": tt.limits, "Ratelimit-Policy": tt.policies})
				left, until, ok := s.Quota()
				if ok == tt.unknown ||
					ok && (left != tt.left || time.Until(until) != time.Duration(tt.seconds)*time.Second) {
					t.Errorf("got %d left, %s until new ones, %v", left, time.Until(until), ok)
				}
			})
		})
	}
}

// TestQuota: every answer reports it, that of a refused call, too; an answer that
// reports nothing changes nothing.
func TestQuota(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{Calls: 10})
	synctest.Test(t, func(t *testing.T) {
		s := inMemory(t, server)
		if _, _, ok := s.Quota(); ok {
			t.Error("the quota is known before the first call")
		}
		calls := []func(){
			func() { _ = put(t, s) },
			func() { _, _ = s.Get(t.Context(), "k") },
			func() { _, _ = s.Get(t.Context(), "absent") },
			func() { s.PutBatch(t.Context(), objects(3, 10)) },
			func() { s.GetBatch(t.Context(), []sinks.Key{"k", "l"}) },
			func() { _ = s.Delete(t.Context(), "k") },
		}
		start := time.Now()
		for i, call := range calls {
			call()
			left, until, ok := s.Quota()
			if want := 9 - i; left != want || !ok || until.Sub(start) != 5*time.Minute {
				t.Errorf("after call %d: %d left until %s, %v, want %d until 5m0s", i, left, until.Sub(start), ok, want)
			}
		}
		if l := s.Limits(); l.Calls != 1200 || l.CallsIn != 5*time.Minute {
			t.Errorf("limits are %+v", l)
		}
	})
}

func TestQuotaBesideCalls(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s := inMemory(t, server)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, _ = s.Get(t.Context(), "k")
			s.Quota()
		})
	}
	group.Wait()
	if left, _, ok := s.Quota(); !ok || left < 1192 || left > 1199 {
		t.Errorf("%d left, %v", left, ok)
	}
}

// TestPacedByTheQuota: a sink that is paced is never refused, even where
// others use the same credential.
func TestPacedByTheQuota(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{Calls: 100})
	synctest.Test(t, func(t *testing.T) {
		s := inMemory(t, server)
		paced := sinks.Paced(s, sinks.NewPace(calls, callsIn))
		for range 80 { // another user
			_, _ = s.Get(t.Context(), "other")
		}
		for i := range 150 {
			if err := paced.Put(t.Context(), objects(1, 10)[0]); err != nil {
				t.Fatalf("put %d: %v", i, err)
			}
		}
		if n := len(server.Calls()); n != 230 {
			t.Errorf("%d calls, want 230: none again", n)
		}
	})
}
