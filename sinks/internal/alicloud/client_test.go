package alicloud

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
)

var testKeys = Keys{
	AccessKeyID: "test-id", AccessKeySecret: secret.New("test-secret"), SecurityToken: secret.New("test-token"),
}

// script answers attempts in turn and keeps their headers.
type script struct {
	steps []step
	seen  []http.Header
}

type step struct {
	status int
	body   string
	err    error
	wait   string // Retry-After
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	now := s.steps[min(len(s.seen), len(s.steps)-1)]
	s.seen = append(s.seen, r.Header)
	if now.err != nil {
		return nil, now.err
	}
	return &http.Response{
		StatusCode: now.status, Header: http.Header{"Retry-After": {now.wait}},
		Body: io.NopCloser(strings.NewReader(now.body)), Request: r,
	}, nil
}

// do makes one call against the steps, in no real time.
func do(t *testing.T, credentials Credentials, steps ...step) (value string, s *script, failed *Error) {
	t.Helper()
	s = &script{steps: steps}
	synctest.Test(t, func(t *testing.T) {
		client := NewClient(&url.URL{Scheme: "https", Host: "kv.test"}, "2024-09-10", credentials, s)
		var answer struct{ Value string }
		err := client.Do(t.Context(), Call{Action: "PutKv", Method: "POST", Form: url.Values{"Value": {"v"}}}, &answer)
		if err != nil && !errors.As(err, &failed) {
			t.Errorf("error %v is no *Error", err)
		}
		value = answer.Value
	})
	return value, s, failed
}

const fine = `{"RequestId":"r","Value":"v"}`

func TestEveryAttemptIsSignedAnew(t *testing.T) {
	value, s, failed := do(t, static{testKeys},
		step{status: 400, body: `{"Code":"Throttling.User","Message":"slow down"}`, wait: "2"},
		step{status: 502, body: "<html>bad gateway</html>"},
		step{err: io.ErrUnexpectedEOF},
		step{status: 200, body: fine},
	)
	if failed != nil || value != "v" {
		t.Fatalf("got %q and %v", value, failed)
	}
	nonces, signatures := map[string]bool{}, map[string]bool{}
	for _, header := range s.seen {
		nonces[header.Get("x-acs-signature-nonce")] = true
		signatures[header.Get("Authorization")] = true
	}
	if len(nonces) != 4 || len(signatures) != 4 {
		t.Errorf("4 attempts had %d nonces and %d signatures", len(nonces), len(signatures))
	}
	if first, last := s.seen[0].Get("x-acs-date"), s.seen[3].Get("x-acs-date"); first >= last {
		t.Errorf("the last attempt is dated %s, the first %s", last, first)
	}
}

// rotating hands out other keys after each renewal.
type rotating struct{ renewals int }

func (r *rotating) Retrieve(context.Context) (Keys, error) {
	return Keys{AccessKeyID: fmt.Sprint("id-", r.renewals), AccessKeySecret: secret.New("rotating-secret")}, nil
}

func (r *rotating) Renew(used Keys) bool {
	r.renewals++
	return used.AccessKeyID == fmt.Sprint("id-", r.renewals-1)
}

func TestKeysThatHaveExpiredAreRenewedOnce(t *testing.T) {
	expired := step{status: 400, body: `{"Code":"InvalidSecurityToken.Expired"}`}
	tests := map[string]struct {
		credentials  Credentials
		steps        []step
		calls        int
		last         string // id of the last attempt
		code         string
		maybeApplied bool
	}{
		"renewed":                    {&rotating{}, []step{expired, {status: 200, body: fine}}, 2, "id-1", "", false},
		"renewed, and still expired": {&rotating{}, []step{expired}, 2, "id-1", "InvalidSecurityToken.Expired", false},
		"forgotten, and renewed": {&rotating{}, []step{
			{status: 404, body: `{"Code":"InvalidAccessKeyId.NotFound"}`}, {status: 200, body: fine},
		}, 2, "id-1", "", false},
		"no others": {
			static{testKeys},
			[]step{expired},
			1, "test-id", "InvalidSecurityToken.Expired",
			false,
		},
		"applied before, perhaps": {&rotating{}, []step{
			{err: io.EOF}, expired, {status: 403, body: `{"Code":"NoPermission"}`},
		}, 3, "id-1", "NoPermission", true},
		"the same keys, another code": {&rotating{}, []step{
			{status: 400, body: `{"Code":"InvalidSecurityToken.Malformed"}`},
		}, 1, "id-0", "InvalidSecurityToken.Malformed", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, s, failed := do(t, test.credentials, test.steps...)
			if len(s.seen) != test.calls {
				t.Errorf("%d attempts, want %d", len(s.seen), test.calls)
			}
			if got := s.seen[len(s.seen)-1].Get("Authorization"); !strings.Contains(got, "Credential="+test.last+",") {
				t.Errorf("the last attempt is signed by %s", got)
			}
			if test.code == "" {
				if failed != nil {
					t.Error(failed)
				}
				return
			}
			if failed == nil || failed.Code != test.code || failed.MaybeApplied != test.maybeApplied {
				t.Errorf("got %v, maybe applied %t", failed, failed != nil && failed.MaybeApplied)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	tests := map[string]struct {
		steps        []step
		attempts     int
		code         string
		status       int
		mayPass      bool
		maybeApplied bool
	}{
		"throttled to the end": {
			[]step{{status: 400, body: `{"Code":"Throttling"}`}},
			4, "Throttling", 400,
			true, false,
		},
		"throttled in other words": {
			[]step{{status: 400, body: `{"Code":"ThrottlingQuota"}`}},
			4, "ThrottlingQuota",
			400, true, false,
		},
		"a 400 that is retryable": {
			[]step{{status: 400, body: `{"Code":"TooManyRequests"}`}},
			4, "TooManyRequests",
			400, true, false,
		},
		"a nonce seen before": {
			[]step{{status: 400, body: `{"Code":"SignatureNonceUsed"}`}},
			4,
			"SignatureNonceUsed", 400, true, false,
		},
		"too quick": {
			[]step{{status: 429, body: `{"Code":"TooQuickRequests"}`}},
			4,
			"TooQuickRequests", 429, true, false,
		},
		"a 400 that stays": {
			[]step{{status: 400, body: `{"Code":"InvalidKey.Malformed"}`}},
			1,
			"InvalidKey.Malformed", 400, false, false,
		},
		"an HTML page":            {[]step{{status: 403, body: "<html>"}}, 1, "", 403, false, false},
		"a gateway that lost it":  {[]step{{status: 502, body: "<html>"}}, 4, "", 502, true, true},
		"a service not yet there": {[]step{{status: 503}}, 4, "", 503, true, false},
		"never connected":         {[]step{{err: dial}}, 4, "", 0, true, false},
		"a name that is unknown":  {[]step{{err: &net.DNSError{Err: "no such host"}}}, 4, "", 0, true, false},
		"not TLS":                 {[]step{{err: tls.RecordHeaderError{Msg: "no TLS"}}}, 4, "", 0, true, false},
		"a broken connection":     {[]step{{err: io.ErrUnexpectedEOF}}, 4, "", 0, true, true},
		"broken, then refused": {
			[]step{{err: io.EOF}, {status: 403, body: `{"Code":"NoPermission"}`}},
			2,
			"NoPermission", 403, false, true,
		},
		"a redirect":               {[]step{{status: 302}}, 1, "", 302, false, false},
		"accepted, but no JSON":    {[]step{{status: 200, body: "<html>"}}, 1, "", 200, true, true},
		"accepted, half an answer": {[]step{{status: 200, body: fine[:9]}}, 1, "", 200, true, true},
		"an answer beyond all bounds": {
			[]step{{status: 200, body: strings.Repeat(" ", answerBytes+1)}},
			1, "", 200,
			true, true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, s, failed := do(t, static{testKeys}, test.steps...)
			if failed == nil {
				t.Fatal("no error")
			}
			if len(s.seen) != test.attempts {
				t.Errorf("%d attempts, want %d", len(s.seen), test.attempts)
			}
			if failed.Action != "PutKv" || failed.Code != test.code || failed.Status != test.status {
				t.Errorf("got %s, status %d, code %q", failed.Action, failed.Status, failed.Code)
			}
			if failed.MayPass() != test.mayPass || failed.MaybeApplied != test.maybeApplied {
				t.Errorf("may pass %t, maybe applied %t: %v", failed.MayPass(), failed.MaybeApplied, failed)
			}
		})
	}
}

func TestErrorsHoldNoCredential(t *testing.T) {
	echo := `{"Code":"SignatureDoesNotMatch","RequestId":"R-1","Message":"for test-id and test-secret with ` +
		`test-token we calculated ` +
		strings.Repeat("0a", 32) + ` and not yours"}`
	_, _, failed := do(t, static{testKeys}, step{status: 400, body: echo})
	text := fmt.Sprintf("%v %+v", failed, *failed)
	for _, hidden := range []string{"test-id", "test-secret", "test-token", "0a0a"} {
		if strings.Contains(text, hidden) {
			t.Errorf("error shows %q: %s", hidden, text)
		}
	}
	for _, shown := range []string{"PutKv", "400", "SignatureDoesNotMatch", "R-1", "not yours"} {
		if !strings.Contains(text, shown) {
			t.Errorf("error does not show %q: %s", shown, text)
		}
	}
}

// failing has no keys.
type failing struct{}

func (failing) Retrieve(context.Context) (Keys, error) {
	return Keys{}, &permanentError{what: "no role"}
}

func (failing) Renew(Keys) bool { return false }

func TestNothingIsSentWithoutKeys(t *testing.T) {
	_, s, failed := do(t, failing{}, step{status: 200, body: fine})
	if len(s.seen) != 0 || failed == nil || failed.MaybeApplied || failed.MayPass() ||
		failed.Error() != "call PutKv: retrieve credentials: no role" {
		t.Errorf("%d attempts, error %v", len(s.seen), failed)
	}
}

func TestCancelledCallIsNotSent(t *testing.T) {
	s := &script{steps: []step{{status: 200, body: fine}}}
	client := NewClient(&url.URL{Scheme: "https", Host: "kv.test"}, "v", static{testKeys}, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := client.Do(ctx, Call{Action: "PutKv", Method: "POST"}, new(any))
	failed, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, context.Canceled) || failed.MaybeApplied || len(s.seen) != 0 {
		t.Errorf("%d attempts, error %v", len(s.seen), err)
	}
}

// hanging never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestEveryAttemptHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := NewClient(&url.URL{Scheme: "https", Host: "kv.test"}, "v", static{testKeys}, hanging{})
		err := client.Do(t.Context(), Call{Action: "PutKv", Method: "POST"}, new(any))
		failed, ok := errors.AsType[*Error](err)
		if !ok || !failed.MaybeApplied || !failed.MayPass() {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took > 4*attemptTimeout+time.Minute {
			t.Errorf("gave up after %v", took)
		}
	})
}
