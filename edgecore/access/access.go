// Package access decides what a token may ask for. Tokens are held and looked
// up by their SHA-256; none is ever printed. A token in clear lives only as
// long as the request that brought it, and the question to upstream about it.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/secret"
)

// Kind is one of the two APIs. Unleash has a type of token for each.
type Kind string

const (
	Client   Kind = "client"   // backend SDKs: definitions
	Frontend Kind = "frontend" // browsers and apps: answers
)

// Scope is what a request may see.
type Scope struct {
	Environment edgecore.Environment
	Projects    []string // sorted; nil: all
}

// Sees tells whether a project is within the scope.
func (s Scope) Sees(project string) bool {
	return s.Projects == nil || slices.Contains(s.Projects, project)
}

var (
	// ErrUnauthorized: there is no token, or nobody knows it.
	ErrUnauthorized = errors.New("the token is missing or unknown")
	// ErrForbidden: the token is for the other API.
	ErrForbidden = errors.New("the token is for another API")
	// ErrUnavailable: upstream, which has to be asked, does not answer, or too
	// many questions wait for it. It passes.
	ErrUnavailable = errors.New("the token cannot be validated now")
	// ErrUncovered: the token is for an environment, or for projects, that are
	// not followed here. It passes when the configuration changes.
	ErrUncovered = errors.New("the token asks for more than is followed here")
)

// Known is what is known about a valid token.
type Known struct {
	Kind  Kind
	Scope Scope
}

// Validator asks whoever knows all tokens.
type Validator interface {
	// Validate tells what is known of each token, in their order: nil for one
	// that nobody knows. An error means that there was no answer.
	Validate(ctx context.Context, tokens []secret.Secret) ([]*Known, error)
}

// Options say which tokens are good without asking anybody.
type Options struct {
	Backend, Frontend []edgecore.Token
	// Anonymous is the environment of frontend requests without a token. "":
	// refuse them. Definitions always need a token.
	Anonymous edgecore.Environment
	// Followed are the projects of each environment that is served here; a nil
	// list means all. About tokens of other environments nobody is asked, and
	// tokens of the client API have to be within. nil: everything is followed.
	Followed map[edgecore.Environment][]string
	// Validator knows the other tokens. nil: there are none.
	Validator Validator
	// ValidFor is how long its word on a valid token holds. 0: an hour.
	ValidFor time.Duration
	// Dir keeps valid tokens over a restart, by their SHA-256. "": none are kept.
	Dir string
	Log *slog.Logger // required with Dir
}

// Access is safe for concurrent use.
type Access struct {
	configured map[digest]Known
	anonymous  edgecore.Environment
	followed   map[edgecore.Environment][]string
	validated  *cache // nil without a validator
}

type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// New makes an Access. It asks nobody yet, and reads nothing.
func New(o Options) *Access {
	a := &Access{configured: map[digest]Known{}, anonymous: o.Anonymous, followed: o.Followed}
	for kind, tokens := range map[Kind][]edgecore.Token{Client: o.Backend, Frontend: o.Frontend} {
		for _, token := range tokens {
			if token.Project == "[]" {
				continue // only the server knows its projects
			}
			a.configured[digestOf(token.Secret.Reveal())] = Known{Kind: kind, Scope: scopeOf(token)}
		}
	}
	if o.Validator != nil {
		a.validated = newCache(o)
	}
	return a
}

func scopeOf(t edgecore.Token) Scope {
	s := Scope{Environment: t.Environment}
	if t.Project != "*" {
		s.Projects = []string{t.Project}
	}
	return s
}

// Check returns what the holder of an Authorization header may see, or one of
// the errors of this package. A "Bearer " in front of the token is accepted.
func (a *Access) Check(ctx context.Context, authorization string, kind Kind) (Scope, error) {
	text := tokenOf(authorization)
	if text == "" {
		if a.anonymous == "" || kind != Frontend {
			return Scope{}, ErrUnauthorized
		}
		return Scope{Environment: a.anonymous}, nil
	}
	known, ok, err := a.find(ctx, text)
	if ok && known.Kind != kind {
		known = a.recall(ctx, text, known)
	}
	switch {
	case err != nil:
		return Scope{}, err
	case !ok:
		return Scope{}, ErrUnauthorized
	case known.Kind != kind:
		return Scope{}, ErrForbidden
	case !a.covers(known):
		return Scope{}, ErrUncovered
	default:
		return known.Scope, nil
	}
}

// tokenOf takes the token out of an Authorization header.
func tokenOf(authorization string) string {
	text := strings.TrimSpace(authorization)
	if len(text) > 7 && strings.EqualFold(text[:7], "bearer ") {
		text = strings.TrimSpace(text[7:])
	}
	return text
}

// MaxTokens bounds the tokens of one Validate.
const MaxTokens = 500

// Validate tells what is known of tokens, in their order: nil for one that
// nobody knows, or whose environment is not followed here. It is what another
// core asks. An error means that it cannot be told of all of them.
func (a *Access) Validate(ctx context.Context, tokens []string) ([]*Known, error) {
	if len(tokens) > MaxTokens {
		return nil, fmt.Errorf("%d tokens at once, the limit is %d", len(tokens), MaxTokens)
	}
	list := make([]*Known, len(tokens))
	group, ctx := errgroup.WithContext(ctx)
	for i, token := range tokens {
		group.Go(func() error {
			known, ok, err := a.find(ctx, tokenOf(token))
			if ok && err == nil {
				known = a.recall(ctx, tokenOf(token), known)
				list[i] = &known
			}
			if errors.Is(err, ErrUncovered) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return list, nil
}

// find looks a token up, and asks about it where that makes sense.
func (a *Access) find(ctx context.Context, text string) (Known, bool, error) {
	if known, ok := a.configured[digestOf(text)]; ok {
		return known, true, nil
	}
	// What cannot be a token, or can be none of a client, is no reason to ask.
	token, err := edgecore.ParseToken(secret.New(text))
	if a.validated == nil || len(text) > maxTokenBytes || err != nil || token.Environment == "*" {
		return Known{}, false, nil
	}
	if _, here := a.followed[token.Environment]; !here && a.followed != nil {
		return Known{}, false, ErrUncovered
	}
	return a.validated.get(ctx, token.Secret, time.Now())
}

// recall asks about a token of the configuration whose API matters: among the
// tokens of Unleash Edge may be some of the frontend API.
func (a *Access) recall(ctx context.Context, text string, configured Known) Known {
	if _, ok := a.configured[digestOf(text)]; !ok || a.validated == nil {
		return configured
	}
	if known, ok, err := a.validated.get(ctx, secret.New(text), time.Now()); ok && err == nil {
		return known
	}
	return configured
}

// maxTokenBytes is above what Unleash makes: the name of a project and that of
// an environment, each up to 100 characters, and a secret of up to 70.
const maxTokenBytes = 512

// covers tells whether everything that a token of the client API sees is
// followed: a part of it would look like the whole.
func (a *Access) covers(k Known) bool {
	projects := a.followed[k.Scope.Environment]
	if a.followed == nil || projects == nil || k.Kind != Client {
		return true
	}
	if k.Scope.Projects == nil {
		return false
	}
	return !slices.ContainsFunc(k.Scope.Projects, func(p string) bool { return !slices.Contains(projects, p) })
}
