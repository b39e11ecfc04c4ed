package cloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// As much is read of an answer that is not a value: one that names 10,000 keys,
// and one with bulkGetBytes of values, each byte escaped to six.
const (
	answerBytes     = 8 << 20
	bulkAnswerBytes = 6*bulkGetBytes + answerBytes
)

// answer is what the service said when it did not do what was asked. It keeps
// no request, and so no token, unlike the error of the SDK.
type answer struct {
	status     int
	errors     problems
	note       string // what there is instead of an envelope
	retryAfter string
	location   string
}

type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// problems are the first ones of a list: the others take no memory.
type problems []problem

const mostProblems = 20

// UnmarshalJSON implements json.Unmarshaler.
func (p *problems) UnmarshalJSON(text []byte) error {
	*p = nil
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return err // null, or an error: other values have no problems
	}
	for d.More() && len(*p) < mostProblems {
		var one problem
		if err := d.Decode(&one); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}

func (a *answer) has(codes ...int) bool {
	return slices.ContainsFunc(a.errors, func(p problem) bool { return slices.Contains(codes, p.Code) })
}

func (a *answer) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "answered %d %s", a.status, http.StatusText(a.status))
	for _, p := range a.errors {
		fmt.Fprintf(&b, ", code %d: %s", p.Code, excerpt(p.Message))
	}
	for _, more := range []struct{ before, text string }{{"", a.note}, {"to ", a.location}, {"retry after ", a.retryAfter}} {
		if more.text != "" {
			fmt.Fprintf(&b, ", %s%s", more.before, excerpt(more.text))
		}
	}
	return b.String()
}

// exchange is between the SDK and its HTTP client: it adds the token, and
// turns every answer that is not a success into an *answer. The SDK itself takes
// a 200 that says "success": false for a success.
func (s *Sink) exchange(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	for name := range req.Header {
		if strings.HasPrefix(name, "X-Stainless-") {
			req.Header.Del(name) // what the SDK reports of this machine
		}
	}
	req.Header.Set("User-Agent", "flagcast")
	req.Header.Set("Authorization", "Bearer "+s.config.APIToken.Reveal())
	resp, err := next(req)
	if err != nil {
		return nil, err
	}
	s.quota.learn(resp.Header)
	if resp.StatusCode == http.StatusOK && req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/values/") {
		return resp, nil // a value, which has no envelope
	}
	limit := int64(answerBytes)
	if req.Method == http.MethodPost { // a bulk get
		limit = bulkAnswerBytes
	}
	body, err := untrusted.ReadBody(resp, limit)
	_ = resp.Body.Close()
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		return nil, fmt.Errorf("answered %d %s, and the answer has %w", resp.StatusCode, http.StatusText(resp.StatusCode), err)
	}
	if err != nil {
		return nil, fmt.Errorf("answered %d %s, and the answer ends early: %w", resp.StatusCode, http.StatusText(resp.StatusCode), err)
	}
	if a := judge(resp, body); a != nil {
		return nil, a
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// judge returns nil for a success.
func judge(resp *http.Response, body []byte) *answer {
	var envelope struct {
		Success *bool    `json:"success"`
		Errors  problems `json:"errors"`
	}
	a := &answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), location: resp.Header.Get("Location")}
	switch err := json.Unmarshal(body, &envelope); {
	case err != nil || envelope.Success == nil && len(envelope.Errors) == 0:
		a.note = foreign(resp.Header.Get("Content-Type"), body)
		return a
	case resp.StatusCode == http.StatusOK && envelope.Success != nil && *envelope.Success:
		return nil
	}
	a.errors = envelope.Errors
	if resp.StatusCode == http.StatusOK {
		a.note = `but "success" is not true`
	}
	return a
}

// foreign describes what a gateway or a proxy has answered.
func foreign(contentType string, body []byte) string {
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "with nothing in it"
	case media == "text/html" || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		return fmt.Sprintf("with a page of %d bytes that is not from the API", len(body))
	}
	return fmt.Sprintf("with a body that is not from the API: %q", excerpt(string(body)))
}

// excerpt keeps an error on one line.
func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}

// tooMany finds the documented code of a busy service under another status
// than 429.
func tooMany(_ int, body []byte) bool {
	var envelope struct {
		Errors problems `json:"errors"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return false
	}
	return (&answer{errors: envelope.Errors}).has(codeTooMany)
}
