// Package backoff computes how long to wait before another try: longer after each
// failure, and not at the same moment as other processes.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Exponential returns first after the first failure, twice as much after each
// further one in a row, and at most longest. No failure counts as one.
func Exponential(first time.Duration, failures int, longest time.Duration) time.Duration {
	wait := first
	for range failures - 1 {
		if wait >= longest-wait { // 2*wait might overflow
			return longest
		}
		wait *= 2
	}
	return min(wait, longest)
}

// Jitter returns a random time from low to high, both included.
func Jitter(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + rand.N(high-low+1)
}
