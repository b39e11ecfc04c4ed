package app

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
)

// secretText is in every secret of the test, and in nothing else.
const secretText = "s3cr3t"

// An environment says what flags it has: at first, after a change, and when a
// date constraint flips, in the form of the log.
func TestAnnounce(t *testing.T) {
	const source = "https://unleash.test:4242/hosted"
	const text = "INF flags received environment=eu.prod flags=2 revision=59 source=" + source + "\n" +
		"INF flags received environment=eu.prod flags=1 revision=60 source=" + source + "\n" +
		"INF a date constraint has flipped environment=eu.prod flags=1 revision=60 source=" + source + "\n" +
		"INF a date constraint has flipped environment=eu.prod flags=1 revision=60 source=" + source + "\n"
	const first = `"environment":"eu.prod","flags":2,"revision":59,"source":"` + source + `"}`
	const second = `"environment":"eu.prod","flags":1,"revision":60,"source":"` + source + `"}`
	const json = `{"level":"INFO","msg":"flags received",` + first + "\n" +
		`{"level":"INFO","msg":"flags received",` + second + "\n" +
		`{"level":"INFO","msg":"a date constraint has flipped",` + second + "\n" +
		`{"level":"INFO","msg":"a date constraint has flipped",` + second + "\n"
	for format, want := range map[string]string{"text": text, "json": json} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			c := &App{Config: &config.Config{}, Store: state.New(state.Options{Log: slog.New(slog.DiscardHandler)})}
			c.Config.Log.Format = format
			c.Config.Upstream.URL = "https://someone:" + secretText + "@unleash.test:4242/hosted?key=" + secretText
			c.Log = NewLogger(&log, c.Config.Log)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- c.announce(ctx, "eu.prod") }()
			put := func(document string) {
				d, err := parse.Definitions([]byte(document), "eu.prod")
				if err != nil {
					t.Fatal(err)
				}
				c.Store.Put(d)
				synctest.Wait()
			}
			put(
				`{"features":[{"name":"a","enabled":true,"strategies":[]},{"name":"b","enabled":false,` +
					`"strategies":[]}],"meta":{"revisionId":59}}`)
			time.Sleep(10 * time.Second)
			put(`{"features":[{"name":"a","enabled":true,"strategies":[` + after("01:00:00.000") + "," +
				after("01:00:00.001") + "," + after("01:00:00.002") +
				`]}],"meta":{"revisionId":60}}`)
			time.Sleep(2 * time.Hour)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d |"time":"[^"]*",`).ReplaceAllString(log.String(), "")
			if got != want {
				t.Errorf("%s:\n%s\nwant:\n%s", format, got, want)
			}
		})
	}
}

// after is a strategy with a DATE constraint, at a time of the first day of a
// synctest bubble.
func after(clock string) string {
	return `{"name":"default","constraints":[{"contextName":"currentTime","operator":"DATE_AFTER",` +
		`"value":"2000-01-01T` + clock + `Z"}]}`
}

// Flags of the state folder are not announced as upstream's: upstream has not
// answered.
func TestRestoredFlagsAreNotAnnounced(t *testing.T) {
	var log bytes.Buffer
	c := &App{Config: &config.Config{}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	c.logFlags(&state.State{Definitions: &edgecore.Definitions{Environment: "e"}, Restored: true}, false)
	if log.Len() > 0 {
		t.Errorf("%s", &log)
	}
	c.Config.Upstream.File = "/flags.json"
	c.logFlags(&state.State{Definitions: &edgecore.Definitions{Environment: "e"}}, false)
	if !strings.Contains(log.String(), `msg="flags received" environment=e flags=0 source=/flags.json`) {
		t.Errorf("%s", &log)
	}
}
