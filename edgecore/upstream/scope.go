package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// scope is the part of the definitions that one token covers. It has its own ETag.
type scope struct {
	client  *http.Client
	url     string
	token   edgecore.Token
	number  int // of the token in the configuration, from 1, for messages
	headers http.Header
	env     edgecore.Environment
	log     *slog.Logger

	interval time.Duration // between polls
	maxBytes int64         // of a response

	tokenHeader string // in which the transport sends the token, for errors

	etag      string
	size      int                   // of the answer, in bytes
	last      *edgecore.Definitions // the newest that was read completely
	projects  map[string]bool       // of the token, nil for all
	delivered *edgecore.Definitions // the one that the last merge used
	regress   regress
}

// regress is a series of answers with a lower revision than the one that was read
// before: one of several servers behind a load balancer lags, or a database was
// restored. The zero value: none.
type regress struct {
	revision uint64 // of the last one
	answers  int
	since    time.Time // the first one
}

const (
	// regressAnswers is how many answers in a row must be older until one is used, and
	// regressTime how long the series must last, or the poll interval if that is
	// longer: a trigger makes several polls within two seconds.
	regressAnswers = 3
	regressTime    = 10 * time.Second
)

// older reports whether definitions must be ignored for now: their revision is lower,
// and the series of such answers is too short. Definitions without a revision are
// lower than any. The revision of a restored database may rise during the series; a
// revision that falls starts a new series.
func (s *scope) older(d *edgecore.Definitions) bool {
	if s.last == nil || d.Revision >= s.last.Revision {
		s.regress = regress{}
		return false
	}
	r, needed := &s.regress, max(regressTime, s.interval)
	if r.answers == 0 || d.Revision < r.revision {
		*r = regress{since: time.Now()}
	}
	r.revision = d.Revision
	r.answers++
	if r.answers >= regressAnswers && time.Since(r.since) >= needed {
		s.log.Warn("upstream has gone back to an older revision", "token", s.number, "revision", d.Revision,
			"newest", s.last.Revision)
		*r = regress{}
		return false
	}
	if r.answers == 1 {
		s.log.Warn("ignoring an older revision from upstream until all answers, at least three, have one for this time",
			"time", needed.String(), "token", s.number, "revision", d.Revision, "newest", s.last.Revision)
	}
	return true
}

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

// fetch requests the definitions. On an error the previous definitions are kept.
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
	switch {
	case response.StatusCode == http.StatusNotModified && s.etag != "":
		s.regress = regress{}
		return nil
	case response.StatusCode != http.StatusOK:
		return s.statusError(response)
	}
	body, err := untrusted.ReadText(response, s.maxBytes, s.size+s.size/16) // most are about as large as the one before
	if err != nil {
		return s.readError(body, err)
	}
	d, err := parse.Next(ctx, body, s.env, s.last)
	if err != nil {
		return s.parseError(response, body, err)
	}
	if s.older(d) {
		s.etag = "" // the next answer must be complete
		return nil
	}
	s.etag, s.size = response.Header.Get("ETag"), len(body)
	s.projects = s.scopeOf(body)
	if !s.last.Equal(d) {
		s.last = d
	}
	return nil
}

// readError returns the error of a response that did not arrive completely.
func (s *scope) readError(body string, err error) error {
	var large *untrusted.SizeError
	if errors.As(err, &large) {
		return fmt.Errorf("token %d: GET %s: the answer has %w, and no more is read: "+
			"set upstream.max_bytes to more, and give the process 32 times as much memory; or give the token fewer "+
			"projects", s.number, s.url, err)
	}
	return fmt.Errorf("token %d: GET %s: the answer broke off after %d bytes: %w", s.number, s.url, len(body), err)
}

// maxProjects bounds the projects of a token that are read from a response.
const maxProjects = 10_000

// scopeOf returns the projects of the token: all, or one, or for a token of several the
// query that upstream repeats.
func (s *scope) scopeOf(body string) map[string]bool {
	switch s.token.Project {
	case "*":
		return nil
	case "[]":
	default:
		return map[string]bool{s.token.Project: true}
	}
	projects := map[string]bool{}
	// Unleash calls the member "project", Unleash Edge "projects".
	for _, member := range []string{"query.project", "query.projects"} {
		if list := gjson.Get(body, member); list.IsArray() {
			list.ForEach(func(_, name gjson.Result) bool {
				projects[strings.Clone(name.Str)] = true // a copy, which does not keep the body
				return len(projects) < maxProjects
			})
		}
	}
	return projects
}

func (s *scope) statusError(response *http.Response) error {
	e := &StatusError{URL: s.url, Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	which := fmt.Sprintf("token %d (project %s, environment %s)", s.number, s.token.Project, s.token.Environment)
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
			"a proxy before Unleash does: %w", s.number, s.url, err)
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
	return fmt.Errorf("token %d: GET %s: the answer (%d bytes of %q) holds no definitions: %w%s", s.number, s.url,
		len(body), kind, err, hint)
}
