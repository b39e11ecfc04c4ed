package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
)

// maxBody bounds what is read of one answer.
const maxBody = 256 << 20

// scope is what one token may see: it is fetched with an ETag of its own.
type scope struct {
	client  *http.Client
	url     string
	token   edgecore.Token
	number  int // of the token in the configuration, from 1: its name in messages
	headers http.Header
	env     edgecore.Environment
	log     *slog.Logger

	etag      string
	size      int                   // of the answer, in bytes
	last      *edgecore.Definitions // the newest that was read whole
	projects  []string              // of the token, nil for all
	delivered *edgecore.Definitions // the one that the last merge used
	regress   regress
}

// regress counts answers whose revision is below that of what was read before:
// two servers behind a balancer of which one lags, or a restored database.
type regress struct {
	revision uint64
	answers  int
}

// regressAnswers is how many answers in a row have to agree on a lower revision
// before it is taken.
const regressAnswers = 3

// older tells whether definitions are to be left for now: their revision is
// lower, and not enough answers have said so.
func (s *scope) older(d *edgecore.Definitions) bool {
	if s.last == nil || d.Revision == 0 || d.Revision >= s.last.Revision {
		s.regress = regress{}
		return false
	}
	if s.regress.revision != d.Revision {
		s.regress = regress{revision: d.Revision}
	}
	s.regress.answers++
	switch s.regress.answers {
	case 1:
		s.log.Warn("upstream has answered with an older revision: it is taken when three answers in a row say so",
			"token", s.number, "revision", d.Revision, "newest", s.last.Revision)
	case regressAnswers:
		s.log.Warn("upstream has gone back to an older revision", "token", s.number, "revision", d.Revision, "newest", s.last.Revision)
		s.regress = regress{}
		return false
	}
	return true
}

// StatusError is an answer other than 200 and 304.
type StatusError struct {
	URL        string
	Status     int
	RetryAfter time.Duration
	Hint       string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("GET %s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// fetch asks for the definitions. What it has read before stands on an error.
func (s *scope) fetch(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	request.Header = s.headers.Clone()
	request.Header.Set("Authorization", s.token.Secret.Reveal())
	if s.etag != "" {
		request.Header.Set("If-None-Match", s.etag)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("token %d: %w", s.number, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusNotModified:
		s.regress = regress{}
		return nil
	case http.StatusOK:
	default:
		return s.refused(response)
	}
	var answer strings.Builder
	answer.Grow(s.size + s.size/16) // most answers are about as large as the one before
	_, err = io.Copy(&answer, io.LimitReader(response.Body, maxBody+1))
	body := answer.String()
	if err != nil {
		return fmt.Errorf("token %d: GET %s: the answer broke off after %d bytes: %w", s.number, s.url, len(body), err)
	}
	if len(body) > maxBody {
		return fmt.Errorf("token %d: GET %s: the answer has more than %d bytes", s.number, s.url, maxBody)
	}
	d, err := edgecore.ParseNext(ctx, body, s.env, s.last)
	if err != nil {
		return s.unreadable(response, body, err)
	}
	if s.older(d) {
		s.etag = "" // asked again, it has to answer whole
		return nil
	}
	s.etag, s.size = response.Header.Get("ETag"), len(body)
	s.projects = s.scopeOf(body)
	if !s.last.Equal(d) {
		s.last = d
	}
	return nil
}

// scopeOf names the projects of the token: all, or one, or for a token of
// several what upstream says it has asked for.
func (s *scope) scopeOf(body string) []string {
	switch s.token.Project {
	case "*":
		return nil
	case "[]":
	default:
		return []string{s.token.Project}
	}
	projects := []string{}
	// Unleash calls the member "project", Unleash Edge "projects".
	for _, member := range []string{"query.project", "query.projects"} {
		for _, name := range gjson.Get(body, member).Array() {
			projects = append(projects, name.Str)
		}
	}
	return projects
}

func (s *scope) refused(response *http.Response) error {
	e := &StatusError{URL: s.url, Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	which := fmt.Sprintf("token %d (project %s, environment %s)", s.number, s.token.Project, s.token.Environment)
	switch response.StatusCode {
	case http.StatusUnauthorized:
		e.Hint = "upstream does not know " + which + "; create a backend token in Unleash and set it in upstream.tokens or TOKENS"
	case http.StatusForbidden:
		e.Hint = "upstream refuses " + which + "; is it a frontend token? A backend (client) token is needed"
	case http.StatusNotFound:
		e.Hint = "is upstream.url the address of Unleash, without /api?"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		e.Hint = "upstream redirects to " + strconv.Quote(response.Header.Get("Location")) + "; set upstream.url to where it leads"
	}
	return e
}

func (s *scope) unreadable(response *http.Response, body string, err error) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	hint := ""
	if kind == "text/html" {
		hint = "; a login page or a proxy seems to answer instead of Unleash"
	}
	var syntax *edgecore.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= len(body) {
		hint = "; the answer seems to be cut off"
	}
	return fmt.Errorf("token %d: GET %s: the answer (%d bytes of %q) holds no definitions: %w%s", s.number, s.url, len(body), kind, err, hint)
}
