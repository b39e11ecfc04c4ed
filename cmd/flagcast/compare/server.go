package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/unleashurl"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// Server is one of the two that are compared.
type Server struct {
	URL string // without /api
	// Tokens of the client API, the frontend API or both: each is tried where
	// it may fit. None: the frontend API is asked without one.
	Tokens []secret.Secret
	Client *http.Client
	// Header is sent with every request.
	Header http.Header

	base              *url.URL
	backend, frontend secret.Secret
	features          []byte // the answer of the client API; nil: no token for it
	answers           bool   // the frontend API
	all               bool   // it has /all
	unserved          error  // the client API answers 404, as a worker does
}

// maxBody bounds what is read of one answer.
const maxBody = 256 << 20

// statusError is an answer other than 200.
type statusError struct {
	where  string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("ask %s: %d %s", e.where, e.status, http.StatusText(e.status))
}

// refused reports whether an answer says that a token is of no use there.
func refused(err error) bool {
	var e *statusError
	return errors.As(err, &e) && (e.status == http.StatusUnauthorized || e.status == http.StatusForbidden)
}

// notServed reports whether an answer says that there is no such API.
func notServed(err error) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == http.StatusNotFound
}

// name is the address as it may be shown.
func (s *Server) name() string { return s.base.Redacted() }

// open reads the address and finds out which token is for which API.
func (s *Server) open(ctx context.Context) error {
	base, err := unleashurl.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("%q %w", redact(s.URL), err)
	}
	s.base = base
	tokens := s.Tokens
	if len(tokens) == 0 {
		tokens = []secret.Secret{{}}
	}
	for _, token := range tokens {
		if s.features == nil && !token.IsZero() {
			body, err := s.definitions(ctx, token)
			if err == nil {
				s.backend, s.features = token, body
				continue
			}
			switch {
			case notServed(err):
				s.unserved = err
			case !refused(err):
				return err
			}
		}
		if !s.answers {
			_, err := s.get(ctx, "/api/frontend", nil, token)
			if err == nil {
				s.frontend, s.answers = token, true
			} else if !refused(err) && !notServed(err) {
				return err
			}
		}
	}
	if s.features == nil && !s.answers {
		if s.unserved != nil {
			return s.unserved
		}
		return fmt.Errorf("%s takes none of the tokens: neither its client API nor its frontend API answers with 200",
			s.name())
	}
	if s.answers {
		_, err := s.get(ctx, "/api/frontend/all", nil, s.frontend)
		s.all = err == nil
	}
	return ctx.Err()
}

// redact is for an address that cannot be parsed, and may hold a password.
func redact(address string) string {
	if i := strings.LastIndex(address, "@"); i >= 0 {
		return "…" + address[i:]
	}
	return address
}

func (s *Server) definitions(ctx context.Context, token secret.Secret) ([]byte, error) {
	return s.get(ctx, "/api/client/features", nil, token)
}

// longestQuery is what fits into the request line everywhere.
const longestQuery = 4 << 10

// toggles asks the frontend API for one context, as SDKs do: by GET, or by
// POST where a query cannot hold the context.
func (s *Server) toggles(ctx context.Context, path string, c *eval.Context) (map[string]any, error) {
	body, err := s.get(ctx, path, c, s.frontend)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Toggles []map[string]any `json:"toggles"`
	}
	if err := decode(body, &answer); err != nil {
		return nil, fmt.Errorf("ask %s: the answer has no toggles: %w", s.name()+path, err)
	}
	byName := map[string]any{}
	for _, toggle := range answer.Toggles {
		name, _ := toggle["name"].(string)
		byName[name] = clean("", toggle)
	}
	return byName, nil
}

func (s *Server) get(ctx context.Context, path string, c *eval.Context, token secret.Secret) ([]byte, error) {
	address := *s.base
	address.Path += path
	method, content := http.MethodGet, io.Reader(nil)
	if c != nil {
		query, fits := queryOf(c)
		if fits && len(query) <= longestQuery {
			address.RawQuery = query
		} else {
			method, content = http.MethodPost, strings.NewReader(bodyOf(c))
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, address.String(), content)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.name()+path, err)
	}
	for name, values := range s.Header {
		request.Header[name] = values
	}
	// Without it the server writes segments into the constraints.
	request.Header.Set("Unleash-Client-Spec", "6.1.0")
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if !token.IsZero() {
		request.Header.Set("Authorization", token.Reveal())
	}
	response, err := s.Client.Do(request)
	if err != nil {
		return nil, err // names method and address, without a password
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &statusError{s.name() + path, response.StatusCode}
	}
	body, err := untrusted.ReadBody(response, maxBody)
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		return nil, fmt.Errorf("ask %s: the answer has %w", s.name()+path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.name()+path, err)
	}
	return body, nil
}
