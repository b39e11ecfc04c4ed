package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

// An answer that is too large costs no more than the bound, whether it says so,
// does not end, or unpacks to it. The last good flags stay.
func TestPollRefusesLargeAnswers(t *testing.T) {
	const bound = 1 << 20
	spaces := strings.Repeat(" ", 1<<16)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for range 64 * bound / len(spaces) {
		_, _ = io.WriteString(z, spaces)
	}
	_ = z.Close()
	for name, large := range map[string]http.HandlerFunc{
		"a length that is too large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(bound+1))
			_, _ = w.Write([]byte("{"))
		},
		"without end": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := io.WriteString(w, spaces); err != nil {
					return
				}
			}
		},
		"packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		},
	} {
		t.Run(name, func(t *testing.T) {
			answers := make(chan http.HandlerFunc, 2)
			answers <- flags(1, "x@a")
			answers <- large
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case answer := <-answers:
					answer(w, r)
				default:
					<-r.Context().Done()
				}
			}))
			defer server.Close()
			token, _ := edgecore.ParseToken(secret.New(allToken))
			poll, err := upstream.NewServer(upstream.Options{
				URL: server.URL, Tokens: []edgecore.Token{token}, Environment: "production", MaxBytes: bound,
				Interval: time.Millisecond, Timeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done, delivered := make(chan error), 0
			used := need.Allocated(func() {
				go func() { done <- poll.Run(ctx, func(*edgecore.Definitions) { delivered++ }) }()
				for poll.Status().Err == nil {
					time.Sleep(time.Millisecond) // polls a condition
				}
			})
			status := poll.Status()
			cancel()
			if err := <-done; err != nil || delivered != 1 {
				t.Errorf("%v after %d versions", err, delivered)
			}
			if size := new(untrusted.SizeError); !errors.As(status.Err, &size) ||
				!strings.Contains(status.Err.Error(), "set upstream.max_bytes to more") {
				t.Errorf("%v", status.Err)
			}
			if used > 8*bound {
				t.Errorf("%d bytes allocated", used)
			}
		})
	}
}

// A file has the same bound, at the start and later.
func TestFileRefusesALargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	large := oneFlag + strings.Repeat(" ", 1<<10)
	write(large)
	err := upstream.NewFile(path, "e", 1<<10, slog.New(slog.DiscardHandler)).Run(t.Context(),
		func(*edgecore.Definitions) {
			t.Error("delivered")
		})
	if err == nil ||
		!strings.Contains(err.Error(),
			path+" has more than 1024 bytes, and is not read: set upstream.max_bytes to more") {
		t.Errorf("%v", err)
	}
	write(oneFlag)
	feed := upstream.NewFile(path, "e", 1<<10, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	delivered, done := make(chan *edgecore.Definitions, 8), make(chan error)
	go func() { done <- feed.Run(ctx, func(d *edgecore.Definitions) { delivered <- d }) }()
	<-delivered
	write(large)
	for feed.Status().Err == nil {
		time.Sleep(time.Millisecond) // polls a condition
	}
	write(strings.Replace(oneFlag, `"x"`, `"y"`, 1))
	if d := <-delivered; d.Features[0].Name != "y" {
		t.Errorf("%+v", d)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Projects of a token of several are read one by one.
func TestProjectsOfATokenAreBounded(t *testing.T) {
	const n = 1 << 19
	body := `{"features":[],"query":{"project":[` + strings.Repeat("0,", n) + `"a"]},"meta":{"revisionId":%d}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, body, 1)
	}))
	defer server.Close()
	token, _ := edgecore.ParseToken(secret.New("[]:production.secret"))
	poll, err := upstream.NewServer(upstream.Options{
		URL: server.URL, Tokens: []edgecore.Token{token}, Environment: "production", Interval: time.Hour,
		Timeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	used := need.Allocated(func() { err = poll.Run(ctx, func(*edgecore.Definitions) { cancel() }) })
	if err != nil || used > 32*n {
		t.Errorf("%v, %d bytes allocated for %d", err, used, len(body))
	}
}

// What has no definitions by its status is an error that says so, at the first
// poll and after a good one: it is never taken for "nothing has changed".
func TestAnswersWithoutDefinitions(t *testing.T) {
	unasked := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"304 to no ETag": {unasked, "304 Not Modified: nothing was sent to compare with"},
		"204":            {status(http.StatusNoContent), "204 No Content: Unleash answers 200 with all flags"},
		"206":            {status(http.StatusPartialContent), "206 Partial Content: Unleash answers 200"},
		"200 and empty":  {status(http.StatusOK), "200 with an empty body, which is never taken for"},
		"200 and blank": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(" \r\n"))
		}, "200 with an empty body"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{answers: map[string]http.HandlerFunc{allToken: tc.answer}}
			polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
				later(time.Minute)
				f.expect(t)
				st := f.Status()
				if st.Err == nil || !st.LastOK.IsZero() || !strings.Contains(st.Err.Error(), tc.says) ||
					!strings.Contains(f.log.String(), strings.SplitN(tc.says, ",", 2)[0]) {
					t.Errorf("status %+v, log:\n%s", st, &f.log)
				}
				s.set(allToken, flags(1, "x@a"))
				later(time.Minute)
				f.expect(t, "x")
				if name == "304 to no ETag" {
					return
				}
				s.set(allToken, tc.answer)
				later(time.Minute)
				f.expect(t, "x")
				if f.Status().Err == nil {
					t.Error("it counts as an answer")
				}
			})
		})
	}
	// Behind an older revision no ETag is sent: a 304 says nothing then.
	t.Run("304 after an older revision", func(t *testing.T) {
		s := &server{answers: map[string]http.HandlerFunc{allToken: flags(9, "x@a")}}
		polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
			s.set(allToken, flags(7, "x@a"))
			later(17 * time.Second)
			s.set(allToken, status(http.StatusNotModified))
			later(time.Minute)
			f.expect(t, "x")
			if f.Status().Err == nil {
				t.Error("it counts as an answer")
			}
		})
	})
}
