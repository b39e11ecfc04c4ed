package api

import (
	"math"
	"runtime/debug"
	"sync/atomic"
)

// budget bounds the bytes that all requests together hold while their clients send or
// read.
type budget struct {
	max  int64
	used atomic.Int64
}

// reserve adds n bytes if the total stays at or below most, and reports whether it
// did. most is max, or a part of it for requests that may not use all.
func (b *budget) reserve(n, most int64) bool {
	for {
		used := b.used.Load()
		if used+n > most {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

func (b *budget) release(n int64) { b.used.Add(-n) }

const (
	// unbudgeted is how many bytes of a body, and of a response, each request holds
	// outside of a budget. It is as much as the connection itself needs. An ordinary
	// context is smaller, so it is never refused because of other requests.
	unbudgeted = 4 << 10

	minBudget, maxBudget = 8 << 20, 256 << 20
)

// unlimited is the memory limit of a process that has none.
const unlimited = math.MaxInt64

// shareOfMemory returns a share of the memory limit of the process (GOMEMLIMIT)
// in bytes, within minBudget and maxBudget.
func shareOfMemory(share int64) int64 { return shareOf(debug.SetMemoryLimit(-1), share) }

func shareOf(limit, share int64) int64 {
	return min(max(limit/share, minBudget), maxBudget)
}
