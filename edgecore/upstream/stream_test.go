package upstream_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
)

// flagsOf is what a feed has delivered, as the store of the core takes it.
type flagsOf struct {
	*upstream.Server
	log      lockedBuffer
	mu       sync.Mutex
	newest   *edgecore.Definitions
	versions []string
}

func (f *flagsOf) deliver(d *edgecore.Definitions) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := edgecore.Normalize(f.newest, d)
	if next == f.newest {
		return
	}
	f.newest = next
	var flags []string
	for _, feature := range next.Features {
		flags = append(flags, feature.Name+"@"+feature.Project)
	}
	f.versions = append(f.versions, strings.Join(flags, " "))
}

// now returns the newest flags, and the number of versions.
func (f *flagsOf) now() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.versions) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d: %s", len(f.versions), f.versions[len(f.versions)-1])
}

func (f *flagsOf) expect(t *testing.T, want string) {
	t.Helper()
	if got := f.now(); got != want {
		t.Errorf("version %s, want %s\n%s", got, want, f.log.String())
	}
}

// following runs a test with fake time and a feed of a server.
func following(t *testing.T, u http.RoundTripper, mode upstream.Mode, test func(t *testing.T, f *flagsOf),
	tokens ...string,
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &flagsOf{}
		o := upstream.Options{
			URL: "https://unleash.example/", Environment: "production", Mode: mode, Interval: 15 * time.Second,
			Timeout: 5 * time.Second, Base: u, Version: "test",
			Log: slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		if len(tokens) == 0 {
			tokens = []string{allToken}
		}
		for _, text := range tokens {
			token, err := edgecore.ParseToken(secret.New(text))
			if err != nil {
				t.Fatal(err)
			}
			o.Tokens = append(o.Tokens, token)
		}
		var err error
		if f.Server, err = upstream.NewServer(o); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx, f.deliver) }()
		later(5 * time.Second)
		test(t, f)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if strings.Contains(f.log.String(), "secret") {
			t.Errorf("the log shows a token:\n%s", f.log.String())
		}
	})
}

func TestStream(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		f.expect(t, "1: x@a")
		u.set("y", "b")
		synctest.Wait() // no time passes
		f.expect(t, "2: x@a y@b")
		u.set("x", "")
		synctest.Wait()
		f.expect(t, "3: y@b")
		polls := u.count("features")
		later(14 * time.Minute)
		if n := u.count("features") - polls; n < 2 || n > 3 {
			t.Errorf("%d polls in 14 minutes beside a stream, want one every five", n)
		}
		if s := f.Status(); s.Mode != upstream.ModeStream || time.Since(s.LastOK) > 31*time.Second ||
			s.Connects != 1 || s.Drifts != 0 {
			t.Errorf("%+v", s)
		}
		f.expect(t, "3: y@b") // the poll writes members and flags in another order
		f.Trigger()
		later(time.Second)
		if n := u.count("features") - polls; n > 3 {
			t.Errorf("%d polls: a webhook polls although the stream is open", n)
		}

		// While the stream is away flags are polled, and it goes on where it was.
		u.fault(func() { u.refuse["streaming"] = 500 })
		u.end()
		u.set("z", "a")
		later(16 * time.Second)
		f.expect(t, "4: y@b z@a")
		if s := f.Status(); s.Mode != upstream.ModePoll {
			t.Errorf("%+v", s)
		}
		u.fault(func() { delete(u.refuse, "streaming") })
		later(time.Minute)
		u.set("w", "a")
		synctest.Wait()
		f.expect(t, "5: w@a y@b z@a")
		if !strings.Contains(f.log.String(), "upstream streams changes") {
			t.Errorf("the log does not say that there is a stream:\n%s", f.log.String())
		}
	})
}

// A stream that is opened again soon goes on after the last event.
func TestStreamGoesOn(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		u.set("y", "a")
		synctest.Wait()
		u.end()
		later(2 * time.Second)
		if n := u.count("streaming 2"); n != 1 {
			t.Errorf("asked %v, want Last-Event-ID 2", u.asked)
		}
		u.set("z", "a")
		synctest.Wait()
		f.expect(t, "3: x@a y@a z@a")
		if n := u.count("features"); n != 1 {
			t.Errorf("%d polls, want one: the stream was away for a second", n)
		}
	})
}

// Modes and paths of a server, and how upstream is followed then.
func TestRefusedStream(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405, 429, 501, 302} {
		for _, mode := range []upstream.Mode{upstream.ModeAuto, upstream.ModeStream} {
			t.Run(fmt.Sprint(status, mode), func(t *testing.T) {
				u := newUnleash()
				u.set("x", "a")
				u.fault(func() { u.refuse["streaming"] = status })
				following(t, u, mode, func(t *testing.T, f *flagsOf) {
					u.set("y", "a")
					later(16 * time.Second)
					f.expect(t, "2: x@a y@a")
					later(4 * time.Minute)
					if n := u.count("streaming"); n != 1 {
						t.Errorf("%d streams were asked for, want one: it was refused", n)
					}
					if s := f.Status(); s.Mode != upstream.ModePoll || s.Err != nil {
						t.Errorf("%+v", s)
					}
					warned := strings.Contains(f.log.String(), "level=WARN")
					if warned != (mode == upstream.ModeStream) {
						t.Errorf("%s: warning %v\n%s", mode, warned, f.log.String())
					}
					u.fault(func() { delete(u.refuse, "streaming") })
					later(2 * time.Minute)
					if s := f.Status(); s.Mode != upstream.ModeStream {
						t.Errorf("the stream is not tried again: %+v", s)
					}
				})
			})
		}
	}
}

// Retry-After of a server that is full, and fetch-mode in both directions.
func TestStreamWhenUpstreamSays(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	u.fault(func() { u.refuse["streaming"] = http.StatusTooManyRequests })
	u.fault(func() { u.headers["streaming"] = http.Header{"Retry-After": {"1200"}} })
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		later(19 * time.Minute)
		if n := u.count("streaming"); n != 1 {
			t.Errorf("%d streams were asked for within the Retry-After", n)
		}
		u.fault(func() { delete(u.refuse, "streaming") })
		later(4 * time.Minute)
		if f.Status().Mode != upstream.ModeStream {
			t.Error("no stream after the Retry-After")
		}
		u.send("event: fetch-mode\ndata: polling\n\n")
		later(2 * time.Minute)
		if f.Status().Mode != upstream.ModePoll {
			t.Error("upstream has asked to poll")
		}
		u.fault(func() { u.headers["features"] = http.Header{"Fetch-Mode": {"streaming"}} })
		u.set("y", "a") // with a 304 SDKs do not look at the header
		later(16 * time.Second)
		if f.Status().Mode != upstream.ModeStream {
			t.Error("upstream has asked to stream")
		}
	})
}

// A connection without a byte for a minute is given up.
func TestSilentStream(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	u.silent = true
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		later(50 * time.Second)
		if n := u.count("streaming"); n != 1 {
			t.Errorf("%d connections within 55 s", n)
		}
		later(12 * time.Second)
		if n := u.count("streaming"); n != 2 {
			t.Errorf("%d connections after a silence of a minute, want 2", n)
		}
	})
}

// Each token has a stream of its own, and their flags are merged as those of polls.
func TestStreamsOfSeveralTokens(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		f.expect(t, "1: x@a")
		u.set("y", "b")
		synctest.Wait()
		f.expect(t, "2: x@a y@b")
		u.set("x", "b") // moves
		synctest.Wait()
		later(time.Minute)
		if _, got, _ := strings.Cut(f.now(), ": "); got != "x@b y@b" && got != u.list() {
			t.Errorf("%s, want %s\n%s", got, u.list(), f.log.String())
		}
		if n := u.count("streaming"); n != 2 {
			t.Errorf("%d streams for two tokens", n)
		}
	}, aToken, bToken)
}

// A new token opens the stream again.
func TestNewTokenReconnects(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeAuto, func(t *testing.T, f *flagsOf) {
		token, err := edgecore.ParseToken(secret.New("*:production.other-secret"))
		if err != nil {
			t.Fatal(err)
		}
		f.SetTokens([]edgecore.Token{token})
		later(20 * time.Second)
		f.Trigger()
		later(5 * time.Minute)
		if n := u.count("streaming"); n != 2 {
			t.Errorf("%d streams, want a second one with the new token", n)
		}
		f.expect(t, "1: x@a")
	})
}

func TestDeltaPolls(t *testing.T) {
	u := newUnleash()
	u.set("x", "a")
	following(t, u, upstream.ModeDelta, func(t *testing.T, f *flagsOf) {
		f.expect(t, "1: x@a")
		later(16 * time.Second)
		u.set("y", "b")
		later(16 * time.Second)
		f.expect(t, "2: x@a y@b")
		if s := f.Status(); s.Mode != upstream.ModeDelta {
			t.Errorf("%+v", s)
		}
		later(14 * time.Minute)
		if n := u.count("features"); n < 3 || n > 4 {
			t.Errorf("%d polls of all flags in 14 minutes, want one every five", n)
		}
		f.expect(t, "2: x@a y@b")
		u.restore(1, map[string]string{"old": "a"}) // answers 304 from now on
		later(8 * time.Minute)
		f.expect(t, "3: old@a")
		u.fault(func() { u.refuse["delta"] = 404 })
		u.set("z", "a")
		later(16 * time.Second)
		f.expect(t, "4: old@a z@a")
		if s := f.Status(); s.Mode != upstream.ModePoll || s.Err != nil {
			t.Errorf("%+v", s)
		}
	})
}

// list returns the flags of the server.
func (u *unleash) list() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var list []string
	for name, project := range u.flags {
		list = append(list, name+"@"+project)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
