// Package httpclient makes the HTTP clients of the module: the one place that
// retries. SDKs and sinks that use it do not retry.
package httpclient

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/flagcast/flagcast/internal/backoff"
)

// Options of a client. The zero value of each field means its default.
type Options struct {
	// Base makes one attempt. Default: a clone of http.DefaultTransport.
	Base http.RoundTripper
	// Attempts is the total number of tries. Default 4; 1 switches retrying off.
	Attempts int
	// Timeout bounds one attempt, the reading of the body included. Default 10 s.
	Timeout time.Duration
	// MinWait and MaxWait bound the pause between attempts, which doubles and
	// is jittered. A Retry-After of the server is honoured up to MaxWait; a
	// longer one ends the attempts. Defaults 200 ms and 5 s.
	MinWait, MaxWait time.Duration
	// RetryStatus decides whether an answer below 500 other than 429 is worth
	// another attempt, for services that answer 400 when they are busy. body
	// holds at most the first 64 kB. Default: never.
	RetryStatus func(status int, body []byte) bool
}

const peekBytes = 64 << 10

// NewClient returns a client that retries network errors, 429, 5xx (but 501),
// and what Options.RetryStatus names. After the last attempt the caller gets
// the answer or the error of that attempt, as from any http.Client. Requests
// are repeated as they are: use it for idempotent ones only, and rewind bodies
// by http.Request.GetBody (http.NewRequest sets it for byte readers).
func NewClient(o Options) *http.Client {
	if o.Base == nil {
		o.Base = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Attempts == 0 {
		o.Attempts = 4
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MinWait == 0 {
		o.MinWait = 200 * time.Millisecond
	}
	if o.MaxWait == 0 {
		o.MaxWait = 5 * time.Second
	}
	c := &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: o.Base, Timeout: o.Timeout, CheckRedirect: noRedirect},
		RetryMax:     o.Attempts - 1,
		RetryWaitMin: o.MinWait,
		RetryWaitMax: o.MaxWait,
		CheckRetry:   o.checkRetry,
		Backoff:      retryPause,
		ErrorHandler: lastAttempt,
	}
	client := c.StandardClient()
	client.CheckRedirect = noRedirect
	return client
}

// noRedirect: none of the services that we call redirects, and a redirect
// would carry credentials elsewhere; the caller sees the 3xx.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// lastAttempt returns the result of the last attempt. A RoundTripper returns a response
// or an error, never both: a response that arrives as the context of the caller ends is
// closed.
func lastAttempt(resp *http.Response, err error, _ int) (*http.Response, error) {
	if err != nil && resp != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, err
}

func (o Options) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		// The library reports which errors never pass (a bad scheme, a
		// certificate that is not trusted).
		retry, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err)
		return retry, nil
	}
	if retryAfter(resp) > o.MaxWait {
		return false, nil
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return true, nil
	case resp.StatusCode >= 500:
		return resp.StatusCode != http.StatusNotImplemented, nil
	case resp.StatusCode < 400 || o.RetryStatus == nil:
		return false, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, peekBytes))
	resp.Body = &peekedBody{Reader: io.MultiReader(bytes.NewReader(body), resp.Body), Closer: resp.Body}
	return err != nil || o.RetryStatus(resp.StatusCode, body), nil
}

type peekedBody struct {
	io.Reader
	io.Closer
}

// retryPause returns the Retry-After of the server, or exponential backoff with jitter.
func retryPause(lowest, highest time.Duration, attempt int, resp *http.Response) time.Duration {
	if wait := retryAfter(resp); wait > 0 {
		return wait
	}
	window := backoff.Exponential(lowest, attempt+1, highest)
	return backoff.Jitter(lowest/2, lowest/2+window)
}

// retryAfter reads the header in both of its forms (RFC 9110, section 10.2.3).
func retryAfter(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(seconds, 1<<31)) * time.Second // capped, lest it overflow
	}
	if at, err := http.ParseTime(text); err == nil {
		return time.Until(at)
	}
	return 0
}

// NewStreamClient makes a client for answers that do not end: it repeats nothing and has
// no time limit. The caller ends requests by their context.
func NewStreamClient(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: base, CheckRedirect: noRedirect}
}
