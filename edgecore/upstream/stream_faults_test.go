package upstream_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/upstream"
)

// Streams that misbehave, by name. Within 11 minutes the flags are those of the server.
func TestStreamsThatMisbehave(t *testing.T) {
	full := `id: 9` + "\n" + `data: {"version":2,"features":[` + feature("full", "a") + `]}` + "\n\n"
	for name, fault := range map[string]func(u *unleash){
		"no JSON":    func(u *unleash) { u.send("event: unleash-updated\ndata: {not json\n\n") },
		"other JSON": func(u *unleash) { u.send("event: unleash-updated\ndata: {\"a\":1}\n\n") },
		"unknown type": func(u *unleash) {
			u.send("event: unleash-updated\ndata: {\"events\":[{\"type\":\"x\",\"eventId\":2}]}\n\n")
		},
		"unknown SSE event": func(u *unleash) { u.send("event: unleash-moved\ndata: {\"features\":[]}\n\n") },
		"whole state":       func(u *unleash) { u.send("event: unleash-updated\n" + full) },
		"ends at once":      func(u *unleash) { u.end(); u.fault(func() { u.first = ":\n\n" }) },
		"empty first": func(u *unleash) {
			u.fault(func() { u.first = "event: unleash-connected\ndata: {\"events\":[]}\n\n" })
			u.end()
		},
		"no JSON first": func(u *unleash) {
			u.fault(func() { u.first = "event: unleash-connected\ndata: [\n\n" })
			u.end()
		},
		"no flags first": func(u *unleash) {
			u.fault(func() { u.first = "event: unleash-connected\ndata: {\"events\":[{\"type\":\"hydration\"}]}\n\n" })
			u.end()
		},
		"loses an event": func(u *unleash) {
			u.fault(func() { u.lose = true })
			u.set("lost", "a")
			u.fault(func() { u.lose = false })
		},
		"loses, then another": func(u *unleash) {
			u.fault(func() { u.lose = true })
			u.set("lost", "a")
			u.fault(func() { u.lose = false })
			u.set("found", "a")
		},
		"doubled":       func(u *unleash) { u.set("twice", "a"); u.resend(2); u.resend(2) },
		"out of order":  func(u *unleash) { u.set("y", "a"); u.set("y", ""); u.resend(2) },
		"removed again": func(u *unleash) { u.set("y", "a"); u.set("y", ""); u.resend(3) },
		"restored database": func(u *unleash) {
			u.set("y", "a")
			u.set("z", "a")
			u.end()
			u.restore(2, map[string]string{"x": "a", "old": "a"})
		},
		"restored database, connection stays": func(u *unleash) {
			u.set("y", "a")
			u.set("z", "a")
			u.restore(2, map[string]string{"x": "a", "old": "a"})
		},
		"restored to what was polled first": func(u *unleash) {
			u.set("y", "a")
			u.restore(1, map[string]string{"x": "a"})
		},
		"restored with lower IDs for ever": func(u *unleash) {
			for range 30 {
				u.set("y", "a")
			}
			u.restore(7, map[string]string{"x": "a"})
			u.end()
			u.set("w", "a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnleash()
			u.set("x", "a")
			following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
				fault(u)
				later(17 * time.Minute)
				want := u.list()
				if _, got, _ := strings.Cut(f.now(), ": "); got != want {
					t.Errorf("%s, want %s\n%s", got, want, f.log.String())
				}
				if n := u.count("streaming"); n > 12 {
					t.Errorf("%d connections in 17 minutes", n)
				}
				u.set("after", "a")
				synctest.Wait()
				if _, got, _ := strings.Cut(f.now(), ": "); got != u.list() {
					t.Errorf("%s, want %s: the stream is not open\n%s", got, u.list(), f.log.String())
				}
			})
		})
	}
}

// A change that only a poll has found is counted, and said.
func TestDriftIsCounted(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.fault(func() { u.lose = true })
		u.set("lost", "a")
		u.fault(func() { u.lose = false })
		later(6 * time.Minute)
		if s := f.Status(); s.Drifts != 1 || s.Connects != 2 {
			t.Errorf("%+v", s)
		}
		if !strings.Contains(f.log.String(), "have lost a change that a poll has found") {
			t.Errorf("the log does not say it:\n%s", f.log.String())
		}
	})
}

// A server that lags, behind a load balancer, does not take flags back.
func TestStreamOfALaggingServer(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.set("y", "a")
		synctest.Wait()
		u.fault(func() {
			u.first = "event: unleash-connected\nid: 1\ndata: " +
				`{"events":[{"type":"hydration","eventId":1,"features":[` + feature("x", "a") + `]}]}` + "\n\n"
		})
		u.end()
		later(10 * time.Second)
		f.expect(t, "2: x@a y@a")
		if s := f.Status(); s.Mode != upstream.ModeStream {
			t.Errorf("%+v\n%s", s, f.log.String())
		}
	})
}

// Events may be relative to the version that has the ID in Last-Event-ID: after a poll
// with other flags all are asked for.
func TestStreamAfterOtherFlags(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.fault(func() { u.refuse["streaming"] = 500 })
		u.end()
		u.set("y", "a")
		later(16 * time.Second)
		f.expect(t, "2: x@a y@a")
		u.fault(func() { delete(u.refuse, "streaming"); u.asked = nil })
		later(time.Minute)
		if n := u.count("streaming"); n != 1 || !slices.Contains(u.asked, "streaming ") {
			t.Errorf("asked %q, want one stream, without Last-Event-ID", u.asked)
		}
	})
}

// Events that a poll has had already are not taken again, and a segment that no flag used
// is there when one does.
func TestPollFasterThanTheStream(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	u.first = "event: unleash-connected\nid: 1\ndata: {\"events\":[{\"type\":\"hydration\",\"eventId\":1," +
		"\"features\":[" +
		feature("x", "a") + "],\"segments\":[{\"id\":7,\"constraints\":[]}]}]}\n\n"
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.fault(func() { u.lose = true })
		u.set("y", "a") // 2
		u.set("y", "b") // 3
		u.set("z", "b") // 4
		polls := u.count("features")
		for u.count("features") == polls {
			later(time.Second)
		}
		f.expect(t, "2: x@a y@b z@b")
		u.resend(2)
		synctest.Wait()
		f.expect(t, "2: x@a y@b z@b")
		u.send(`data: {"events":[{"type":"feature-updated","eventId":5,"feature":{"name":"w","project":"a",` +
			`"enabled":true,` +
			`"strategies":[{"name":"default","segments":[7]}]}}]}` + "\nevent: unleash-updated\nid: 5\n\n")
		synctest.Wait()
		f.expect(t, "3: w@a x@a y@b z@b")
		if s := f.Status(); s.Connects != 1 {
			t.Errorf("%+v\n%s", s, f.log.String())
		}
		u.fault(func() { u.asked = nil })
		u.end()
		later(2 * time.Second)
		if !slices.Contains(u.asked, "streaming ") {
			t.Errorf("asked %q, want a stream without Last-Event-ID: a poll has brought other flags", u.asked)
		}
	})
}

// A server may number its events alone: its polls have not gone back.
func TestPollsWithoutRevisions(t *testing.T) {
	u := newUnleash()
	u.plain = true
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.set("y", "a")
		later(21 * time.Minute)
		if _, got, _ := strings.Cut(f.now(), ": "); got != "x@a y@a" {
			t.Errorf("%s", f.now())
		}
		if s := f.Status(); s.Connects != 1 || s.Drifts != 0 || strings.Contains(f.log.String(), "level=WARN") {
			t.Errorf("%+v\n%s", s, f.log.String())
		}
		versions := f.now()
		later(11 * time.Minute)
		if f.now() != versions {
			t.Errorf("%s, then %s: polls change what the stream has", versions, f.now())
		}
		u.fault(func() { u.lose = true })
		u.set("lost", "a")
		u.fault(func() { u.lose = false })
		later(6 * time.Minute)
		if _, got, _ := strings.Cut(f.now(), ": "); got != u.list() || f.Status().Drifts != 1 {
			t.Errorf("%s, want %s; %+v", got, u.list(), f.Status())
		}
	})
}

// While polls fail the stream confirms that the flags are those of upstream.
func TestStreamWhilePollsFail(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.fault(func() { u.refuse["features"] = 500 })
		later(20 * time.Minute)
		u.set("y", "a")
		synctest.Wait()
		f.expect(t, "2: x@a y@a")
		if s := f.Status(); s.Err == nil || time.Since(s.LastOK) > 31*time.Second || s.Mode != upstream.ModeStream {
			t.Errorf("%+v", s)
		}
	})
}

// slowPolls are answers that take a while.
type slowPolls struct{ *unleash }

func (s slowPolls) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.unleash.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, "/features") {
		time.Sleep(2 * time.Second)
	}
	return response, err
}

// A poll that was asked before an event, and is answered after it, is not a server that
// has gone back.
func TestStreamFasterThanAPoll(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, slowPolls{u}, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.set("y", "a")
		polls := u.count("features")
		for u.count("features") == polls {
			later(time.Second)
		}
		u.set("z", "a")
		later(time.Minute)
		f.expect(t, "3: x@a y@a z@a")
		if strings.Contains(f.log.String(), "level=WARN") || u.count("features") != polls+1 {
			t.Errorf("%d polls\n%s", u.count("features"), f.log.String())
		}
	})
}

// A flag without its segment is not taken: all flags are asked for.
func TestStreamWithoutASegment(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.send(`data: {"events":[{"type":"feature-updated","eventId":2,"feature":{"name":"y","project":"a",` +
			`"enabled":true,` +
			`"strategies":[{"name":"default","segments":[7]}]}}]}` + "\nevent: unleash-updated\nid: 2\n\n")
		later(3 * time.Second)
		f.expect(t, "1: x@a")
		if s := f.Status(); s.Connects != 2 {
			t.Errorf("%+v\n%s", s, f.log.String())
		}
	})
}

// Whatever part of a frame arrives, flags are right after the next connection.
func TestStreamCutAtEveryByte(t *testing.T) {
	whole := len(frame("unleash-updated", 2, eventsOf([]logged{{2, "y", "a", false}}, nil)))
	for n := range whole + 1 {
		u := newUnleash()
		u.set("x", "a")
		following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
			u.fault(func() { u.cut = n })
			u.set("y", "a")
			later(3 * time.Second)
			f.expect(t, "2: x@a y@a")
			u.set("x", "")
			synctest.Wait()
			f.expect(t, "3: y@a")
		})
	}
}
