package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// mark is in every secret of these tests.
const mark = "s3cr3t"

// service answers like a chat service, and keeps what it has received.
type service struct {
	mu      sync.Mutex
	began   time.Time
	calls   []call
	answers []answer // in turn, the last one again and again
}

type call struct {
	after  time.Duration // since the test began
	query  string
	header http.Header
	body   []byte
}

type answer struct {
	status int
	body   string
	delay  time.Duration
}

var taken = map[notify.Service]answer{
	notify.Slack:    {status: 200, body: "ok"},
	notify.DingTalk: {status: 200, body: `{"errcode":0,"errmsg":"ok"}`},
	notify.Feishu: {
		status: 200, body: `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`,
	},
	notify.JSON: {status: 204},
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	a := s.answers[min(len(s.calls), len(s.answers)-1)]
	s.calls = append(s.calls, call{time.Since(s.began), r.URL.RawQuery, r.Header, body})
	s.mu.Unlock()
	time.Sleep(a.delay)
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// sent lists the texts of all calls, each line after the seconds at which it came.
func (s *service) told(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []string{}
	for _, c := range s.calls {
		var body struct {
			Text json.RawMessage `json:"text"`
		}
		if err := json.Unmarshal(c.body, &body); err != nil {
			t.Fatalf("body %q: %v", c.body, err)
		}
		text := ""
		if err := json.Unmarshal(body.Text, &text); err != nil {
			t.Fatalf("body %q: %v", c.body, err)
		}
		for line := range strings.SplitSeq(text, "\n") {
			list = append(list,
				fmt.Sprintf("%.0fs %s", c.after.Seconds(), strings.TrimPrefix(line, "flagcast: target ")))
		}
	}
	return list
}

// running is a webhook whose loop runs.
type running struct {
	t       *testing.T
	service *service
	webhook *notify.Webhook
	log     *bytes.Buffer
	stop    func()
}

// start runs a webhook until the test ends. Its log and its service are
// looked at after stop.
func start(t *testing.T, o notify.Options, answers ...answer) *running {
	t.Helper()
	log := &bytes.Buffer{}
	if answers == nil {
		answers = []answer{taken[o.Service]}
	}
	s := &service{began: time.Now(), answers: answers}
	o.Position, o.Base, o.Log = 2, sinktest.Transport(s),
		slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if o.URL.IsZero() {
		o.URL = secret.New("https://hooks.test/services/" + mark + "/path")
	}
	if o.Kinds == nil {
		o.Kinds = notify.Kinds()
	}
	o.After = max(o.After, 1)
	w := notify.NewWebhook(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	r := &running{t: t, service: s, webhook: w, log: log}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if strings.Contains(log.String(), mark) {
			t.Errorf("the log holds a secret:\n%s", log)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// after lets time pass, then sends events of a target.
func (r *running) after(d time.Duration, target string, kinds ...publish.Kind) {
	time.Sleep(d)
	for _, kind := range kinds {
		e := publish.Event{Time: time.Now(), Kind: kind, Target: target, Sink: "cf", Text: "because", Failures: 1}
		if kind == publish.Recovered {
			e.Text = ""
		}
		r.webhook.Event(e)
	}
}

func (r *running) want(lines ...string) {
	r.t.Helper()
	r.stop()
	if diff := cmp.Diff(append([]string{}, lines...), r.service.told(r.t)); diff != "" {
		r.t.Errorf("(-want +told):\n%s", diff)
	}
}

func TestUndeliveredIsSentLater(t *testing.T) {
	for name, refused := range map[notify.Service]answer{
		notify.Slack:    {status: 404, body: "no_service"},
		notify.DingTalk: {status: 200, body: `{"errcode":310000,"errmsg":"sign not match"}`},
		notify.Feishu: {
			status: 200,
			body: `{"code":19021,"data":{},"msg":"sign match fail or timestamp is not within one hour from current ` +
				`time"}`,
		},
		notify.JSON: {status: 502, body: "<html>"},
	} {
		t.Run(string(name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers := []answer{refused, taken[name]}
				if refused.status == 502 { // the transport tries three times
					answers = []answer{refused, refused, refused, taken[name]}
				}
				r := start(t, notify.Options{Service: name}, answers...)
				r.after(0, "t", publish.Stale)
				time.Sleep(10 * time.Minute)
				r.after(0, "t", publish.Recovered)
				time.Sleep(10 * time.Minute)
				r.stop()
				// Refused, taken half a minute later, and the recovery.
				if n := len(r.service.calls); n != len(answers)+1 {
					t.Errorf("%d calls, want %d", n, len(answers)+1)
				}
				log := r.log.String()
				for _, part := range []string{
					"level=WARN", "msg=\"cannot notify\"",
					"level=INFO", "msg=\"notifies again\" receiver=\"webhook 2 (" + string(name) + ")\"",
				} {
					if strings.Count(log, part) != 1 {
						t.Errorf("the log has %q %d times:\n%s", part, strings.Count(log, part), log)
					}
				}
			})
		})
	}
}

// TestNewestWins: what is refused is sent again as things are then.
func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack}, answer{status: 404, delay: 4 * time.Second},
			taken[notify.Slack])
		send := func(kind publish.Kind, text string) {
			r.webhook.Event(publish.Event{
				Time: time.Now(), Kind: kind, Target: "t", Sink: "cf", Text: text, Digest: text, Failures: 1,
			})
		}
		send(publish.Failed, "500")
		send(publish.Held, "d1")
		time.Sleep(5 * time.Second) // the message is on its way
		send(publish.Held, "d2")
		time.Sleep(5 * time.Second) // it was refused
		send(publish.Failed, "401")
		time.Sleep(time.Minute)
		r.stop()
		for i, want := range [][]string{{"500", "d1"}, {"401", "d2"}} {
			if body := string(r.service.calls[i].body); !strings.Contains(body, want[0]) ||
				!strings.Contains(body, want[1]) {
				t.Errorf("message %d is %q, want it to tell %q", i+1, body, want)
			}
		}
		if n := len(r.service.calls); n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
	})
}

// TestRecoveryOfWhatNobodyHeard: the service was away for the whole outage.
func TestRecoveryOfWhatNobodyHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack}, answer{status: 404}, answer{status: 404},
			taken[notify.Slack])
		r.after(0, "t", publish.Failed)
		r.after(10*time.Second, "t", publish.Recovered)
		time.Sleep(time.Minute)
		r.after(0, "u", publish.Failed)
		time.Sleep(time.Hour)
		r.stop()
		told := r.service.told(t)
		if diff := cmp.Diff("u (sink cf) has failed: because",
			strings.TrimLeft(told[len(told)-1], "0123456789s ")); diff != "" ||
			strings.Contains(strings.Join(told, "\n"), "again") {
			t.Errorf("told %q", told)
		}
	})
}

func TestRunSendsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack}, answer{status: 200, delay: 3 * time.Second})
		r.after(0, "t", publish.Failed)
		r.want("0s t (sink cf) has failed: because")
		if r.log.Len() > 0 {
			t.Errorf("log: %s", r.log)
		}
	})
}

// TestRunEndsInTime: a service that does not answer delays no other.
func TestRunEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, notify.Options{Service: notify.Slack}, answer{})
		r.after(0, "t", publish.Failed)
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("the end took %s", took)
		}
		if !strings.Contains(r.log.String(), "the process ends, and events were not sent") {
			t.Errorf("the log does not tell what was lost:\n%s", r.log)
		}
	})
}
