package notify_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// step is one thing that happens, some time after the one before.
type step struct {
	after  time.Duration
	target string // "": the service breaks, or works again
	kind   publish.Kind
	digest string
}

// TestLaws: whatever happens to targets and to the service, what arrives makes
// sense to its reader. Once the service works, it receives how things are.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		// Drawn outside of the bubble: rapid ends a draw by a panic.
		var steps []step
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			s := step{
				after: time.Duration(rapid.SampledFrom([]int{0, 1, 2, 5, 40, 200, 400}).Draw(r,
					"seconds")) * time.Second,
			}
			if rapid.IntRange(0, 9).Draw(r, "what") > 0 {
				s.target = rapid.SampledFrom([]string{"t1", "t2", "t3"}).Draw(r, "target")
				s.kind = rapid.SampledFrom([]publish.Kind{
					publish.Failed, publish.Held, publish.Stale, publish.Recovered, publish.Recovered,
				}).Draw(r, "kind")
				s.digest = rapid.SampledFrom([]string{"d1", "d2"}).Draw(r, "digest")
			}
			steps = append(steps, s)
		}
		synctest.Test(t, func(*testing.T) { checkLaws(r, steps) })
	})
}

func checkLaws(t *rapid.T, steps []step) {
	var broken atomic.Bool
	told := map[string]map[string]time.Time{} // open of each target, by kind
	last := map[string]time.Time{}            // by target and kind
	messages, lastMessage := 0, time.Time{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(4 * time.Second) // meanwhile other things happen
		if broken.Load() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if messages++; messages > 1 && time.Since(lastMessage) < 3*time.Second {
			t.Errorf("two messages %s apart", time.Since(lastMessage))
		}
		lastMessage = time.Now()
		body, _ := io.ReadAll(r.Body)
		for _, e := range gjson.GetBytes(body, "events").Array() {
			target, kind := e.Get("target").String(), e.Get("event").String()
			if kind == "recovered" {
				if len(told[target]) == 0 {
					t.Errorf("%s has recovered from nothing that was told", target)
				}
				delete(told, target)
				continue
			}
			if _, twice := told[target][kind]; twice && kind != "held" {
				t.Errorf("%s: %s is told twice in one outage", target, kind)
			}
			if before, ok := last[target+kind]; ok && time.Since(before) < 5*time.Minute-3*time.Second {
				t.Errorf("%s: %s is told twice in %s", target, kind, time.Since(before))
			}
			if told[target] == nil {
				told[target] = map[string]time.Time{}
			}
			told[target][kind], last[target+kind] = time.Now(), time.Now()
		}
	})
	w := notify.NewWebhook(notify.Options{
		Service: notify.JSON, URL: secret.New("https://hook.test/"), Kinds: notify.Kinds(), After: 1,
		Base: sinktest.Transport(handler), Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	defer func() { stop(); <-done }()

	outages := map[string]map[string]bool{} // as they are
	for _, s := range steps {
		time.Sleep(s.after)
		synctest.Wait()
		switch {
		case s.target == "":
			broken.Store(!broken.Load())
			continue
		case s.kind == publish.Recovered:
			delete(outages, s.target)
		case outages[s.target] == nil:
			outages[s.target] = map[string]bool{string(s.kind): true}
		default:
			outages[s.target][string(s.kind)] = true
		}
		w.Event(publish.Event{Time: time.Now(), Kind: s.kind, Target: s.target, Digest: s.digest, Failures: 1})
	}
	broken.Store(false)
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	for _, target := range []string{"t1", "t2", "t3"} {
		if len(told[target]) != len(outages[target]) {
			t.Errorf("%s: told %v, it is %v", target, told[target], outages[target])
		}
	}
}
