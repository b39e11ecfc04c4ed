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

// Error codes of the API that have a remedy.
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
	// Statuses of a gateway that has lost the response to a request.
	statusesUnknown = []int{502, 504, 520, 522, 524}
)

var (
	// errNoID: the namespace cannot be part of an address.
	errNoID = errors.New("namespace is not an id")
	// errUnsent: the context had ended before the call.
	errUnsent = errors.New("nothing was sent")
)

// explain returns the error of a call. sent reports that it is a put which the service
// may have received; size is the size of its body.
func (s *Sink) explain(ctx context.Context, call string, err error, sent bool, size int) error {
	return callError(s.reason(ctx, err, sent, size), call)
}

// callError adds the call to an error.
func callError(f *sinks.CallError, call string) error {
	return &sinks.CallError{Text: "cloudflare: " + call + ": " + f.Text, Advice: f.Advice, Causes: f.Causes}
}

// reason is explain for several calls that have failed together.
func (s *Sink) reason(ctx context.Context, err error, sent bool, size int) *sinks.CallError {
	f := &sinks.CallError{Causes: []error{err}}
	hint := ""
	var a *apiError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &a):
		var kind error
		kind, hint = s.remedy(ctx, a, size)
		if kind == nil && sent && (slices.Contains(statusesUnknown, a.status) || a.status == http.StatusOK &&
			len(a.errors) == 0) {
			kind = sinks.ErrAmbiguous
		}
		if kind != nil {
			f.Causes = append(f.Causes, kind)
		}
	case errors.As(err, &untrusted):
		f.Causes = append(f.Causes, sinks.ErrPermanent)
		hint = "let this machine trust the certificate of endpoint or proxy"
	case sent:
		f.Causes = append(f.Causes, sinks.ErrAmbiguous)
	case errors.Is(err, context.Canceled), errors.Is(err, errUnsent):
	case errors.Is(err, errNoID):
		f.Causes, hint = append(f.Causes, sinks.ErrPermanent), s.checkNamespace(ctx)
	default:
		hint = fmt.Sprintf("check that this machine reaches %q, through proxy if it needs one", s.config.Endpoint)
	}
	if slices.Contains(f.Causes, sinks.ErrAmbiguous) {
		hint = "the object may have been stored; read it to know"
	}
	f.Text = err.Error()
	if hint != "" {
		f.Advice = s.withoutToken(hint)
		f.Text += "; " + hint
	}
	// Neither the SDK nor the service repeats the token. If one ever does, it is
	// redacted here.
	f.Text = s.withoutToken(f.Text)
	return f
}

func (s *Sink) withoutToken(text string) string {
	return secret.Mask(text, s.config.APIToken.Reveal())
}

// remedy classifies a response: kind is the error that callers check for, nil for a
// temporary error, and hint what a person can do.
//
//nolint:staticcheck // kind is what to wrap, not a failure of this function
func (s *Sink) remedy(ctx context.Context, a *apiError, size int) (kind error, hint string) {
	switch {
	case a.has(codeKeyNotFound):
		return sinks.ErrNotFound, ""
	case a.status == http.StatusTooManyRequests || a.has(codeTooMany):
		return nil,
			"Workers KV allows one write of a key per second, and the API 1,200 requests of a token in 5 minutes"
	case a.status == http.StatusRequestEntityTooLarge || a.has(codeTooLarge):
		return &sinks.TooLargeError{Size: size, Limit: valueBytes}, fmt.Sprintf("the object has %d bytes", size)
	case a.has(codesNamespace...), a.has(codesAccount...) && !hexID.MatchString(s.config.Namespace):
		return sinks.ErrPermanent, s.checkNamespace(ctx)
	case a.has(codesAccount...):
		return sinks.ErrPermanent, fmt.Sprintf("check account %q (%s) and namespace %q (%s)", s.config.Account,
			whereAccount, s.config.Namespace, whereNamespace)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status < 500 &&
		a.has(codesAuth...):
		return sinks.ErrPermanent,
			fmt.Sprintf("check api_token: it needs the permission \"Workers KV Storage Write\" for account %q, must "+
				"not have expired, and must allow the address of this machine", s.config.Account)
	case a.status >= 300 && a.status < 400, a.status == http.StatusNotFound && len(a.errors) == 0:
		return sinks.ErrPermanent, fmt.Sprintf("check endpoint %q: it is not Cloudflare's API", s.config.Endpoint)
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly:
		return nil, ""
	case a.status >= 400 && a.status < 500:
		return sinks.ErrPermanent, ""
	}
	return nil, ""
}
