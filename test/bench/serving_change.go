package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	changes    = 15
	hookSecret = "bench-hook"
)

// change measures how long one changed flag of 10,000 takes through the core,
// by a full poll: from the moment that upstream has written its answer until a
// client has the new definitions, packed by gzip. A webhook makes the core poll
// at once.
func (s *servers) change() figure {
	text := string(definitions(10_000))
	at := strings.Index(text[len(text)/2:], `"enabled":true`) + len(text)/2
	u := newUpstream(text, text[:at]+`"enabled":false`+text[at+len(`"enabled":true`):])
	defer u.Close()
	core := s.flagcastOf("flagcast of upstream",
		fmt.Sprintf("upstream: { url: %q, tokens: [%q], poll_interval: 1s }", u.URL, backendToken),
		fmt.Sprintf(", webhook_secret: %q", hookSecret))
	defer s.end("flagcast of upstream")
	header := http.Header{"Authorization": {backendToken}, "Accept-Encoding": {"gzip"}}
	tag := core.get("/api/client/features", header).tag
	runtime.GC() // what other measurements have left would be collected meanwhile
	var times []float64
	for i := range changes + 1 {
		u.version.Add(1)
		core.nudge()
		written := <-u.written
		for {
			header.Set("If-None-Match", tag)
			r, err := core.try("/api/client/features", header)
			check(err)
			if r.code == http.StatusOK && r.tag != tag {
				tag = r.tag
				break
			}
			time.Sleep(time.Millisecond)
		}
		if i > 0 { // the first warms up
			times = append(times, float64(time.Since(written).Nanoseconds())/1e6)
		}
	}
	slices.Sort(times)
	f := figure{
		What: "one flag of 10,000 changed: full poll until served", Unit: "ms",
		Ours: stat{times[0], times[len(times)/2]}, Bar: "at most 30 ms",
	}
	f.Met = f.Ours.Median <= 30
	return f
}

// nudge is what Unleash's webhook sends.
func (s *server) nudge() {
	request, err := http.NewRequest(http.MethodPost, s.url+"/hooks/unleash", strings.NewReader("{}"))
	check(err)
	request.Header.Set("Authorization", hookSecret)
	response, err := http.DefaultClient.Do(request)
	check(err)
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		check(fmt.Errorf("the webhook answers with %s", response.Status))
	}
}

// twoVersions is an upstream that packs its answers, as Unleash does, and says when
// it has written a whole one.
type twoVersions struct {
	*httptest.Server
	version atomic.Int64
	written chan time.Time
}

func newUpstream(documents ...string) *twoVersions {
	packed := make([][]byte, len(documents))
	for i, text := range documents {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text)) // a buffer takes everything
		_ = z.Close()
		packed[i] = b.Bytes()
	}
	u := &twoVersions{written: make(chan time.Time, 1)}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/client/features" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		version := u.version.Load()
		tag := fmt.Sprintf("%q", fmt.Sprint("version-", version))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed[version%int64(len(packed))])
		_ = http.NewResponseController(w).Flush()
		if version > 0 {
			u.written <- time.Now()
		}
	}))
	return u
}
