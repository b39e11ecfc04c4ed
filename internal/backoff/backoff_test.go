package backoff_test

import (
	"math"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/backoff"
)

func TestExponential(t *testing.T) {
	for _, tc := range []struct {
		first    time.Duration
		failures int
		longest  time.Duration
		want     time.Duration
	}{
		{time.Second, 0, time.Minute, time.Second},
		{time.Second, 1, time.Minute, time.Second},
		{time.Second, 2, time.Minute, 2 * time.Second},
		{time.Second, 6, time.Minute, 32 * time.Second},
		{time.Second, 7, time.Minute, time.Minute},
		{time.Second, math.MaxInt, time.Minute, time.Minute},
		{time.Hour, 1, time.Minute, time.Minute},
		{math.MaxInt64/2 + 1, 2, math.MaxInt64, math.MaxInt64},
		{0, 5, time.Minute, 0},
	} {
		if got := backoff.Exponential(tc.first, tc.failures, tc.longest); got != tc.want {
			t.Errorf("%s after %d failures, at most %s: %s, want %s", tc.first, tc.failures, tc.longest, got, tc.want)
		}
	}
}

func TestJitter(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 200 {
		got := backoff.Jitter(3, 5)
		if got < 3 || got > 5 {
			t.Fatalf("%d is not from 3 to 5", got)
		}
		seen[got] = true
	}
	if len(seen) != 3 {
		t.Errorf("of 3 to 5 only %v", seen)
	}
	if got := backoff.Jitter(7, 7); got != 7 {
		t.Errorf("from 7 to 7: %d", got)
	}
}
