// Package access decides what a token may ask for. Tokens are held and looked
// up by their SHA-256; none is ever printed.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

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
	// ErrUnavailable: upstream, which has to be asked, does not answer.
	ErrUnavailable = errors.New("the token cannot be validated now")
)

// Known is what is known about a valid token.
type Known struct {
	Kind  Kind
	Scope Scope
}

// Validator asks whoever knows all tokens. ok is false for one that nobody
// knows; an error means that there was no answer.
type Validator interface {
	Validate(ctx context.Context, token secret.Secret) (known Known, ok bool, err error)
}

// Options say which tokens are good without asking anybody.
type Options struct {
	Backend, Frontend []edgecore.Token
	// Anonymous is the environment of frontend requests without a token. "":
	// refuse them. Definitions always need a token.
	Anonymous edgecore.Environment
	// Validator knows the other tokens. nil: there are none.
	Validator Validator
}

// Access is safe for concurrent use.
type Access struct {
	configured map[digest]Known
	anonymous  edgecore.Environment
	validated  *cache // nil without a validator
}

type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// New makes an Access. It asks nobody yet.
func New(o Options) *Access {
	a := &Access{configured: map[digest]Known{}, anonymous: o.Anonymous}
	for kind, tokens := range map[Kind][]edgecore.Token{Client: o.Backend, Frontend: o.Frontend} {
		for _, token := range tokens {
			if token.Project == "[]" {
				continue // only the server knows its projects
			}
			a.configured[digestOf(token.Secret.Reveal())] = Known{Kind: kind, Scope: scopeOf(token)}
		}
	}
	if o.Validator != nil {
		a.validated = newCache(o.Validator)
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
	text := strings.TrimSpace(authorization)
	if len(text) > 7 && strings.EqualFold(text[:7], "bearer ") {
		text = strings.TrimSpace(text[7:])
	}
	if text == "" {
		if a.anonymous == "" || kind != Frontend {
			return Scope{}, ErrUnauthorized
		}
		return Scope{Environment: a.anonymous}, nil
	}
	known, ok := a.configured[digestOf(text)]
	if !ok {
		var err error
		if known, ok, err = a.ask(ctx, secret.New(text)); err != nil {
			return Scope{}, err
		}
	}
	switch {
	case !ok:
		return Scope{}, ErrUnauthorized
	case known.Kind != kind:
		return Scope{}, ErrForbidden
	default:
		return known.Scope, nil
	}
}

func (a *Access) ask(ctx context.Context, token secret.Secret) (Known, bool, error) {
	if a.validated == nil {
		return Known{}, false, nil
	}
	// What cannot be a token is no reason to ask.
	if _, err := edgecore.ParseToken(token); err != nil || len(token.Reveal()) > maxTokenBytes {
		return Known{}, false, nil
	}
	return a.validated.get(ctx, token, time.Now())
}

const maxTokenBytes = 1 << 10
