package alicloud

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
)

// Error is the error of a call.
type Error struct {
	Action string
	// Status is the answer's HTTP status, 0 when there was none.
	Status int
	// Code, Message and RequestID are the members of the answer. They are
	// empty when the answer is not the service's JSON, such as an error page
	// of a gateway.
	Code, Message, RequestID string
	// MaybeApplied is set if at least one attempt may have been applied, although its
	// response did not arrive.
	MaybeApplied bool
	// Err is the cause if there was no response, or an unreadable one.
	Err error
}

// Error returns the response of the service, without any credential.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("call %s: %v", e.Action, e.Err)
	}
	text := fmt.Sprintf("%s answered %d", e.Action, e.Status)
	if e.Code != "" {
		text += " " + e.Code
	} else if name := http.StatusText(e.Status); name != "" {
		text += " " + name
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// Unwrap returns the cause, such as context.Canceled.
func (e *Error) Unwrap() error { return e.Err }

// MayPass reports whether the same call can succeed later with nothing changed:
// a network error, a 5xx but 501, a throttled call.
func (e *Error) MayPass() bool {
	switch {
	case errors.Is(e.Err, sinks.ErrPermanent): // the credentials
		return false
	case e.Status == 0, e.Code != "" && retryable(e.Code):
		return true
	case e.Status < 300: // accepted, but the answer was unreadable
		return true
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500 && e.Status != http.StatusNotImplemented
}

// redact removes secrets of the request from the response.
func (e *Error) redact(keys Keys) {
	e.Code, e.Message, e.RequestID = Redact(e.Code, keys), Redact(e.Message, keys), Redact(e.RequestID, keys)
}

// expired reports whether a code of the OpenAPI or of OSS means that temporary keys have
// expired. Ids that expired long ago are unknown to the service (EC 0002-00000002 of
// OSS).
func expired(code string) bool {
	switch code {
	case "InvalidSecurityToken.Expired", "InvalidAccessKeyId.NotFound", "SecurityTokenExpired", "InvalidAccessKeyId":
		return true
	}
	return false
}

// retryable reports whether a code means a temporary error, whatever the status:
// TooManyRequests and Throttling* have 400 (error tables of DCDN and ESA, gateway-wide
// codes of the OpenAPI).
func retryable(code string) bool {
	switch code {
	case "TooManyRequests", "TooQuickRequests", "SignatureNonceUsed":
		return true
	}
	return strings.HasPrefix(code, "Throttling")
}

func retryStatus(_ int, body []byte) bool {
	var answer struct{ Code string }
	return json.Unmarshal(body, &answer) == nil && retryable(answer.Code)
}

// notSent reports whether an attempt failed before its request can have reached
// the service: no name, no connection, no TLS session.
func notSent(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && (operation.Op == "dial" || operation.Op == "proxyconnect")
}

// Cause removes the URL that net/http puts before an error: the caller names the action,
// and the query does not help a reader.
func Cause(err error) error {
	for {
		wrapped, ok := err.(*url.Error) //nolint:errorlint // only what net/http put outermost
		if !ok {
			return err
		}
		err = wrapped.Err
	}
}

const messageBytes = 300

var hexDigest = regexp.MustCompile(`[0-9a-fA-F]{64}`)

// Redact removes secrets of a request from a text: services repeat parts of the request,
// such as the string to sign if the signature is wrong.
func Redact(text string, keys Keys) string {
	text = secret.Mask(text, keys.AccessKeySecret.Reveal(), keys.SecurityToken.Reveal(), keys.AccessKeyID)
	text = hexDigest.ReplaceAllString(text, "[redacted]")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > messageBytes {
		text = strings.ToValidUTF8(text[:messageBytes], "") + "..."
	}
	return text
}
