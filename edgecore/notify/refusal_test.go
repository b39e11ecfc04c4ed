package notify

import (
	"strings"
	"testing"
)

// FuzzRefusal: whatever a chat service answers, the error is one short line, and
// a success is one by its status and code alone.
func FuzzRefusal(f *testing.F) {
	for _, body := range []string{
		"", "ok", `{"errcode":0,"errmsg":"ok"}`, `{"errcode":310000,"errmsg":"keywords not in content"}`,
		`{"code":19024,"msg":"Key Words Not Found"}`,
		`{"StatusCode":0}`, "<html>\n\n<b>", strings.Repeat("[", 1<<20), `{"errcode":` + strings.Repeat("9", 1<<16) +
			`}`,
		`{"errmsg":"` + strings.Repeat("x\\n", 1<<16) + `"}`,
	} {
		f.Add(200, body)
		f.Add(500, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		for _, s := range []Service{Slack, DingTalk, Feishu, JSON} {
			err := s.refusal(status, []byte(body))
			if err == nil && (status < 200 || status > 299) {
				t.Errorf("%s: HTTP %d counts as a success", s, status)
			}
			if err != nil && (len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: %.200q", s, err.Error())
			}
		}
	})
}
