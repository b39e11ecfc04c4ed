package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/secret"
)

// body is what a service gets of one event, sent 3 s after the year 2000 has
// begun, the time at which a bubble of synctest starts.
func body(t *testing.T, o notify.Options) call {
	t.Helper()
	var c call
	synctest.Test(t, func(t *testing.T) {
		r := start(t, o)
		r.webhook.Event(publish.Event{
			Time: time.Now(), Kind: publish.Failed, Target: "web", Sink: "cf",
			Text: "put <at user_id=\"all\"> & *x*\nline 2", Failures: 3,
			Key: "k", Revision: 7, Changes: []flagdiff.Change{
				{Sign: "~", Flag: "new", Project: "p", Text: "off -> on"},
			},
		})
		time.Sleep(time.Minute)
		r.stop()
		if len(r.service.calls) != 1 {
			t.Fatalf("%d calls", len(r.service.calls))
		}
		c = r.service.calls[0]
	})
	return c
}

// The signatures below were computed by OpenSSL:
//
//	K=s3cr3t-SEC-of-the-robot
//	printf '946684803000\n%s' $K | openssl dgst -sha256 -hmac "$K" -binary | base64
//	printf '' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf '946684803\n%s' $K | xxd -p -c 200) -binary |
//	base64
const key = mark + "-SEC-of-the-robot"

func TestBodies(t *testing.T) {
	plain := `flagcast: target web (key k in sink cf) has failed 3 times in a row: put <at user_id=\"all\"> & *x* ` +
		`line 2`
	for _, tc := range []struct {
		name    string
		options notify.Options
		body    string
		query   string
	}{
		{
			"slack",
			notify.Options{Service: notify.Slack},
			`{"mrkdwn":false,"text":"` + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain) +
				`"}`, "",
		},
		{
			"dingtalk",
			notify.Options{Service: notify.DingTalk},
			`{"msgtype":"text","text":{"content":"` + plain + `"}}`,
			"",
		},
		{
			"dingtalk, signed",
			notify.Options{
				Service: notify.DingTalk, Secret: secret.New(key),
				URL: secret.New("https://robot.test/robot/send?access_token=s3cr3t"),
			},
			`{"msgtype":"text","text":{"content":"` + plain + `"}}`,
			"access_token=s3cr3t&timestamp=946684803000&sign=uBy8%2F8eRXoaVBjODp%2BiELQRVWwcomryaMFfB27XD564%3D",
		},
		{
			"feishu",
			notify.Options{Service: notify.Feishu},
			`{"content":{"text":"` + strings.ReplaceAll(plain, "<at", "< at") + `"},"msg_type":"text"}`, "",
		},
		{
			"feishu, signed",
			notify.Options{Service: notify.Feishu, Secret: secret.New(key)},
			`{"content":{"text":"` + strings.ReplaceAll(plain, "<at", "< at") +
				`"},"msg_type":"text","sign":"+uaMDJ+zcZDc8qAgYi4RDvT++ockgDytSBN6YTmgpdY=","timestamp":"946684803"}`,
			"",
		},
		{
			"json",
			notify.Options{Service: notify.JSON},
			`{"events":[{"time":"2000-01-01T00:00:00.000Z","event":"failed","target":"web","sink":"cf","key":"k",` +
				`"revision":7,"failures":3,` +
				`"changes":[{"sign":"~","flag":"new","text":"off -> on"}],"text":"put <at user_id=\"all\"> & ` +
				`*x*\nline 2"}]}`, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := body(t, tc.options)
			if diff := cmp.Diff(tc.body+"\n", string(c.body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if c.query != tc.query {
				t.Errorf("query %q, want %q", c.query, tc.query)
			}
			if got := c.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

// A JSON body has twenty changes of an event, those for a second look first.
func TestJSONHasTheForemostChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.JSON})
		e := publish.Event{Time: time.Now(), Kind: publish.Held, Target: "web", Sink: "cf", Digest: "d"}
		for i := range 30 {
			e.Changes = append(e.Changes, flagdiff.Change{Sign: "+", Flag: fmt.Sprintf("f%02d", i)})
		}
		e.Changes[25].Sign = "!!"
		r.webhook.Event(e)
		time.Sleep(time.Minute)
		r.stop()
		body := string(r.service.calls[0].body)
		if !strings.Contains(body, `"changes":[{"sign":"!!","flag":"f25"},{"sign":"+","flag":"f00"},`) ||
			strings.Count(body, `"flag":`) != 20 {
			t.Errorf("%s", body)
		}
	})
}

func TestJSONIsSigned(t *testing.T) {
	c := body(t, notify.Options{Service: notify.JSON, Secret: secret.New(key)})
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(c.body)
	if got, want := c.header.Get("X-Flagcast-Signature"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %q, want %q", got, want)
	}
	if c := body(t, notify.Options{
		Service: notify.Slack, Secret: secret.New(key),
	}); c.header.Get("X-Flagcast-Signature") != "" {
		t.Error("a message to Slack is signed")
	}
}

// TestErrorsHoldNoURL: neither those of the network nor answers that repeat
// what was asked for.
func TestErrorsHoldNoURL(t *testing.T) {
	address := "https://user:" + mark + "-password@hooks.test/hook/" + mark + "/last?access_token=" + mark + "%20token"
	for _, tc := range []struct {
		name    string
		service notify.Service
		answer  answer
		want    string
	}{
		{"slack", notify.Slack, answer{status: 403, body: "invalid_token"}, "HTTP 403 Forbidden: invalid_token"},
		{
			"an answer with the path", notify.Slack,
			answer{status: 404, body: "Cannot POST /hook/" + mark + "/last"},
			"HTTP 404 Not Found: Cannot POST [redacted]",
		},
		{"dingtalk", notify.DingTalk, answer{
			status: 200, body: `{"errcode":300001,"errmsg":"no token ` + mark + ` token"}`,
		}, "refused with code 300001: no token [redacted]"},
		{
			"no answer of dingtalk", notify.DingTalk,
			answer{status: 200, body: "<html>" + mark},
			"answered without a code",
		},
		{"feishu", notify.Feishu, answer{
			status: 400, body: `{"code":19001,"msg":"param invalid: ` + mark + `-SEC-of-the-robot"}`,
		}, "refused with code 19001: param invalid: [redacted]"},
		{"feishu's older form", notify.Feishu, answer{
			status: 200, body: `{"StatusCode":19024,"StatusMessage":"Key Words Not Found"}`,
		}, "refused with code 19024: Key Words Not Found"},
		{"json", notify.JSON, answer{status: 404, body: "no such hook: " + mark}, "HTTP 404 Not Found"},
		{"redirect", notify.JSON, answer{status: 302, body: ""}, "HTTP 302 Found"},
		{"connection", notify.JSON, answer{}, "unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, notify.Options{Service: tc.service, URL: secret.New(address), Secret: secret.New(key)},
					tc.answer)
				r.after(0, "t", publish.Held)
				time.Sleep(time.Minute)
				r.stop() // looks for secrets
				if !strings.Contains(r.log.String(), tc.want) ||
					!strings.Contains(r.log.String(), "webhook 2 ("+string(tc.service)+")") {
					t.Errorf("the log does not tell %q:\n%s", tc.want, r.log)
				}
			})
		})
	}
}

// A short secret is hidden as a whole, and leaves other words as they are.
func TestErrorsHideShortSecrets(t *testing.T) {
	for short, want := range map[string]string{
		"ab1":   "refused with code 1: sign [redacted] of a tab1e, ab12c",
		"ab12c": "refused with code 1: sign ab1 of a tab1e, [redacted]",
	} {
		synctest.Test(t, func(t *testing.T) {
			o := notify.Options{
				Service: notify.DingTalk, URL: secret.New("https://hooks.test/"), Secret: secret.New(short),
			}
			r := start(t, o, answer{status: 200, body: `{"errcode":1,"errmsg":"sign ab1 of a tab1e, ab12c"}`})
			r.after(0, "t", publish.Held)
			time.Sleep(time.Minute)
			r.stop()
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("the log does not tell %q:\n%s", want, r.log)
			}
		})
	}
}
