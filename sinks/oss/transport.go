package oss

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// answerBytes is as much as is read of an answer that is not an object.
const answerBytes = 64 << 10

// transport is between the SDK and the network, for one call. It makes the
// attempts, since the SDK's own setting for that does nothing, and turns every
// answer that is not a success of OSS into an *alicloud.Error. The SDK itself
// would forget the status of an answer that is not XML, leave the body of a
// redirect and of a put with another CRC open, read an answer of any length,
// and take whatever has the status 200 for OSS.
type transport struct {
	base    http.RoundTripper
	timeout time.Duration
	action  string
	keys    alicloud.Keys
}

// RoundTrip makes all attempts with the one signature that the SDK has made,
// which holds for longer than they take (maxTimeout).
func (e *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &attempts{base: e.base}
	client := httpclient.NewClient(httpclient.Options{Base: a, Timeout: e.timeout, RetryStatus: retryStatus})
	response, err := client.Do(r)
	if err != nil {
		return nil, &alicloud.Error{Action: e.action, MaybeApplied: a.maybeApplied, Err: alicloud.Cause(err)}
	}
	id := response.Header.Get("x-oss-request-id")
	genuine := response.StatusCode < 300 && id != ""
	if genuine && r.Method == http.MethodGet {
		return response, nil
	}
	body, err := untrusted.ReadBody(response, answerBytes)
	_ = response.Body.Close()
	if genuine && err != nil {
		return nil, &alicloud.Error{
			Action: e.action, Status: response.StatusCode, RequestID: id, MaybeApplied: true,
			Err: fmt.Errorf("read the answer: %w", err),
		}
	}
	if genuine {
		response.Body = io.NopCloser(bytes.NewReader(body))
		return response, nil
	}
	failed := &alicloud.Error{
		Action: e.action, Status: response.StatusCode, RequestID: id, MaybeApplied: a.maybeApplied,
	}
	if response.StatusCode < 300 {
		failed.MaybeApplied = true
		failed.Err = errors.New("answer has no x-oss-request-id, so it is not of OSS: check endpoint and proxy")
		return nil, failed
	}
	if answer, ok := parseAnswer(body); ok {
		failed.Code, failed.Message = answer.Code, answer.message()
	}
	failed.Code, failed.Message, failed.RequestID = alicloud.Redact(failed.Code, e.keys),
		alicloud.Redact(failed.Message, e.keys), alicloud.Redact(failed.RequestID, e.keys)
	return nil, failed
}

// answer is what the sink reads of an error of OSS ("Error responses"). What
// repeats the request, such as StringToSign, is left unread.
type answer struct {
	XMLName  xml.Name `xml:"Error"`
	Code     string   `xml:"Code"`
	Message  string   `xml:"Message"`
	Endpoint string   `xml:"Endpoint"` // where the bucket is, if not here
	EC       string   `xml:"EC"`       // the page of the documentation about it
}

// parseAnswer refuses what is not the service's, such as a gateway's page.
func parseAnswer(body []byte) (answer, bool) {
	var a answer
	err := xml.Unmarshal(body, &a)
	return a, err == nil && a.Code != ""
}

func (a answer) message() string {
	text := strings.TrimSuffix(a.Message, ".")
	if a.Endpoint != "" {
		text += fmt.Sprintf(", endpoint %q", a.Endpoint)
	}
	if a.EC != "" {
		text += ", EC " + a.EC
	}
	return text
}

// retryStatus: 400 RequestTimeout is a body that came too slowly.
func retryStatus(_ int, body []byte) bool {
	a, ok := parseAnswer(body)
	return ok && a.Code == codeSlow
}

// attempts makes the attempts of one call, one after the other.
type attempts struct {
	base         http.RoundTripper
	maybeApplied bool // an attempt may have been carried out unseen
}

func (a *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	response, err := a.base.RoundTrip(r)
	a.maybeApplied = a.maybeApplied || alicloud.MayBeApplied(response, err)
	return response, err
}
