// Package access decides what the holder of a token may see. Tokens are held and looked
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
	"sync/atomic"
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

// Scope is the part of the flags that a token covers.
type Scope struct {
	Environment edgecore.Environment
	Projects    []string // sorted; nil: all
}

// Sees reports whether a project is within the scope.
func (s Scope) Sees(project string) bool {
	return s.Projects == nil || slices.Contains(s.Projects, project)
}

var (
	// ErrUnauthorized: the token is missing or unknown.
	ErrUnauthorized = errors.New("the token is missing or unknown")
	// ErrForbidden: the token is for the other API.
	ErrForbidden = errors.New("the token is for another API")
	// ErrUnavailable: upstream, which validates the token, does not answer, or too
	// many validations wait for it. It may pass.
	ErrUnavailable = errors.New("the token cannot be validated now")
	// ErrUncovered: the token covers an environment or projects that are not served
	// here. It lasts until the configuration changes.
	ErrUncovered = errors.New("the token covers environments or projects that this instance does not serve")
)

// TokenInfo is what is known about a valid token.
type TokenInfo struct {
	Kind  Kind
	Scope Scope
}

// Validator validates tokens at the server that has all of them.
type Validator interface {
	// Validate returns the scope and kind of each token, in their order: nil for an
	// unknown one. An error means that there was no answer.
	Validate(ctx context.Context, tokens []secret.Secret) ([]*TokenInfo, error)
}

// Options of an Access. Backend and Frontend are valid without a validator.
type Options struct {
	Backend, Frontend []edgecore.Token
	// Anonymous is the environment of frontend requests without a token. "":
	// refuse them. Definitions always need a token.
	Anonymous edgecore.Environment
	// Served are the projects of each environment that is served here; a nil list
	// means all. Tokens of other environments are not validated, and tokens of the
	// client API must be within it. nil: everything is served.
	Served map[edgecore.Environment][]string
	// Validator validates the other tokens. nil: there are none.
	Validator Validator
	// ValidFor is how long a valid token is cached. 0: an hour.
	ValidFor time.Duration
	// Dir keeps valid tokens over a restart, by their SHA-256. "": none are kept.
	Dir string
	Log *slog.Logger // required with Dir
}

// Access is safe for concurrent use.
type Access struct {
	configured atomic.Pointer[map[digest]TokenInfo] // of the options; the map does not change
	frontend   []edgecore.Token
	anonymous  edgecore.Environment
	served     map[edgecore.Environment][]string
	validated  *cache // nil without a validator
}

type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// New makes an Access. It makes no network calls and reads no files.
func New(o Options) *Access {
	a := &Access{frontend: o.Frontend, anonymous: o.Anonymous, served: o.Served}
	a.SetBackend(o.Backend)
	if o.Validator != nil {
		a.validated = newCache(o)
	}
	return a
}

// SetBackend replaces the backend tokens of the options: those before are not valid then,
// unless the validator returns them as valid.
func (a *Access) SetBackend(backend []edgecore.Token) {
	configured := map[digest]TokenInfo{}
	for kind, tokens := range map[Kind][]edgecore.Token{Client: backend, Frontend: a.frontend} {
		for _, token := range tokens {
			if token.Project == "[]" {
				continue // the server has its projects, the token does not
			}
			configured[digestOf(token.Secret.Reveal())] = TokenInfo{Kind: kind, Scope: scopeOf(token)}
		}
	}
	a.configured.Store(&configured)
}

// Close cancels the calls to the validator and waits for them. Tokens that were
// validated stay valid; others are ErrUnavailable from then on.
func (a *Access) Close() {
	if c := a.validated; c != nil {
		c.mu.Lock()
		c.stop()
		c.mu.Unlock()
		c.running.Wait()
	}
}

func scopeOf(t edgecore.Token) Scope {
	s := Scope{Environment: t.Environment}
	if t.Project != "*" {
		s.Projects = []string{t.Project}
	}
	return s
}

// Check returns the scope of the token in an Authorization header, or one of the
// errors of this package. A "Bearer " in front of the token is accepted. from is the
// address of the client: unknown tokens are validated round-robin by address.
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
		known = a.revalidate(client, text, known).orElse(ctx, known)
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

// tokenOf returns the token in an Authorization header.
func tokenOf(authorization string) string {
	text := strings.TrimSpace(authorization)
	if len(text) > 7 && strings.EqualFold(text[:7], "bearer ") {
		text = strings.TrimSpace(text[7:])
	}
	return text
}

// MaxTokens bounds the tokens of one Validate.
const MaxTokens = 500

// Validate returns the scope and kind of tokens, in their order: nil for one that is
// unknown, or whose environment is not served here. Another core calls it, from its
// address. On an error at least one of them could not be validated.
func (a *Access) Validate(ctx context.Context, from netip.Addr, tokens []string) ([]*TokenInfo, error) {
	if len(tokens) > MaxTokens {
		return nil, fmt.Errorf("%d tokens at once, the limit is %d", len(tokens), MaxTokens)
	}
	peer := sourceOf(from, true)
	list, recalls := make([]lookup, len(tokens)), make([]lookup, len(tokens))
	for i, token := range tokens {
		list[i] = a.look(peer, tokenOf(token))
		if errors.Is(list[i].err, ErrUnavailable) {
			return nil, list[i].err // the validations that were queued before go on
		}
		if list[i].info != nil {
			recalls[i] = a.revalidate(peer, tokenOf(token), list[i].info)
		}
	}
	answers := make([]*TokenInfo, len(tokens))
	for i := range list {
		known, err := list[i].wait(ctx)
		switch {
		case errors.Is(err, ErrUncovered):
		case err != nil:
			return nil, err
		case known != nil && a.serves(known.Scope.Environment):
			answers[i] = recalls[i].orElse(ctx, known)
		}
	}
	return answers, nil
}

// look looks a token up, and queues a validation if it may be valid.
func (a *Access) look(from source, text string) lookup {
	if known, ok := (*a.configured.Load())[digestOf(text)]; ok {
		return lookup{info: &known}
	}
	// A text that cannot be a token of an SDK is not validated.
	token, err := edgecore.ParseToken(secret.New(text))
	if a.validated == nil || len(text) > maxTokenBytes || err != nil || token.Environment == "*" {
		return lookup{}
	}
	if !a.serves(token.Environment) && (token.Other == "" || !a.serves(token.Other)) {
		return lookup{err: ErrUncovered}
	}
	return a.validated.lookup(from, token.Secret, false, time.Now())
}

// revalidate queues a validation of a configured token whose kind matters: the tokens
// of Unleash Edge may include some of the frontend API.
func (a *Access) revalidate(from source, text string, known *TokenInfo) lookup {
	if _, ok := (*a.configured.Load())[digestOf(text)]; !ok || a.validated == nil {
		return lookup{info: known}
	}
	return a.validated.lookup(from, secret.New(text), true, time.Now())
}

// lookup is the cached result for a token, or the validation to wait for.
type lookup struct {
	info     *TokenInfo // nil: the token is unknown
	err      error
	question *question  // not nil: wait for this validation
	before   *TokenInfo // the result if the validation fails
}

// wait returns the result for the token; nil for an unknown token.
func (l lookup) wait(ctx context.Context) (*TokenInfo, error) {
	if l.question == nil {
		return l.info, l.err
	}
	select {
	case <-l.question.done:
	case <-ctx.Done(): // the validation goes on
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	switch err := l.question.err; {
	case err != nil && l.before != nil:
		return l.before, nil // the last good result
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return l.question.info, nil
	}
}

// orElse returns the result for the token, or what is configured.
func (l lookup) orElse(ctx context.Context, configured *TokenInfo) *TokenInfo {
	if known, err := l.wait(ctx); err == nil && known != nil {
		return known
	}
	return configured
}

// maxTokenBytes is above the longest token of Unleash: the names of a project and of
// an environment, each up to 100 characters, and a secret of up to 70.
const maxTokenBytes = 512

// serves reports whether an environment is served here.
func (a *Access) serves(env edgecore.Environment) bool {
	_, here := a.served[env]
	return here || a.served == nil
}

// covers reports whether the environment of a token is served, and, for a token of the
// client API, all of its projects: an SDK would take a part for the whole.
func (a *Access) covers(k *TokenInfo) bool {
	if !a.serves(k.Scope.Environment) {
		return false
	}
	projects := a.served[k.Scope.Environment]
	if a.served == nil || projects == nil || k.Kind != Client {
		return true
	}
	if k.Scope.Projects == nil {
		return false
	}
	return !slices.ContainsFunc(k.Scope.Projects, func(p string) bool { return !slices.Contains(projects, p) })
}
