package oss

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
	"github.com/flagcast/flagcast/test/need"
)

// FuzzParseAnswer: what a service or a gateway answers becomes a short line
// without what was secret in the request.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no, test-secret-key</Message><EC>1</EC></Error>`,
		`<Error><Code>NoSuchKey</Code><Endpoint>` + strings.Repeat("x", 1<<15) + `</Endpoint></Error>`,
		strings.Repeat("<Error>", 1<<13),
		strings.Repeat("[", 1<<16),
		`<!DOCTYPE x [<!ENTITY a "aaaa">]><Error><Code>&a;</Code></Error>`,
	} {
		f.Add([]byte(seed))
	}
	keys := alicloud.Keys{AccessKeyID: "test-key-id", AccessKeySecret: secret.New("test-secret-key")}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > answerBytes {
			return
		}
		var a answer
		var ok bool
		if used := need.Allocated(func() { a, ok = parseAnswer(body) }); used > 200*int64(len(body))+1<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(body))
		}
		if !ok {
			return
		}
		line := alicloud.Redact(a.message(), keys)
		if len(line) > 400 || strings.ContainsAny(line, "\n\r") || !utf8.ValidString(line) ||
			strings.Contains(line, "test-secret-key") {
			t.Errorf("%q", line)
		}
	})
}
