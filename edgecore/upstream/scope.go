package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// scope is the part of the definitions that one token covers. It has its own ETag, and
// its own stream.
type scope struct {
	client  *http.Client // for polls, which it repeats
	streams *http.Client // without a time limit
	url     string       // of the client API
	number  int          // of the token in the configuration, from 1, for messages
	headers http.Header
	env     edgecore.Environment
	log     *slog.Logger

	mode     Mode
	interval time.Duration // between polls
	timeout  time.Duration // of one request
	maxBytes int64         // of a response, and of an event

	tokenHeader string // in which the transport sends the token, for errors

	changed chan<- struct{} // gets a value when the stream has changed something
	retry   chan struct{}   // holds one value: the stream is to be tried now

	// Owned by the goroutine that polls.
	size      int                   // of the last answer, in bytes
	delivered *edgecore.Definitions // the one that the last merge used
	following bool                  // a goroutine follows the stream
	delta     deltaPolls

	mu    sync.Mutex
	token edgecore.Token
	part
}

// setToken replaces the token. An open stream connects again.
func (s *scope) setToken(token edgecore.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.Secret == token.Secret {
		return
	}
	s.token = token
	s.disconnect(errNewToken)
}

func (s *scope) currentToken() edgecore.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// request makes a request of the client API.
func (s *scope) request(ctx context.Context, name string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	request.Header = s.headers.Clone()
	request.Header.Set("Authorization", s.currentToken().Secret.Reveal())
	return request, nil
}

// poll asks for what is new. On an error the previous definitions are kept.
func (s *scope) poll(ctx context.Context) error {
	if s.mode == ModeDelta {
		if done, err := s.fetchDelta(ctx); done {
			return err
		}
	}
	return s.fetch(ctx)
}

// fetch requests the definitions.
func (s *scope) fetch(ctx context.Context) error {
	request, err := s.request(ctx, "features")
	if err != nil {
		return err
	}
	began := time.Now()
	etag, last := s.before()
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("token %d: %w", s.number, err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified && etag != "":
		s.confirmed()
		s.delta.polled()
		return nil
	case response.StatusCode != http.StatusOK:
		return s.statusError(response)
	}
	body, err := untrusted.ReadText(response, s.maxBytes, s.size+s.size/16) // most are about as large as the one before
	if err != nil {
		return s.readError(request, body, err)
	}
	d, err := parse.Next(ctx, body, s.env, last)
	if err != nil {
		return s.parseError(response, body, err)
	}
	s.size = len(body)
	s.polled(answer{d, response.Header.Get("ETag"), s.scopeOf(body), began})
	s.delta.polled()
	if response.Header.Get("Fetch-Mode") == "streaming" { // Unleash Enterprise asks SDKs to stream
		s.retryStream()
	}
	return nil
}

// maxProjects bounds the projects of a token that are read from a response.
const maxProjects = 10_000

// scopeOf returns the projects of the token: all, or one, or for a token of several the
// query that upstream repeats.
func (s *scope) scopeOf(body string) map[string]bool {
	token := s.currentToken()
	switch token.Project {
	case "*":
		return nil
	case "[]":
	default:
		return map[string]bool{token.Project: true}
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
