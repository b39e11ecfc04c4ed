package notify_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

func TestOutageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack, After: 3})
		for failures := 1; failures < 20; failures++ {
			time.Sleep(time.Minute)
			r.webhook.Event(publish.Event{
				Time: time.Now(), Kind: publish.Failed, Target: "t", Sink: "cf", Text: "put: 503", Failures: failures,
			})
		}
		r.after(time.Minute, "t", publish.Stale)
		r.after(time.Minute, "t", publish.Stale)
		r.after(time.Minute, "t", publish.Recovered)
		r.after(time.Minute, "t", publish.Recovered)
		time.Sleep(time.Hour)
		r.want(
			"183s t (sink cf) has failed 3 times in a row: put: 503",
			"1203s t (sink cf) is stale: because",
			"1323s t (sink cf) is up to date again",
		)
	})
}

// What does not pass by itself is reported at once, at whichever failure it begins,
// and once in an outage.
func TestPermanentFailureIsToldAtOnce(t *testing.T) {
	for first := 1; first <= 2; first++ {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, notify.Options{Service: notify.Slack, After: 10})
			for failures := 1; failures < 20; failures++ {
				e := publish.Event{
					Time: time.Now(), Kind: publish.Failed, Target: "t", Sink: "cf", Text: "put: 403",
					Failures: failures, Permanent: failures >= first,
				}
				r.webhook.Event(e)
				time.Sleep(time.Minute)
			}
			times := ""
			if first > 1 {
				times = fmt.Sprintf(" %d times in a row", first)
			}
			r.want(fmt.Sprintf("%ds t (sink cf) has failed%s: put: 403", 60*(first-1)+3, times))
		})
	}
}

// Commands in a message name the configuration that the process was given.
func TestCommandsOfMessagesNameTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack, ConfigArgument: " --config 'a b.yaml'"})
		for _, key := range []sinks.Key{"cn", "us"} {
			r.webhook.Event(publish.Event{
				Time: time.Now(), Kind: publish.Held, Target: "t", Sink: "cf", Key: key, Digest: "d1", Text: "no flags",
			})
		}
		time.Sleep(time.Minute)
		r.want("3s t (key us in sink cf) is held: no flags (if it is meant: flagcast sync --target t --accept d1 " +
			"--config 'a b.yaml'); " +
			"2 keys are held, see flagcast status --config 'a b.yaml'")
	})
}

func TestNothingToldNothingRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack, After: 2})
		r.webhook.Event(publish.Event{Time: time.Now(), Kind: publish.Failed, Target: "t", Failures: 1})
		r.after(time.Minute, "t", publish.Recovered)
		// Before the message has left, all is well again.
		r.after(time.Minute, "t", publish.Held)
		r.after(time.Second, "t", publish.Recovered)
		r.after(time.Minute, "t", publish.Published, publish.Repaired, publish.Unverified, publish.Pinned,
			publish.Unpinned)
		time.Sleep(time.Hour)
		r.want()
	})
}

func TestFlappingTargetDoesNotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack})
		for range 60 {
			r.after(5*time.Second, "t", publish.Failed)
			r.after(5*time.Second, "t", publish.Recovered)
		}
		time.Sleep(time.Hour)
		// In ten minutes: at once, and then every five minutes at most.
		r.want(
			"8s t (sink cf) has failed: because",
			"13s t (sink cf) is up to date again",
			"308s t (sink cf) has failed: because",
			"313s t (sink cf) is up to date again",
		)
	})
}

func TestHeldIsToldForEachContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack})
		for _, digest := range []string{"d1", "d1", "d2", "d3"} {
			r.webhook.Event(publish.Event{
				Time: time.Now(), Kind: publish.Held, Target: "t", Sink: "cf", Digest: digest,
				Text: "7 of 9 flags would go",
			})
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Hour)
		r.want(
			"3s t (sink cf) is held: 7 of 9 flags would go (if it is meant: flagcast sync --target t --accept d1)",
			"303s t (sink cf) is held: 7 of 9 flags would go (if it is meant: flagcast sync --target t --accept d3)",
		)
	})
}

// TestHeldMatrix: the guard holds every key of a matrix with a digest of its
// own, which is one trouble.
func TestHeldMatrix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack}, answer{status: 404, delay: 4 * time.Second},
			taken[notify.Slack])
		for i, key := range []sinks.Key{"flags-cn", "flags-us", "flags-eu"} {
			r.webhook.Event(publish.Event{
				Time: time.Now(), Kind: publish.Held, Target: "t", Sink: "cf", Key: key,
				Digest: strings.Repeat(fmt.Sprint(i), 64), Text: "no flags",
			})
			time.Sleep(2 * time.Second) // the third comes while the message is on its way
		}
		time.Sleep(time.Hour)
		line := "t (key flags-eu in sink cf) is held: no flags (if it is meant: flagcast sync --target t --accept " +
			"222222222222); 3 keys are held, see flagcast status"
		r.want("3s "+strings.NewReplacer("eu", "us", "2222", "1111", "3 keys", "2 keys").Replace(line), "37s "+line)
	})
}

func TestTargetsAndKindsAreChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{
			Service: notify.Slack, Targets: []string{"web-*", "app"},
			Kinds: []publish.Kind{publish.Held, publish.Recovered},
		})
		for _, target := range []string{"web-cf", "app", "app-2", "batch"} {
			r.after(0, target, publish.Failed, publish.Held)
		}
		time.Sleep(time.Minute)
		r.after(0, "app", publish.Recovered)
		r.after(0, "batch", publish.Recovered)
		time.Sleep(time.Hour)
		r.want(
			"3s web-cf (sink cf) is held: because",
			"3s app (sink cf) is held: because",
			"63s app (sink cf) is up to date again",
		)
	})
}

// TestManyTargetsAreOneMessage: a credential that has ended makes all targets
// fail at once, and DingTalk takes 20 messages a minute.
func TestManyTargetsAreOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack})
		for i := range 300 {
			r.after(time.Millisecond, fmt.Sprintf("t%03d", i), publish.Failed)
		}
		time.Sleep(time.Hour)
		r.stop()
		told := r.service.told(t)
		if len(r.service.calls) != 1 || len(told) < 20 || told[0] != "3s t000 (sink cf) has failed: because" {
			t.Errorf("%d messages: %q", len(r.service.calls), told)
		}
		if last := fmt.Sprintf("3s flagcast: and %d more; flagcast status shows all",
			300-len(told)+1); told[len(told)-1] != last {
			t.Errorf("the last line is %q, want %q", told[len(told)-1], last)
		}
		if n := len(r.service.calls[0].body); n > 4000 {
			t.Errorf("the message has %d bytes, Slack cuts after 4000 characters", n)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.JSON})
		for i := range 1200 {
			r.after(time.Microsecond, fmt.Sprintf("t%04d", i), publish.Failed)
		}
		time.Sleep(time.Minute)
		r.stop()
		var body struct{ Events []struct{ Target string } }
		if err := json.Unmarshal(r.service.calls[0].body, &body); err != nil {
			t.Fatal(err)
		}
		if n := len(body.Events); n != 1000 || body.Events[0].Target != "t0200" || body.Events[n-1].Target != "t1199" {
			t.Errorf("%d events from %s, want the newest 1000", n, body.Events[0].Target)
		}
		if !strings.Contains(r.log.String(), "events were dropped\" receiver=\"webhook 2 (json)\" events=200 ") {
			t.Errorf("the log does not count what was dropped:\n%s", r.log)
		}
	})
}

// TestOneLineOfAnEvent: no name begins a line of a message, or turns its
// direction.
func TestOneLineOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack})
		r.webhook.Event(publish.Event{
			Time: time.Now(), Kind: publish.Failed, Target: "t\nflagcast: forged", Sink: "cf\u202e",
			Text: "put \x1b[2J", Failures: 1,
		})
		time.Sleep(time.Minute)
		r.want(`3s t\nflagcast: forged (sink cf\u202e) has failed: put \x1b[2J`)
	})
}
