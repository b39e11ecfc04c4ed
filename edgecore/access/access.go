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
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/secret"
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

// Sees reports whether a project is within the scope.
func (s Scope) Sees(project string) bool {
	return s.Projects == nil || slices.Contains(s.Projects, project)
}

var (
	// ErrUnauthorized: there is not a token, or it is unknown.
	ErrUnauthorized = errors.New("the token is missing or unknown")
	// ErrForbidden: the token is for the other API.
	ErrForbidden = errors.New("the token is for another API")
	// ErrUnavailable: upstream, which must be asked, does not answer, or too
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

// Validator asks the server that has all tokens.
type Validator interface {
	// Validate says what is known of each token, in their order: nil for one
	// that is unknown. An error means that there was no answer.
	Validate(ctx context.Context, tokens []secret.Secret) ([]*Known, error)
}

// Options say which tokens are good without asking anybody.
type Options struct {
	Backend, Frontend []edgecore.Token
	// Anonymous is the environment of frontend requests without a token. "":
	// refuse them. Definitions always need a token.
	Anonymous edgecore.Environment
	// Followed are the projects of each environment that is served here; a nil
	// list means all. Tokens of other environments are not asked about, and
	// tokens of the client API must be within. nil: everything is followed.
	Followed map[edgecore.Environment][]string
	// Validator validates the other tokens. nil: there are none.
	Validator Validator
	// ValidFor is how long its answer about a valid token is used. 0: an hour.
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

// New makes an Access. It makes no call, and reads nothing.
func New(o Options) *Access {
	a := &Access{configured: map[digest]Known{}, anonymous: o.Anonymous, followed: o.Followed}
	for kind, tokens := range map[Kind][]edgecore.Token{Client: o.Backend, Frontend: o.Frontend} {
		for _, token := range tokens {
			if token.Project == "[]" {
				continue // only the server has its projects
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
// the errors of this package. A "Bearer " in front of the token is accepted. from
// is the address of the client: where many ask about unknown tokens, addresses
// take turns.
func (a *Access) Check(ctx context.Context, from netip.Addr, authorization string, kind Kind) (Scope, error) {
	text := tokenOf(authorization)
	if text == "" {
		if a.anonymous == "" || kind != Frontend {
			return Scope{}, ErrUnauthorized
		}
		return Scope{Environment: a.anonymous}, nil
	}
	client := sourceOf(from, false)
	known, err := a.look(client, text).wait(ctx)
	if known != nil && known.Kind != kind {
		known = a.recall(client, text, known).orElse(ctx, known)
	}
	switch {
	case err != nil:
		return Scope{}, err
	case known == nil:
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

// Validate says what is known of tokens, in their order: nil for one that
// is unknown, or whose environment is not followed here. It is what another
// core asks, from its address. An error means that it cannot be said of all of
// them.
func (a *Access) Validate(ctx context.Context, from netip.Addr, tokens []string) ([]*Known, error) {
	if len(tokens) > MaxTokens {
		return nil, fmt.Errorf("%d tokens at once, the limit is %d", len(tokens), MaxTokens)
	}
	peer := sourceOf(from, true)
	list, recalls := make([]lookup, len(tokens)), make([]lookup, len(tokens))
	for i, token := range tokens {
		list[i] = a.look(peer, tokenOf(token))
		if errors.Is(list[i].err, ErrUnavailable) {
			return nil, list[i].err // what was asked before goes on
		}
		if list[i].known != nil {
			recalls[i] = a.recall(peer, tokenOf(token), list[i].known)
		}
	}
	answers := make([]*Known, len(tokens))
	for i := range list {
		known, err := list[i].wait(ctx)
		switch {
		case errors.Is(err, ErrUncovered):
		case err != nil:
			return nil, err
		case known != nil && a.follows(known.Scope.Environment):
			answers[i] = recalls[i].orElse(ctx, known)
		}
	}
	return answers, nil
}

// look looks a token up, and asks about it where that makes sense.
func (a *Access) look(from source, text string) lookup {
	if known, ok := a.configured[digestOf(text)]; ok {
		return lookup{known: &known}
	}
	// What cannot be a token, or can be none of a client, is not a reason to ask.
	token, err := edgecore.ParseToken(secret.New(text))
	if a.validated == nil || len(text) > maxTokenBytes || err != nil || token.Environment == "*" {
		return lookup{}
	}
	if !a.follows(token.Environment) && (token.Other == "" || !a.follows(token.Other)) {
		return lookup{err: ErrUncovered}
	}
	return a.validated.look(from, token.Secret, false, time.Now())
}

// recall asks about a token of the configuration whose API matters: among the
// tokens of Unleash Edge may be some of the frontend API.
func (a *Access) recall(from source, text string, known *Known) lookup {
	if _, ok := a.configured[digestOf(text)]; !ok || a.validated == nil {
		return lookup{known: known}
	}
	return a.validated.look(from, secret.New(text), true, time.Now())
}

// lookup is what is known of a token at once, or the question to wait for.
type lookup struct {
	known    *Known // nil: the token is unknown
	err      error
	question *question // not nil: upstream is asked first
	before   *Known    // the answer when upstream gives none
}

// wait returns what is known of the token; nil for an unknown token.
func (l lookup) wait(ctx context.Context) (*Known, error) {
	if l.question == nil {
		return l.known, l.err
	}
	select {
	case <-l.question.done:
	case <-ctx.Done(): // the question goes on
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	switch err := l.question.err; {
	case err != nil && l.before != nil:
		return l.before, nil // the last good answer
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return l.question.known, nil
	}
}

// orElse is what is known of the token, or what the configuration says.
func (l lookup) orElse(ctx context.Context, configured *Known) *Known {
	if known, err := l.wait(ctx); err == nil && known != nil {
		return known
	}
	return configured
}

// maxTokenBytes is above what Unleash makes: the name of a project and that of
// an environment, each up to 100 characters, and a secret of up to 70.
const maxTokenBytes = 512

// follows reports whether an environment is followed here.
func (a *Access) follows(env edgecore.Environment) bool {
	_, here := a.followed[env]
	return here || a.followed == nil
}

// covers reports whether the environment of a token is followed, and everything
// that a token of the client API sees: a part of it would look like the whole.
func (a *Access) covers(k *Known) bool {
	if !a.follows(k.Scope.Environment) {
		return false
	}
	projects := a.followed[k.Scope.Environment]
	if a.followed == nil || projects == nil || k.Kind != Client {
		return true
	}
	if k.Scope.Projects == nil {
		return false
	}
	return !slices.ContainsFunc(k.Scope.Projects, func(p string) bool { return !slices.Contains(projects, p) })
}
