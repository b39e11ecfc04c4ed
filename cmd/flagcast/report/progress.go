package report

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/flagcast/flagcast/sinks"
)

// worthABar is how many calls take long enough to be shown.
const worthABar = 10

// Progress returns a decorator of sinks that shows a bar on a terminal while many
// keys are read and written, and changes nothing elsewhere. done removes the bar.
func Progress(w io.Writer) (decorate func(sinks.Sink) sinks.Sink, done func()) {
	if !isTerminal(w) {
		return func(s sinks.Sink) sinks.Sink { return s }, func() {}
	}
	progress, done := newBar(w)
	return func(s sinks.Sink) sinks.Sink { return sinks.WithProgress(s, progress) }, done
}

func newBar(w io.Writer) (progress sinks.Progress, done func()) {
	bar := progressbar.NewOptions(0,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("keys"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(65*time.Millisecond),
	)
	var mu sync.Mutex
	total := 0
	progress = sinks.Progress{
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
	return progress, sync.OnceFunc(func() {
		mu.Lock()
		defer mu.Unlock()
		if total > 0 {
			_ = bar.Clear()
		}
	})
}
