package alicloud

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

// No answer takes more than its bound, and one beyond it is an error.
func TestAnswersAreBounded(t *testing.T) {
	for name, endless := range map[string]*need.Endless{
		"a value":    {Start: `{"Value":"`, Text: "x"},
		"blanks":     {Start: `{"Value":"x"}`, Text: " "},
		"nesting":    {Text: "["},
		"one length": {Start: `{"Value":"x"}`, Text: " ", Length: 1 << 40},
	} {
		client := NewClient(&url.URL{Scheme: "https", Host: "kv.test"}, "2024-09-10", static{testKeys}, endless)
		var answer struct{ Value string }
		var err error
		used := need.Allocated(func() {
			err = client.Do(t.Context(), Call{Action: "GetKv", Method: http.MethodGet}, &answer)
		})
		large := new(untrusted.SizeError)
		if !errors.As(err, &large) || !strings.Contains(err.Error(), "answer has more than 16777216 bytes") {
			t.Errorf("%s: %v", name, err)
		}
		if read := endless.Read.Load(); read > answerBytes+1<<20 || used > 4*answerBytes || endless.Length > 0 &&
			read > 0 {
			t.Errorf("%s: %d bytes are read, %d allocated", name, read, used)
		}
	}
}

// Keys are some hundred bytes: STS and the metadata service have a bound that
// says so, and a token file that holds something else is not read whole.
func TestKeysAreBounded(t *testing.T) {
	c, _, _, _ := pod(t)
	endless := &need.Endless{Start: `{"Credentials":{}}`, Text: " "}
	if _, err := retrieve(t, c, endless); err == nil ||
		!strings.Contains(err.Error(), "read the answer of STS: more than 65536 bytes") {
		t.Errorf("STS: %v", err)
	}
	if read := endless.Read.Load(); read > 1<<18 {
		t.Errorf("STS: %d bytes are read", read)
	}
	if _, err := retrieve(t, of(typeECS, nil), &need.Endless{Text: "x"}); err == nil ||
		!strings.Contains(err.Error(), "read the answer of the metadata service: more than 65536 bytes") {
		t.Errorf("metadata service: %v", err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 1<<40)); err != nil {
		t.Skip("the file system has no sparse files of this size: " + err.Error())
	}
	c.OIDCTokenFile = file
	if _, err := retrieve(t, c, endless); err == nil || !strings.Contains(err.Error(), "more than 80000 bytes") {
		t.Errorf("token file: %v", err)
	}
}

// FuzzRefusal: whatever a service answers becomes a short line without what was
// secret in the request.
func FuzzRefusal(f *testing.F) {
	for _, seed := range []string{
		`{"Code":"Throttling.User","Message":"test-secret","RequestId":"1"}`,
		`{"Code":"` + strings.Repeat("x", 1<<16) + `"}`, `{"Message":{}}`, `<html>`,
		strings.Repeat("[", 1<<20), `{"a":` + strings.Repeat("[", 1<<20),
		`{"Code":"a","x":[` + strings.Repeat("0,", 1<<17) + `0]}`,
	} {
		f.Add(404, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var failed *Error
		if used := need.Allocated(func() { failed = errorOf(status, body) }); used > 16*int64(len(body))+1<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(body))
		}
		failed.Action = "GetKv"
		failed.redact(testKeys)
		line := failed.Error()
		if len(line) > 1500 || strings.ContainsAny(line, "\n\r") || !utf8.ValidString(line) ||
			strings.Contains(line, "test-secret") {
			t.Errorf("%q", line)
		}
		if failed.Code != "" && !json.Valid(body) {
			t.Errorf("code %q of what is not JSON", failed.Code)
		}
		_ = failed.MayPass()
		_ = retryStatus(status, body)
	})
}
