package alicloud

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
)

const (
	// attemptTimeout leaves time for a body of some megabytes over a slow link
	// between continents.
	attemptTimeout = 30 * time.Second
	// answerBytes bounds an answer: the largest value that a service returns
	// is 2 MB, of which JSON can make six times as much.
	answerBytes = 16 << 20
)

// Client calls one service in one version. It is safe for concurrent use.
type Client struct {
	endpoint    *url.URL
	version     string
	credentials Credentials
	base        http.RoundTripper
	now         func() time.Time
	nonce       func() string
}

// NewClient returns a client of the service at an endpoint such as
// https://dcdn.aliyuncs.com, whose API has a version such as "2018-01-15".
// base makes the attempts and is owned by the caller. NewClient makes no calls.
func NewClient(endpoint *url.URL, version string, credentials Credentials, base http.RoundTripper) *Client {
	return &Client{
		endpoint: endpoint, version: version, credentials: credentials, base: base,
		now: time.Now, nonce: rand.Text,
	}
}

// Call is one action with its parameters.
type Call struct {
	Action string
	Method string     // GET or POST
	Query  url.Values // parameters in the URL
	Form   url.Values // parameters in the body; empty: no body
}

// Do makes the call and decodes the JSON of its response into answer, a pointer. It
// retries temporary errors, with a new signature for each attempt. Every error is an
// *Error. Use it for idempotent actions only.
func (c *Client) Do(ctx context.Context, call Call, answer any) error {
	return With(ctx, c.credentials, call.Action, func(keys Keys) error {
		a := &attempts{client: c, keys: keys, request: Request{
			Method: call.Method, Host: c.endpoint.Host, Action: call.Action, Version: c.version, Query: call.Query,
		}}
		if len(call.Form) > 0 {
			a.request.ContentType, a.request.Body = formType, []byte(call.Form.Encode())
		}
		failed := c.do(ctx, a, answer)
		if failed == nil {
			return nil
		}
		failed.Action = call.Action
		failed.MaybeApplied = failed.MaybeApplied || a.maybeApplied
		failed.redact(keys)
		return failed
	})
}

func (c *Client) do(ctx context.Context, a *attempts, answer any) *Error {
	target := *c.endpoint
	target.Path, target.RawQuery = "/", a.request.RawQuery()
	request, err := http.NewRequestWithContext(ctx, a.request.Method, target.String(), bytes.NewReader(a.request.Body))
	if err != nil {
		return &Error{Err: Cause(err)}
	}
	// The client is for this call only, because attempts has the state of the call; the
	// connections belong to base.
	retrying := httpclient.NewClient(httpclient.Options{Base: a, Timeout: attemptTimeout, RetryStatus: retryStatus})
	response, err := retrying.Do(request)
	if err != nil {
		return &Error{Err: Cause(err)}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := untrusted.ReadBody(response, answerBytes)
	if large := new(untrusted.SizeError); errors.As(err, &large) {
		err = fmt.Errorf("answer has %w", err)
	}
	if response.StatusCode >= 300 {
		return errorOf(response.StatusCode, body)
	}
	if err == nil {
		err = json.Unmarshal(body, answer)
	}
	if err != nil {
		return &Error{
			Status: response.StatusCode, MaybeApplied: true, Err: fmt.Errorf("read the answer as JSON: %w", err),
		}
	}
	return nil
}

// errorOf decodes an error of the service. For a body that is not JSON, such as a page
// of a gateway, it has the status only.
func errorOf(status int, body []byte) *Error {
	var answer struct{ Code, Message, RequestID string }
	if json.Unmarshal(body, &answer) != nil {
		return &Error{Status: status}
	}
	return &Error{Status: status, Code: answer.Code, Message: answer.Message, RequestID: answer.RequestID}
}

// attempts signs and makes the attempts of one call, one after the other.
type attempts struct {
	client  *Client
	keys    Keys
	request Request

	maybeApplied bool // an attempt may have been applied without a response
}

// RoundTrip makes one attempt, with a date and a nonce of its own.
func (a *attempts) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	if err := ctx.Err(); err != nil {
		_ = request.Body.Close()
		return nil, err
	}
	signed := request.Clone(ctx)
	for name, value := range a.request.Sign(a.keys, a.client.now(), a.client.nonce()) {
		signed.Header.Set(name, value)
	}
	signed.Header.Set("Accept", "application/json")
	signed.Header.Set("User-Agent", "flagcast")
	response, err := a.client.base.RoundTrip(signed)
	a.maybeApplied = a.maybeApplied || MayBeApplied(response, err)
	return response, err
}

// MayBeApplied reports whether an attempt may have been applied although it failed: the
// connection broke, or a gateway lost its backend. A service that answers 503 has not
// begun.
func MayBeApplied(response *http.Response, err error) bool {
	if err != nil {
		return !notSent(err)
	}
	switch response.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}
