package upstream

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// StatusError is a response without definitions: any status other than 200, except 304
// for a request with an ETag.
type StatusError struct {
	URL        string
	Status     int
	RetryAfter time.Duration
	Hint       string
}

// Error returns the request, the status and what it means.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("GET %s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// readError returns the error of a response that did not arrive completely.
func (s *scope) readError(request *http.Request, body string, err error) error {
	var large *untrusted.SizeError
	if errors.As(err, &large) {
		return fmt.Errorf("token %d: GET %s: the answer has %w, and no more is read: "+
			"set upstream.max_bytes to more, and give the process 32 times as much memory; or give the token fewer "+
			"projects", s.number, request.URL, err)
	}
	return fmt.Errorf("token %d: GET %s: the answer broke off after %d bytes: %w", s.number, request.URL, len(body),
		err)
}

func (s *scope) statusError(response *http.Response) error {
	e := &StatusError{URL: response.Request.URL.String(), Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	token := s.currentToken()
	which := fmt.Sprintf("token %d (project %s, environment %s)", s.number, token.Project, token.Environment)
	switch response.StatusCode {
	case http.StatusNotModified:
		e.Hint = "nothing was sent to compare with (If-None-Match), so that there must be a body: see what a cache " +
			"or a proxy before Unleash does"
	case http.StatusNoContent, http.StatusPartialContent:
		e.Hint = "Unleash answers 200 with all flags: see what a cache or a proxy before it does"
	case http.StatusUnauthorized:
		e.Hint = "upstream does not know " + which +
			"; create a backend token in Unleash and set it in upstream.tokens or TOKENS"
		if s.tokenHeader != "" && !strings.EqualFold(s.tokenHeader, "Authorization") {
			e.Hint += "; it was sent in the header " + s.tokenHeader +
				" (upstream.token_header, UPSTREAM_AUTH_HEADER or " +
				"TOKEN_HEADER): where upstream wants Authorization, leave that out, and set api.token_header " +
				"(EDGE_AUTH_HEADER) for SDKs alone"
		}
	case http.StatusForbidden:
		e.Hint = "upstream refuses " + which + "; is it a frontend token? A backend (client) token is needed"
	case http.StatusNotFound:
		e.Hint = "is upstream.url the address of Unleash, without /api?"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		e.Hint = "upstream redirects to " + strconv.Quote(response.Header.Get("Location")) +
			"; set upstream.url to where it leads"
	}
	return e
}

func (s *scope) parseError(response *http.Response, body string, err error) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	hint := ""
	switch {
	case strings.TrimSpace(body) == "":
		return fmt.Errorf("token %d: GET %s: 200 with an empty body, which is never taken for \"no flags\": see what "+
			"a proxy before Unleash does: %w", s.number, response.Request.URL, err)
	case kind == "text/html":
		hint = "; a login page or a proxy seems to answer instead of Unleash"
	}
	var syntax *parse.SyntaxError
	if !errors.As(err, &syntax) {
		return err // the end of the context
	}
	if syntax.Offset >= len(body) {
		hint = "; the answer seems to be cut off"
	}
	return fmt.Errorf("token %d: GET %s: the answer (%d bytes of %q) holds no definitions: %w%s", s.number,
		response.Request.URL,
		len(body), kind, err, hint)
}
