package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// Service is what a webhook belongs to: it decides the body, the signature and
// how a refusal looks.
type Service string

// Services. Sources of the forms: Slack, "Sending messages using incoming
// webhooks"; DingTalk, "Custom robot access" (open.dingtalk.com); Feishu and
// Lark, "Custom bot usage guide" (open.feishu.cn, open.larksuite.com).
const (
	Slack    Service = "slack"
	DingTalk Service = "dingtalk"
	Feishu   Service = "feishu" // and Lark
	JSON     Service = "json"   // any service that takes a POST
)

// Services lists them.
func Services() []Service { return []Service{Slack, DingTalk, Feishu, JSON} }

// signatureHeader carries the signature of a JSON body: "sha256=" and the
// HMAC-SHA256 of the body in hexadecimal.
const signatureHeader = "X-Flagcast-Signature"

// request makes the message of a service, signed where there is a key.
func (o *Options) request(taken []entry, now time.Time) (*http.Request, error) {
	s, address, key := o.Service, o.URL.Reveal(), o.Secret
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	var message any
	switch s {
	case Slack:
		// Without markup, so that the names of flags stay as they are. Three
		// characters mean something to Slack even then.
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text(taken, o.ConfigArgument))
		message = map[string]any{"text": escaped, "mrkdwn": false}
	case DingTalk:
		message = map[string]any{"msgtype": "text", "text": map[string]string{"content": text(taken, o.ConfigArgument)}}
		if !key.IsZero() {
			address = signDingTalk(address, key, now)
		}
	case Feishu:
		// "<at" in a text calls people.
		plain := strings.ReplaceAll(text(taken, o.ConfigArgument), "<at", "< at")
		body := map[string]any{"msg_type": "text", "content": map[string]string{"text": plain}}
		if !key.IsZero() {
			body["timestamp"], body["sign"] = signFeishu(key, now)
		}
		message = body
	default:
		message = map[string]any{"events": records(taken)}
	}
	body, err := encode(message)
	if err != nil {
		return nil, err
	}
	if s == JSON && !key.IsZero() {
		header.Set(signatureHeader, "sha256="+hex.EncodeToString(sign([]byte(key.Reveal()), body)))
	}
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(string(body)))
	if err != nil {
		return nil, errors.New("the URL is not an address")
	}
	r.Header = header
	return r, nil
}

func sign(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// signDingTalk adds the time in milliseconds and the HMAC of time, newline and
// key under the key, valid for an hour.
func signDingTalk(address string, key secret.Secret, now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 10)
	mac := base64.StdEncoding.EncodeToString(sign([]byte(key.Reveal()), []byte(at+"\n"+key.Reveal())))
	join := "?"
	if strings.Contains(address, "?") {
		join = "&"
	}
	return address + join + "timestamp=" + at + "&sign=" + url.QueryEscape(mac)
}

// signFeishu is the time in seconds and the HMAC of nothing, with time,
// newline and key as the key, valid for an hour.
func signFeishu(key secret.Secret, now time.Time) (at, mac string) {
	at = strconv.FormatInt(now.Unix(), 10)
	return at, base64.StdEncoding.EncodeToString(sign([]byte(at+"\n"+key.Reveal()), nil))
}

// refusal is the error in an answer, nil where the message was taken. DingTalk
// and Feishu answer 200 and say in the body that they have refused.
func (s Service) refusal(status int, body []byte) error {
	code, words := "", ""
	switch s {
	case DingTalk:
		code, words = member(body, "errcode", "errmsg")
	case Feishu:
		code, words = member(body, "code", "msg")
		if code == "" {
			code, words = member(body, "StatusCode", "StatusMessage")
		}
	case Slack:
		words = string(body)
	}
	words = cut(strings.Join(strings.Fields(words), " "), 200)
	coded := s == DingTalk || s == Feishu
	switch {
	case coded && code != "" && code != "0":
		return &hinted{
			fmt.Errorf("refused with code %s: %s", cut(code, 20), words),
			`see the security settings of the robot: the keyword must be "flagcast", "secret" that of its signature, ` +
				`the clock right`,
		}
	case status < 200 || status > 299:
		return &hinted{
			fmt.Errorf("%s", strings.TrimSuffix(fmt.Sprintf("HTTP %d %s: %s", status, http.StatusText(status), words),
				": ")),
			`where it stays, make the webhook again and set its "url"`,
		}
	case coded && code == "":
		return &hinted{errors.New("answered without a code"), `"type" or "url" is another service's`}
	}
	return nil
}

// member reads a code and its text; "" where the body is not JSON or has none.
func member(body []byte, code, words string) (string, string) {
	if untrusted.CheckJSON(body, untrusted.RequestDepth) != nil {
		return "", ""
	}
	return gjson.GetBytes(body, code).String(), gjson.GetBytes(body, words).String()
}

// scrub takes the parts of a webhook that are secret out of a text, such as
// the answer of a server that repeats the path.
func scrub(text, address string, key secret.Secret) string {
	parts := []string{address}
	hidden := []string{key.Reveal()} // whatever their length
	if u, err := url.Parse(address); err == nil {
		parts = append(parts, u.RequestURI(), u.Path, u.RawQuery)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
		parts = append(parts, strings.Split(u.Path, "/")...)
		password, _ := u.User.Password()
		hidden = append(hidden, password)
	}
	const short = 6 // such as "hook", which is not a secret
	for _, part := range parts {
		if len(part) >= short {
			hidden = append(hidden, part)
		}
	}
	return secret.Mask(text, hidden...)
}

// unwrapped drops the URL that errors of net/http begin with.
func unwrapped(err error) error {
	var failed *url.Error
	for errors.As(err, &failed) {
		err = failed.Err
	}
	return err
}
