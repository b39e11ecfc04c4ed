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

// Bounds of responses other than values, in bytes: one that names 10,000 keys, and one
// with bulkGetBytes of values, each byte escaped to six.
const (
	answerBytes     = 8 << 20
	bulkAnswerBytes = 6*bulkGetBytes + answerBytes
)

// apiError is a response that is not a success. Unlike the error of the SDK it does not
// contain the request, and so no token.
type apiError struct {
	status     int
	errors     problems
	note       string // describes a response without an envelope
	retryAfter string
	location   string
}

type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// problems are the first mostProblems of a list: the others need no memory.
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

func (a *apiError) has(codes ...int) bool {
	return slices.ContainsFunc(a.errors, func(p problem) bool { return slices.Contains(codes, p.Code) })
}

func (a *apiError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "answered %d %s", a.status, http.StatusText(a.status))
	for _, p := range a.errors {
		fmt.Fprintf(&b, ", code %d: %s", p.Code, excerpt(p.Message))
	}
	for _, more := range []struct{ before, text string }{
		{"", a.note}, {"to ", a.location}, {"retry after ", a.retryAfter},
	} {
		if more.text != "" {
			fmt.Fprintf(&b, ", %s%s", more.before, excerpt(more.text))
		}
	}
	return b.String()
}

// middleware runs between the SDK and its HTTP client: it adds the token, and returns an
// *apiError for every response that is not a success. The SDK itself treats 200 with
// "success": false as a success.
func (s *Sink) middleware(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	for name := range req.Header {
		if strings.HasPrefix(name, "X-Stainless-") {
			req.Header.Del(name) // they describe this machine
		}
	}
	req.Header.Set("User-Agent", "flagcast")
	req.Header.Set("Authorization", "Bearer "+s.config.APIToken.Reveal())
	resp, err := next(req)
	if err != nil {
		return nil, err
	}
	s.quota.update(resp.Header)
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
		return nil,
			fmt.Errorf("answered %d %s, and the answer has %w", resp.StatusCode, http.StatusText(resp.StatusCode), err)
	}
	if err != nil {
		return nil, fmt.Errorf("answered %d %s, and the answer ends early: %w", resp.StatusCode,
			http.StatusText(resp.StatusCode), err)
	}
	if a := checkEnvelope(resp, body); a != nil {
		return nil, a
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// checkEnvelope returns an error for a response that is not a success.
func checkEnvelope(resp *http.Response, body []byte) *apiError {
	var envelope struct {
		Success *bool    `json:"success"`
		Errors  problems `json:"errors"`
	}
	a := &apiError{
		status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), location: resp.Header.Get("Location"),
	}
	switch err := json.Unmarshal(body, &envelope); {
	case err != nil || envelope.Success == nil && len(envelope.Errors) == 0:
		a.note = describeForeign(resp.Header.Get("Content-Type"), body)
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

// describeForeign describes a response of a gateway or a proxy.
func describeForeign(contentType string, body []byte) string {
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "with nothing in it"
	case media == "text/html" || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		return fmt.Sprintf("with a page of %d bytes that is not from the API", len(body))
	}
	return fmt.Sprintf("with a body that is not from the API: %q", excerpt(string(body)))
}

// excerpt returns the start of a text, in one line.
func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}

// tooMany reports whether a response has the documented code of a busy service, whose
// status is not always 429.
func tooMany(_ int, body []byte) bool {
	var envelope struct {
		Errors problems `json:"errors"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return false
	}
	return (&apiError{errors: envelope.Errors}).has(codeTooMany)
}
