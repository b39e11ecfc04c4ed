package cloudflare

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/test/need"
)

// No answer takes more than its bound, and one beyond it is an error.
func TestAnswersAreBounded(t *testing.T) {
	object := sinks.Object{Key: "k", Body: []byte("{}")}
	for name, tc := range map[string]struct {
		answer *need.Endless
		call   func(*Sink, context.Context) error
		most   int64
	}{
		"a value": {&need.Endless{Text: "[["}, func(s *Sink, ctx context.Context) error {
			_, err := s.Get(ctx, "k")
			return err
		}, valueBytes},
		"a value that says so": {&need.Endless{Text: "[[", Length: 1 << 40}, func(s *Sink, ctx context.Context) error {
			_, err := s.Get(ctx, "k")
			return err
		}, 0},
		"a put": {&need.Endless{
			Start: `{"success":true,"errors":[]}`, Text: " ",
		}, func(s *Sink, ctx context.Context) error {
			return s.Put(ctx, object)
		}, answerBytes},
		"errors": {&need.Endless{
			Status: 400, Start: `{"success":false,"errors":[`, Text: "{},",
		}, func(s *Sink, ctx context.Context) error {
			return s.Put(ctx, object)
		}, answerBytes},
		"a delete": {&need.Endless{
			Start: `{"success":true}`, Text: " ", Length: 1 << 40,
		}, func(s *Sink, ctx context.Context) error {
			return s.Delete(ctx, "k")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := DefaultConfig()
			c.Account, c.Namespace, c.APIToken = strings.Repeat("a", 32), strings.Repeat("b", 32), secret.New("token")
			s, err := New(c, tc.answer)
			if err != nil {
				t.Fatal(err)
			}
			var failed error
			used := need.Allocated(func() { failed = tc.call(s, t.Context()) })
			if large := new(untrusted.SizeError); !errors.As(failed, &large) ||
				!strings.Contains(failed.Error(), "the answer has more than") {
				t.Errorf("%v", failed)
			}
			if read := tc.answer.Read.Load(); read > tc.most+1<<20 || used > 4*tc.most+1<<20 {
				t.Errorf("%d bytes are read, %d allocated", read, used)
			}
		})
	}
}

// A list of many errors takes no more memory than its first ones.
func TestErrorsAreBounded(t *testing.T) {
	body := []byte(`{"success":false,"errors":[{"code":7,"message":"first"},` + strings.Repeat("{},", 1<<20) + `{}]}`)
	var a *apiError
	used := need.Allocated(func() { a = checkEnvelope(&http.Response{StatusCode: 400}, body) })
	if a == nil || !a.has(7) || len(a.errors) != mostProblems || len(a.Error()) > 2000 || used > 1<<20 {
		t.Errorf("%.200v, %d bytes allocated", a, used)
	}
	for text, want := range map[string]string{
		`{"success":false,"errors":null}`: "", `{"success":false,"errors":[]}`: "", `{"success":false,"errors":7}`: "",
		`{"success":false,"errors":{}}`:    "",
		`{"success":false,"errors":["x"]}`: "is not from the API", `{"errors":[{"code":7,"message":"m"}]}`: "code 7: m",
	} {
		if a := checkEnvelope(&http.Response{StatusCode: 400, Header: http.Header{}}, []byte(text)); a == nil ||
			!strings.Contains(a.Error(), want) {
			t.Errorf("%s: %v", text, a)
		}
	}
}

// FuzzJudge: nothing but an envelope that says so is a success, and whatever
// else is answered becomes a short line.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{
		`{"success":true,"errors":[]}`, `{"success":false,"errors":[{"code":10009,"message":"no"}]}`,
		`{"success":true,"errors":[{"code":1}]}`, `<html>`, "",
		strings.Repeat("[", 1<<20), `{"success":true,"errors":` + strings.Repeat("[", 1<<20),
		`{"success":false,"errors":[` + strings.Repeat("{},", 1<<17) + `{}]}`,
		`{"success":false,"errors":[{"message":"` + strings.Repeat("x", 1<<16) + `"}]}`, `null`, `{"errors":[null]}`,
	} {
		f.Add(200, "application/json", []byte(seed))
		f.Add(502, "text/html", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		resp := &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {contentType}, "Retry-After": {contentType}},
		}
		var a *apiError
		if used := need.Allocated(func() { a = checkEnvelope(resp, body) }); used > 16*int64(len(body))+1<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(body))
		}
		_ = tooMany(status, body)
		if a == nil {
			if status != http.StatusOK || !strings.Contains(strings.ToLower(string(body)), "success") &&
				!strings.Contains(string(body), `\u`) {
				t.Errorf("%d %.100q is a success", status, body)
			}
			return
		}
		if line := a.Error(); len(line) > mostProblems*900+3000 || strings.ContainsAny(line, "\n\r") ||
			utf8.ValidString(string(body)) && utf8.ValidString(contentType) && !utf8.ValidString(line) {
			t.Errorf("%d bytes: %.500q", len(line), line)
		}
	})
}
