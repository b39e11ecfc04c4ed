package publish

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// parallel calls f for 0 to n-1, several at once.
func parallel(n, together int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var running sync.WaitGroup
	var next atomic.Int64
	for range min(n, together) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	running.Wait()
}

// compute runs f for each step, as many at once as there are cores.
func compute(steps []*keyPass, f func(*keyPass)) {
	parallel(len(steps), runtime.GOMAXPROCS(0), func(i int) { f(steps[i]) })
}

// bound gives a call for several keys its time.
func bound(ctx context.Context, keys int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout+time.Duration(keys-1)*cellTimeout)
}
