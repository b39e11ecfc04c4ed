package upstream_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clocked notes when it is asked.
type clocked struct {
	mu   sync.Mutex
	at   []time.Time
	next http.HandlerFunc
}

func (c *clocked) answer(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.at = append(c.at, time.Now())
	next := c.next
	c.mu.Unlock()
	next(w, r)
}

func (c *clocked) set(next http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = next
}

// since are the times of requests after a moment.
func (c *clocked) since(moment time.Time) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []time.Duration
	for _, at := range c.at {
		if !at.Before(moment) {
			list = append(list, at.Sub(moment))
		}
	}
	return list
}

func nudging(t *testing.T, next http.HandlerFunc, test func(t *testing.T, c *clocked, f *follower)) {
	c := &clocked{next: next}
	s := &server{answers: map[string]http.HandlerFunc{allToken: c.answer}}
	polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
		test(t, c, f)
	})
}

const ms = time.Millisecond

var round = []time.Duration{0, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms}

func TestTrigger(t *testing.T) {
	nudging(t, flags(1, "x@a"), func(t *testing.T, c *clocked, f *follower) {
		later(5 * time.Second)
		triggered := time.Now()
		f.Trigger()
		later(10 * time.Second)
		if diff := cmp.Diff(round, c.since(triggered)); diff != "" {
			t.Errorf("asked at (-want +got)\n%s", diff)
		}
		// Polling goes on, an interval after the last.
		later(10 * time.Second)
		if n := len(c.since(triggered)); n != len(round)+1 {
			t.Errorf("%d requests after the next interval", n)
		}
		// What shows late in the round is served.
		f.Trigger()
		later(1500 * ms)
		c.set(flags(2, "y@a"))
		later(600 * ms)
		f.expect(t, "x", "y")
	})
}

func TestManyTriggersCostOneRoundAfterTheOther(t *testing.T) {
	nudging(t, flags(1, "x@a"), func(t *testing.T, c *clocked, f *follower) {
		later(time.Second)
		triggered := time.Now()
		for range 10_000 {
			for range 10 {
				f.Trigger()
			}
			later(ms)
		}
		later(4 * time.Second)
		got := c.since(triggered)
		if n := len(got); n < 25 || n > 35 {
			t.Errorf("%d requests for 100,000 triggers in 10 seconds", n)
		}
		// A trigger in a round begins one of its own when that is over.
		want := slices.Clone(round)
		for _, d := range round {
			want = append(want, d+2*time.Second)
		}
		for i := range got[:10] {
			if d := got[i] - want[i]; d < 0 || d > 5*ms {
				t.Errorf("request %d after %s, want %s", i, got[i], want[i])
			}
		}
	})
}

// While upstream fails, triggers bring no more polls than the interval would.
func TestTriggersDoNotHammer(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"401": status(401), "503": status(503),
		"a long Retry-After": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	} {
		t.Run(name, func(t *testing.T) {
			nudging(t, flags(1, "x@a"), func(t *testing.T, c *clocked, f *follower) {
				c.set(answer)
				later(10 * time.Minute)
				quiet := time.Now()
				later(10 * time.Minute)
				without := len(c.since(quiet))
				triggered := time.Now()
				for range 10 * 60 * 4 {
					f.Trigger()
					later(250 * ms)
				}
				most := 10 * 60 / 15
				if name == "503" {
					most *= 2 // the transport tries twice
				}
				if name == "a long Retry-After" {
					most = 10 * 60 / 120
				}
				if n := len(c.since(triggered)); n > most+1 || n < without {
					t.Errorf("%d requests in ten minutes of triggers, %d without; want at most %d", n, without, most)
				}
				// But one that comes when upstream is back ends the wait.
				c.set(flags(2, "y@a"))
				f.Trigger()
				later(16 * time.Second)
				if name != "a long Retry-After" {
					f.expect(t, "x", "y")
				}
			})
		})
	}
}

// A round ends when upstream fails in it.
func TestAFailureEndsTheRound(t *testing.T) {
	nudging(t, flags(1, "x@a"), func(t *testing.T, c *clocked, f *follower) {
		later(time.Second)
		triggered := time.Now()
		f.Trigger()
		later(300 * ms)
		c.set(status(401))
		later(10 * time.Second)
		if got := fmt.Sprint(c.since(triggered)); got != "[0s 250ms 500ms]" {
			t.Errorf("asked at %s", got)
		}
	})
}
