package edgekvtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

var (
	now  = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	keys = alicloud.Keys{AccessKeyID: "id", AccessKeySecret: secret.New("secret"), SecurityToken: secret.New("token")}
)

func newServer(change func(*edgekvtest.Options)) *edgekvtest.Server {
	o := edgekvtest.Options{
		Product: "esa", AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token",
		Namespaces: []string{"flags"},
		Now:        func() time.Time { return now },
	}
	if change != nil {
		change(&o)
	}
	return edgekvtest.New(o)
}

// putRequest is what the client describes for a put.
func putRequest() alicloud.Request {
	return alicloud.Request{
		Method: "POST", Host: "esa.test", Action: "PutKv", Version: "2024-09-10",
		Query:       url.Values{"Namespace": {"flags"}, "Key": {"k"}},
		ContentType: "application/x-www-form-urlencoded", Body: []byte("Value=v"),
	}
}

// sign makes the request that a client would send.
func sign(r alicloud.Request, keys alicloud.Keys, nonce string) *http.Request {
	request := httptest.NewRequest(r.Method, "/?"+r.RawQuery(), bytes.NewReader(r.Body))
	request.Host = r.Host
	for name, value := range r.Sign(keys, now, nonce) {
		request.Header.Set(name, value)
	}
	return request
}

// send returns the status and the code of the answer.
func send(t *testing.T, server *edgekvtest.Server, r *http.Request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	var answer struct{ Code, RequestID string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.RequestID == "" {
		t.Errorf("answer is not the service's JSON: %s", w.Body)
	}
	return w.Code, answer.Code
}

// What a client does wrong before signing: the signature is right.
func TestActionsAreStrict(t *testing.T) {
	tests := map[string]struct {
		change func(*alicloud.Request)
		status int
		code   string
	}{
		"as documented":    {func(*alicloud.Request) {}, 200, ""},
		"the other method": {func(r *alicloud.Request) { r.Method = "PUT" }, 405, "UnsupportedHTTPMethod"},
		"the other product": {func(r *alicloud.Request) {
			r.Action = "PutDcdnKv"
		}, 404, "InvalidAction.NotFound"},
		"the other version": {func(r *alicloud.Request) {
			r.Version = "2018-01-15"
		}, 404, "InvalidVersion"},
		"the value in the query": {func(r *alicloud.Request) {
			r.Query.Set("Value", "v")
			r.Body, r.ContentType = nil, ""
		}, 400, "InvalidParameter"},
		"the key in the body": {func(r *alicloud.Request) {
			r.Query.Del("Key")
			r.Body = []byte("Value=v&Key=k")
		}, 400, "MissingKey"},
		"the key in both": {func(r *alicloud.Request) {
			r.Body = []byte("Value=v&Key=k")
		}, 400, "InvalidParameter"},
		"two values": {func(r *alicloud.Request) {
			r.Body = []byte("Value=v&Value=w")
		}, 400, "InvalidParameter"},
		"no value": {func(r *alicloud.Request) { r.Body = []byte("Value=") }, 400, "MissingValue"},
		"JSON": {func(r *alicloud.Request) {
			r.ContentType = "application/json"
		}, 400, "InvalidParameter"},
		"bytes that are no text": {func(r *alicloud.Request) {
			r.Body = []byte("Value=%FF")
		}, 400, "InvalidParameter"},
		"a key with a slash": {func(r *alicloud.Request) {
			r.Query.Set("Key", "a/b")
		}, 400, "InvalidKey.Malformed"},
		"a key of 512 bytes": {func(r *alicloud.Request) {
			r.Query.Set("Key", strings.Repeat("k", 512))
		}, 200, ""},
		"a key of 513 bytes": {func(r *alicloud.Request) {
			r.Query.Set("Key", strings.Repeat("k", 513))
		}, 400, "InvalidKey.ExceedsMaximum"},
		"a namespace with a dot": {func(r *alicloud.Request) {
			r.Query.Set("Namespace", "a.b")
		}, 400, "InvalidNameSpace.Malformed"},
		"a namespace that is not there": {func(r *alicloud.Request) {
			r.Query.Set("Namespace", "other")
		}, 404, "InvalidNameSpace.NotFound"},
		"a request of 2,000,000 bytes": {func(r *alicloud.Request) {
			r.Body = []byte("Value=" + strings.Repeat("v", 1_999_994))
		}, 200, ""},
		"a request of 2,000,001 bytes": {func(r *alicloud.Request) {
			r.Body = []byte("Value=" + strings.Repeat("v", 1_999_995))
		}, 400, "InvalidValue.ExceedsMaximum"},
		"the same, encoded": {func(r *alicloud.Request) {
			r.Body = []byte("Value=%22" + strings.Repeat("v", 1_999_992))
		}, 400, "InvalidValue.ExceedsMaximum"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, request := newServer(nil), putRequest()
			test.change(&request)
			status, code := send(t, server, sign(request, keys, "n"))
			if status != test.status || code != test.code {
				t.Errorf("answers %d %s, want %d %s", status, code, test.status, test.code)
			}
			if got, stored := server.Value("flags", request.Query.Get("Key")); stored != (test.status == 200) {
				t.Errorf("stored: %t (%d bytes)", stored, len(got))
			}
			if server.Calls(request.Action) != 1 {
				t.Errorf("%d calls are counted", server.Calls(request.Action))
			}
		})
	}
}

// What happens to a request after it was signed.
func TestSignatureIsVerified(t *testing.T) {
	unsign := func(r *http.Request, name string) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), name+";", "", 1))
	}
	tests := map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"another value": {func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("Value=w"))
		}, 400, "IncompleteSignature"},
		"another key": {func(r *http.Request) {
			r.URL.RawQuery = "Key=other&Namespace=flags"
		}, 400, "SignatureDoesNotMatch"},
		"another host": {func(r *http.Request) { r.Host = "dcdn.test" }, 400, "SignatureDoesNotMatch"},
		"another nonce": {func(r *http.Request) {
			r.Header.Set("x-acs-signature-nonce", "m")
		}, 400, "SignatureDoesNotMatch"},
		"another content type": {func(r *http.Request) {
			r.Header.Set("Content-Type", "text/plain")
		}, 400, "SignatureDoesNotMatch"},
		"host unsigned": {func(r *http.Request) { unsign(r, "host") }, 400, "IncompleteSignature"},
		"content type unsigned": {func(r *http.Request) {
			unsign(r, "content-type")
		}, 400, "IncompleteSignature"},
		"the token unsigned": {func(r *http.Request) {
			unsign(r, "x-acs-security-token")
		}, 400, "IncompleteSignature"},
		"a header more": {func(r *http.Request) {
			r.Header.Set("x-acs-more", "1")
		}, 400, "IncompleteSignature"},
		"no authorization": {func(r *http.Request) {
			r.Header.Del("Authorization")
		}, 400, "IncompleteSignature"},
		"another token": {func(r *http.Request) {
			r.Header.Set("x-acs-security-token", "other")
		}, 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		"no token": {func(r *http.Request) {
			r.Header.Del("x-acs-security-token")
		}, 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		"another path":                {func(r *http.Request) { r.URL.Path = "/kv" }, 404, "InvalidAction.NotFound"},
		"a query in another order":    {func(r *http.Request) { r.URL.RawQuery = "Namespace=flags&Key=k" }, 200, ""},
		"a header that is not theirs": {func(r *http.Request) { r.Header.Set("User-Agent", "x") }, 200, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, request := newServer(nil), sign(putRequest(), keys, "n")
			test.change(request)
			if status, code := send(t, server, request); status != test.status || code != test.code {
				t.Errorf("answers %d %s, want %d %s", status, code, test.status, test.code)
			}
		})
	}
}

func TestKeysDatesAndNoncesAreChecked(t *testing.T) {
	stranger, guesser := keys, keys
	stranger.AccessKeyID = "other"
	guesser.AccessKeySecret = secret.New("other")
	steps := []struct {
		name  string
		keys  alicloud.Keys
		nonce string
		clock time.Duration // of the server, against the client
		code  string
	}{
		{"an unknown key", stranger, "1", 0, "InvalidAccessKeyId.NotFound"},
		{"a wrong secret", guesser, "2", 0, "SignatureDoesNotMatch"},
		{"in time", keys, "3", 15 * time.Minute, ""},
		{"too late", keys, "4", 15*time.Minute + time.Second, "InvalidTimeStamp.Expired"},
		{"too early", keys, "5", -15*time.Minute - time.Second, "InvalidTimeStamp.Expired"},
		{"a nonce once more", keys, "3", 0, "SignatureNonceUsed"},
		{"no nonce", keys, "", 0, "SignatureNonceUsed"},
		{"a nonce of a refused call", keys, "2", 0, ""},
	}
	clock := now
	server := newServer(func(o *edgekvtest.Options) { o.Now = func() time.Time { return clock } })
	for _, step := range steps {
		clock = now.Add(step.clock)
		if _, code := send(t, server, sign(putRequest(), step.keys, step.nonce)); code != step.code {
			t.Errorf("%s: answers %q, want %q", step.name, code, step.code)
		}
	}
}

func TestCallsPerSecondAreLimited(t *testing.T) {
	clock := now
	server := newServer(func(o *edgekvtest.Options) {
		o.CallsPerSecond = 2
		o.Now = func() time.Time { return clock }
	})
	for i, want := range []string{"", "", "Throttling.User", ""} {
		if i == 3 {
			clock = clock.Add(time.Second)
		}
		if _, code := send(t, server, sign(putRequest(), keys, string(rune('a'+i)))); code != want {
			t.Errorf("call %d answers %q, want %q", i, code, want)
		}
	}
}

// The two products say the length in different types, and long values are
// answered by their ends.
func TestAnswersOfAPut(t *testing.T) {
	long := strings.Repeat("é", 257)
	for product, want := range map[string]string{"esa": `"Length":"514"`, "dcdn": `"Length":514`} {
		server := newServer(func(o *edgekvtest.Options) { o.Product = product })
		request := putRequest()
		if product == "dcdn" {
			request.Action, request.Version = "PutDcdnKv", "2018-01-15"
		}
		request.Body = []byte("Value=" + url.QueryEscape(long))
		w := httptest.NewRecorder()
		server.ServeHTTP(w, sign(request, keys, "n"))
		if !strings.Contains(w.Body.String(), want) ||
			!strings.Contains(w.Body.String(), `"`+strings.Repeat("é", 200)+`"`) {
			t.Errorf("%s answers %s", product, w.Body)
		}
	}
}

// Client and server canonicalise with code of their own: whatever the
// parameters are, they agree on the signature.
func FuzzSignaturesAgree(f *testing.F) {
	f.Add("flags", "k", "Value=v", "host:1")
	f.Add("a b+c", "*~/é\x00%", "", "h")
	f.Add("", "&=;", "Value=%22", "h")
	f.Fuzz(func(t *testing.T, namespace, key, body, host string) {
		request := putRequest()
		request.Query, request.Body, request.Host = url.Values{"Namespace": {namespace}, "Key": {key}}, []byte(body),
			host
		_, code := send(t, newServer(nil), sign(request, keys, "n"))
		if strings.Contains(code, "Signature") {
			t.Errorf("a signature is refused: %s", code)
		}
	})
}

// Keys that a Lookup has are verified as others are, and end.
func TestTemporaryKeysEnd(t *testing.T) {
	tests := map[string]struct {
		secret, token string
		ends          time.Duration
		known         bool
		code          string
	}{
		"good":           {"secret", "token", time.Minute, true, ""},
		"at their end":   {"secret", "token", 0, true, "InvalidSecurityToken.Expired"},
		"another token":  {"secret", "other", time.Minute, true, "InvalidSecurityToken.MismatchWithAccessKey"},
		"another secret": {"other", "token", time.Minute, true, "SignatureDoesNotMatch"},
		"unknown":        {"", "", 0, false, "InvalidAccessKeyId.NotFound"},
	}
	for name, test := range tests {
		server := newServer(func(o *edgekvtest.Options) {
			o.AccessKeyID = ""
			o.Lookup = func(id string) (string, string, time.Time, bool) {
				return test.secret, test.token, now.Add(test.ends), test.known && id == "id"
			}
		})
		if _, code := send(t, server, sign(putRequest(), keys, "n")); code != test.code {
			t.Errorf("%s: answers %q, want %q", name, code, test.code)
		}
	}
}

func TestBatches(t *testing.T) {
	list := func(text string) string { return url.Values{"KvList": {text}}.Encode() }
	entry := func(key, value string) string { return `{"Key":"` + key + `","Value":"` + value + `"}` }
	tests := map[string]struct {
		body           string
		code           string
		stored, failed string // keys, as they are listed
	}{
		"two":            {list("[" + entry("a", "1") + "," + entry("b", "2") + "]"), "", `["a","b"]`, `[]`},
		"a bad key":      {list("[" + entry("a", "1") + "," + entry("b/c", "2") + "]"), "", `["a"]`, `["b/c"]`},
		"none":           {list("[]"), "InvalidParameter", "", ""},
		"no list":        {list(entry("a", "1")), "InvalidParameter", "", ""},
		"an odd member":  {list(`[{"Key":"a","Value":"1","Odd":"x"}]`), "InvalidParameter", "", ""},
		"an empty value": {list("[" + entry("a", "") + "]"), "InvalidParameter", "", ""},
		"a number":       {list(`[{"Key":"a","Value":1}]`), "InvalidParameter", "", ""},
		"no parameter":   {"", "MissingKvList", "", ""},
		"2,000,000 bytes": {list("[" + entry("a", strings.Repeat("x", 2_000_000-len(list("["+entry("a", "")+"]")))) +
			"]"), "", `["a"]`, `[]`},
		"2,000,001 bytes": {list("[" + entry("a", strings.Repeat("x", 2_000_001-len(list("["+entry("a", "")+"]")))) +
			"]"), "InvalidValue.ExceedsMaximum", "", ""},
		"the key outside":  {list("["+entry("a", "1")+"]") + "&Key=a", "InvalidParameter", "", ""},
		"a value too many": {list("["+entry("a", "1")+"]") + "&" + list("[]"), "InvalidParameter", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := newServer(nil)
			request := putRequest()
			request.Action, request.Query, request.Body = "BatchPutKv", url.Values{"Namespace": {"flags"}},
				[]byte(test.body)
			w := httptest.NewRecorder()
			server.ServeHTTP(w, sign(request, keys, "n"))
			var answer struct {
				Code                  string
				SuccessKeys, FailKeys json.RawMessage
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Code != test.code || string(answer.SuccessKeys) != test.stored ||
				string(answer.FailKeys) != test.failed {
				t.Errorf("answers %s", w.Body)
			}
			if _, ok := server.Value("flags", "a"); ok != (test.code == "") {
				t.Errorf("stored: %t", ok)
			}
		})
	}
}

// Only DCDN reports whether a key is everywhere.
func TestStatus(t *testing.T) {
	server := newServer(func(o *edgekvtest.Options) { o.Product, o.Stale = "dcdn", true })
	call := func(action, body, nonce string) string {
		request := putRequest()
		request.Action, request.Version, request.Body = action, "2018-01-15", []byte(body)
		if body == "" {
			request.ContentType = ""
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, sign(request, keys, nonce))
		return w.Body.String()
	}
	for i, step := range []struct {
		before func()
		want   string
	}{
		{func() {}, "InvalidKey.NotFound"},
		{func() { call("PutDcdnKv", "Value=v", "put") }, `"Complete":false`},
		{server.Flush, `"Complete":true`},
	} {
		step.before()
		if got := call("GetDcdnKvStatus", "", strings.Repeat("n", i+1)); !strings.Contains(got, step.want) {
			t.Errorf("step %d: answers %s, want %s", i, got, step.want)
		}
	}
	request := putRequest()
	request.Action = "GetKvStatus"
	if _, code := send(t, newServer(nil), sign(request, keys, "n")); code != "InvalidAction.NotFound" {
		t.Errorf("ESA answers %q", code)
	}
}
