package need

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Seed returns the number that a test with random input starts from, and logs
// it: FLAGCAST_SEED, or another one for each run. The same seed gives the same
// input.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano()) % 1_000_000_000
	if text := os.Getenv("FLAGCAST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("FLAGCAST_SEED is not a number: %v", err)
		}
		seed = n
	}
	t.Logf("FLAGCAST_SEED=%d", seed)
	return seed
}
