package oss

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	sdk "github.com/aliyun/aliyun-oss-go-sdk/oss"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// Codes that the sink acts on ("Error responses" of OSS).
const (
	codeNoKey    = "NoSuchKey"
	codeExists   = "FileAlreadyExists"
	codeTooLarge = "EntityTooLarge"
	codeSlow     = "RequestTimeout"
	codePublic   = "PublicEndpointForbidden" // EC 0048-00000401
)

// Names of the operations, in the documentation and in RAM policies.
const (
	actionPut    = "PutObject"
	actionGet    = "GetObject"
	actionDelete = "DeleteObject"
)

func isCode(err error, code string) bool {
	answer, ok := errors.AsType[*alicloud.Error](err)
	return ok && answer.Code == code
}

// tooLarge names the limit of PutObject.
func tooLarge(size int) *sinks.TooLargeError {
	limit := min(int64(5<<30), math.MaxInt)
	return &sinks.TooLargeError{Size: size, Limit: int(limit)}
}

// failed says what was done where, why it failed and what helps, and sorts the
// error as the contract of sinks.Sink wants it. A nil error stays nil.
func (s *Sink) failed(verb, action string, key sinks.Key, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*alicloud.Error](err)
	f := &sinks.CallError{Text: fmt.Sprintf("%s %q in %s: %v", verb, key, s, err), Causes: []error{err}}
	if large, ok := errors.AsType[*untrusted.SizeError](err); ok && action == actionGet {
		f.Text = fmt.Sprintf("%s %q in %s: the object has %v: %v", verb, key, s, large, sinks.ErrOversized)
		f.Causes = append(f.Causes, sinks.ErrOversized)
	}
	if action == actionPut && (ok && answer.MaybeApplied || isAfterSuccess(err)) {
		f.Text += ": outcome unknown"
		f.Causes = append(f.Causes, sinks.ErrAmbiguous)
	}
	if ok && !mayPass(answer) {
		f.Causes = append(f.Causes, sinks.ErrPermanent)
		if hint := s.hint(action, answer); hint != "" {
			f.Advice = hint
			f.Text += ": " + hint
		}
	}
	return f
}

// isAfterSuccess: the SDK found fault with an answer that says success. The
// object has been stored, perhaps with a damaged body.
func isAfterSuccess(err error) bool {
	_, damaged := errors.AsType[sdk.CRCCheckError](err)
	_, odd := errors.AsType[sdk.UnexpectedStatusCodeError](err)
	return damaged || odd
}

func mayPass(e *alicloud.Error) bool { return e.Code == codeSlow || e.MayPass() }

// Advice says what a person can do about a permanent error.
func (s *Sink) hint(action string, e *alicloud.Error) string {
	says := func(part string) bool { return strings.Contains(strings.ToLower(e.Message), part) }
	switch {
	case e.Status == 0:
		return "" // the credentials say it themselves
	case e.Code == "NoSuchBucket":
		if s.cname {
			return fmt.Sprintf("check bucket, and that the domain %q is bound to it in the OSS console",
				s.endpoint.Hostname())
		}
		return "check bucket, or create it"
	case e.Code == codePublic, says("0048-00000401"):
		return fmt.Sprintf("this account may not use the public endpoint for objects: inside a VPC of the region set "+
			"endpoint to %q; "+
			"elsewhere bind a custom domain to the bucket, set endpoint to the domain and cname to true",
			internalHost(s.region))
	case e.Code == "AccessDenied" && says("specified endpoint"):
		return fmt.Sprintf(
			"the bucket is not in region %q: set region to that of the endpoint named here, and endpoint if it is set",
			s.region)
	case says("signing region"):
		return fmt.Sprintf("the bucket is not in region %q: set region to its own", s.region)
	case strings.Contains(e.Code, "SecurityToken"), says("security token"):
		return "renew the temporary keys under credentials (type: sts), or set the clock: they have expired or do " +
			"not belong together"
	case e.Code == "AccessDenied":
		return fmt.Sprintf("allow oss:%s on resource %q in the RAM policy of these keys, and check that the policy "+
			"of the bucket does not deny it", action, resource(s.bucket, s.prefix))
	case e.Code == "SignatureDoesNotMatch":
		return "check credentials.access_key_secret"
	case e.Code == "InvalidAccessKeyId":
		return "check credentials.access_key_id; temporary keys need credentials.security_token (type: sts)"
	case e.Code == "RequestTimeTooSkewed":
		return "set the clock of this machine: it may be 15 minutes off at most"
	case e.Code == "UserDisable":
		return "see in the console why the account is disabled; often a bill is open"
	case e.Code == "FileImmutable":
		return "the bucket has a retention policy that keeps objects from changing: use a bucket without one"
	case e.Status == http.StatusProxyAuthRequired:
		return "check proxy: it wants a user and a password"
	case e.Code == "" && (e.Status < 400 || e.Status == 404 || e.Status == 405):
		if s.cname {
			return fmt.Sprintf(
				"check endpoint: %q is not OSS; the domain has to point to the bucket itself, not to a CDN before it",
				s.endpoint.Host)
		}
		return fmt.Sprintf("check endpoint: %q is not OSS", s.endpoint.Host)
	}
	return ""
}
