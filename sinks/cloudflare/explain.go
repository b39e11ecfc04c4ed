package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
)

// Error codes of the API that callers or people can do something about.
const (
	codeKeyNotFound = 10009
	codeTooMany     = 10022
	codeTooLarge    = 10024
)

// Groups of codes with the same remedy.
var (
	codesAuth      = []int{6003, 6111, 9106, 9109, 10000, 10037}
	codesNamespace = []int{10010, 10011, 10013}
	codesAccount   = []int{7000, 7003, 10003, 10004, 10005, 10006}
	// Statuses of a gateway that does not know what became of a request.
	statusesUnknown = []int{502, 504, 520, 522, 524}
)

// failure is the error of a call: a text without the token, and what callers
// may ask of it by errors.Is and errors.As.
type failure struct {
	text  string
	hint  string // the text ends with it; "": there is none
	wraps []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.wraps }

// Hint implements what sinks.Hint asks for.
func (f *failure) Hint() string { return f.hint }

var (
	// errNoID says that the namespace cannot be part of an address.
	errNoID = errors.New("namespace is not an id")
	// errUnsent says that the context had ended before the call.
	errUnsent = errors.New("nothing was sent")
)

// explain makes the error of a call. sent says that it is a put which the
// service may have received; size is the size of its body.
func (s *Sink) explain(ctx context.Context, call string, err error, sent bool, size int) error {
	return s.reason(ctx, err, sent, size).of(call)
}

// of says which call has failed.
func (f *failure) of(call string) error {
	return &failure{text: "cloudflare: " + call + ": " + f.text, hint: f.hint, wraps: f.wraps}
}

// reason is explain for several calls that have failed together.
func (s *Sink) reason(ctx context.Context, err error, sent bool, size int) *failure {
	f := &failure{wraps: []error{err}}
	hint := ""
	var a *answer
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &a):
		var kind error
		kind, hint = s.remedy(ctx, a, size)
		if kind == nil && sent && (slices.Contains(statusesUnknown, a.status) || a.status == http.StatusOK && len(a.errors) == 0) {
			kind = sinks.ErrAmbiguous
		}
		if kind != nil {
			f.wraps = append(f.wraps, kind)
		}
	case errors.As(err, &untrusted):
		f.wraps = append(f.wraps, sinks.ErrPermanent)
		hint = "let this machine trust the certificate of endpoint or proxy"
	case sent:
		f.wraps = append(f.wraps, sinks.ErrAmbiguous)
	case errors.Is(err, context.Canceled), errors.Is(err, errUnsent):
	case errors.Is(err, errNoID):
		f.wraps, hint = append(f.wraps, sinks.ErrPermanent), s.checkNamespace(ctx)
	default:
		hint = fmt.Sprintf("check that this machine reaches %q, through proxy if it needs one", s.config.Endpoint)
	}
	if slices.Contains(f.wraps, sinks.ErrAmbiguous) {
		hint = "the object may have been stored; read it to know"
	}
	f.text = err.Error()
	if hint != "" {
		f.hint = s.withoutToken(hint)
		f.text += "; " + hint
	}
	// Neither the SDK nor the service repeats the token; if one ever does, it
	// ends here.
	f.text = s.withoutToken(f.text)
	return f
}

func (s *Sink) withoutToken(text string) string {
	return secret.Mask(text, s.config.APIToken.Reveal())
}

// remedy sorts an answer: what callers decide on, nil for a fault that may
// pass, and what a person can do.
//
//nolint:staticcheck // kind is what to wrap, not a failure of this function
func (s *Sink) remedy(ctx context.Context, a *answer, size int) (kind error, hint string) {
	switch {
	case a.has(codeKeyNotFound):
		return sinks.ErrNotFound, ""
	case a.status == http.StatusTooManyRequests || a.has(codeTooMany):
		return nil, "Workers KV takes one write of a key per second, and the API 1,200 requests of a token in 5 minutes"
	case a.status == http.StatusRequestEntityTooLarge || a.has(codeTooLarge):
		return &sinks.TooLargeError{Size: size, Limit: valueBytes}, fmt.Sprintf("the object has %d bytes", size)
	case a.has(codesNamespace...), a.has(codesAccount...) && !hexID.MatchString(s.config.Namespace):
		return sinks.ErrPermanent, s.checkNamespace(ctx)
	case a.has(codesAccount...):
		return sinks.ErrPermanent, fmt.Sprintf("check account %q (%s) and namespace %q (%s)", s.config.Account, whereAccount, s.config.Namespace, whereNamespace)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status < 500 && a.has(codesAuth...):
		return sinks.ErrPermanent, fmt.Sprintf("check api_token: it needs the permission \"Workers KV Storage Write\" for account %q, must not have expired, and must allow the address of this machine", s.config.Account)
	case a.status >= 300 && a.status < 400, a.status == http.StatusNotFound && len(a.errors) == 0:
		return sinks.ErrPermanent, fmt.Sprintf("check endpoint %q: it is not Cloudflare's API", s.config.Endpoint)
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly:
		return nil, ""
	case a.status >= 400 && a.status < 500:
		return sinks.ErrPermanent, ""
	}
	return nil, ""
}
