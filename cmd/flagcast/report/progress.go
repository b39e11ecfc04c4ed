package report

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/flagcast/flagcast/sinks"
)

// worthABar is how many calls take long enough to be shown.
const worthABar = 10

// WithProgress shows a bar on a terminal while many keys are read and written,
// and nothing elsewhere. done takes the bar away.
func WithProgress(ctx context.Context, w io.Writer) (shown context.Context, done func()) {
	if !isTerminal(w) {
		return ctx, func() {}
	}
	return traced(ctx, w)
}

func traced(ctx context.Context, w io.Writer) (shown context.Context, done func()) {
	bar := progressbar.NewOptions(0,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("keys"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(65*time.Millisecond),
	)
	var mu sync.Mutex
	total := 0
	trace := &sinks.Trace{
		Began: func(calls int) {
			mu.Lock()
			defer mu.Unlock()
			if calls >= worthABar {
				total += calls
				bar.ChangeMax(total)
			}
		},
		Done: func() {
			mu.Lock()
			defer mu.Unlock()
			if total > 0 {
				_ = bar.Add(1) // a terminal that is gone
			}
		},
	}
	return sinks.WithTrace(ctx, trace), sync.OnceFunc(func() {
		mu.Lock()
		defer mu.Unlock()
		if total > 0 {
			_ = bar.Clear()
		}
	})
}
