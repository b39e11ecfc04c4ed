package osstest_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	sdk "github.com/aliyun/aliyun-oss-go-sdk/oss"

	"github.com/flagcast/flagcast/sinks/oss/osstest"
)

func newServer(change func(*osstest.Options)) *osstest.Server {
	o := osstest.Options{
		Bucket: "flags", Region: "cn-hangzhou", AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token",
	}
	if change != nil {
		change(&o)
	}
	return osstest.New(o)
}

// capture keeps the request that the SDK would send.
type capture struct{ request *http.Request }

func (c *capture) RoundTrip(r *http.Request) (*http.Response, error) {
	c.request = r
	return nil, errors.New("captured")
}

// signed lets the vendor's SDK sign the put of an object.
func signed(t *testing.T, endpoint, bucket, name string, options ...sdk.Option) *http.Request {
	t.Helper()
	r, err := sign(t, endpoint, bucket, name, options...)
	if err != nil {
		t.Fatalf("the SDK refuses: %v", err)
	}
	return r
}

// sign returns an error for what the SDK does not send.
func sign(t *testing.T, endpoint, bucket, name string, options ...sdk.Option) (*http.Request, error) {
	t.Helper()
	return signTo(t, endpoint, bucket, name, nil, options...)
}

// signTo is sign with options of the SDK's client.
func signTo(
	t *testing.T, endpoint, bucket, name string, of []sdk.ClientOption, options ...sdk.Option,
) (*http.Request, error) {
	t.Helper()
	kept := &capture{}
	client, err := sdk.New(endpoint, "id", "secret", append([]sdk.ClientOption{
		sdk.SecurityToken("token"), sdk.AuthVersion(sdk.AuthV4), sdk.Region("cn-hangzhou"),
		sdk.AdditionalHeaders([]string{"host"}), sdk.HTTPClient(&http.Client{Transport: kept}),
	}, of...)...)
	if err != nil {
		t.Fatal(err)
	}
	in := sdk.Bucket{Client: *client, BucketName: bucket}
	if err := in.PutObject(name, strings.NewReader("body"), options...); kept.request == nil {
		return nil, err
	}
	r := httptest.NewRequest(kept.request.Method, kept.request.URL.RequestURI(), strings.NewReader("body"))
	r.Host, r.Header, r.ContentLength = kept.request.URL.Host, kept.request.Header.Clone(), 4
	return r, nil
}

const endpoint = "https://oss-cn-hangzhou.aliyuncs.com"

// A custom domain belongs to one bucket, and no name below it to any.
func TestCustomDomainsAreStrict(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint string
		cname    bool
		status   int
		code     string
	}{
		"the domain":                    {"https://flags.example.com", true, 200, ""},
		"the bucket before the domain":  {"https://flags.example.com", false, 404, "NoSuchBucket"},
		"another domain":                {"https://other.example.com", true, 404, "NoSuchBucket"},
		"the public endpoint":           {endpoint, false, 400, "PublicEndpointForbidden"},
		"the endpoint inside of a VPC":  {"https://oss-cn-hangzhou-internal.aliyuncs.com", false, 200, ""},
		"the region's host as a domain": {endpoint, true, 404, "NoSuchBucket"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(func(o *osstest.Options) { o.CNAME, o.NoPublicEndpoint = "flags.example.com", true })
			r, err := signTo(t, test.endpoint, "flags", "k", []sdk.ClientOption{sdk.UseCname(test.cname)})
			if err != nil {
				t.Fatal(err)
			}
			if status, code := send(t, server, r); status != test.status || code != test.code {
				t.Errorf("answers %d %s, want %d %s", status, code, test.status, test.code)
			}
		})
	}
}

// send returns the status and the code of the answer.
func send(t *testing.T, server *osstest.Server, r *http.Request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	if w.Code < 300 {
		return w.Code, ""
	}
	var answer struct {
		XMLName                          xml.Name `xml:"Error"`
		Code, Message, RequestId, HostId string
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil ||
		answer.RequestId != w.Header().Get("x-oss-request-id") || answer.HostId != r.Host {
		t.Errorf("answer is not the service's XML: %s", w.Body)
	}
	return w.Code, answer.Code
}

// What a client does wrong before signing: the signature is right.
func TestRequestsAreStrict(t *testing.T) {
	const shanghai = "https://oss-cn-shanghai.aliyuncs.com"
	long := strings.Repeat("k", 1023)
	tests := map[string]struct {
		endpoint, bucket, name string
		options                []sdk.Option
		status                 int
		code                   string
	}{
		"as documented":              {endpoint, "flags", "a/k", nil, 200, ""},
		"from a VPC":                 {"https://oss-cn-hangzhou-internal.aliyuncs.com", "flags", "k", nil, 200, ""},
		"an address":                 {"http://127.0.0.1:8080", "flags", "a/k", nil, 200, ""},
		"a host of its own":          {"http://oss.test", "flags", "k", nil, 200, ""},
		"the region's host, not so":  {shanghai, "flags", "k", nil, 400, "InvalidArgument"},
		"a bucket that is not there": {endpoint, "other", "k", nil, 404, "NoSuchBucket"},
		"a name of 1,023 bytes":      {endpoint, "flags", long, nil, 200, ""},
		"a name of 1,024 bytes":      {endpoint, "flags", long + "k", nil, 400, "InvalidObjectName"},
		"a slash at the start":       {endpoint, "flags", "/k", nil, 400, "InvalidObjectName"},
		"a backslash at the start":   {endpoint, "flags", `\k`, nil, 400, "InvalidObjectName"},
		"no text":                    {endpoint, "flags", "k\xff", nil, 400, "InvalidObjectName"},
		"odd signs":                  {endpoint, "flags", "a b+c%2F*~é?", nil, 200, ""},
		"metadata":                   {endpoint, "flags", "k", []sdk.Option{sdk.Meta("a", " b ")}, 200, ""},
		"too much metadata": {endpoint, "flags", "k", []sdk.Option{
			sdk.Meta("a", long+long+long+long+long+long+long+long+long),
		}, 400, "InvalidArgument"},
		"a digest": {
			endpoint, "flags", "k",
			[]sdk.Option{sdk.ContentMD5("hBotaJrYa9FhFEdFPCLG/A==")},
			200,
			"",
		},
		"a wrong digest": {
			endpoint, "flags", "k",
			[]sdk.Option{sdk.ContentMD5("AAAAAAAAAAAAAAAAAAAAAA==")},
			400,
			"InvalidDigest",
		},
		"an unknown header": {
			endpoint, "flags", "k",
			[]sdk.Option{sdk.SetHeader("x-oss-odd", "1")},
			400,
			"InvalidArgument",
		},
		"a vague condition": {
			endpoint, "flags", "k",
			[]sdk.Option{sdk.SetHeader("x-oss-forbid-overwrite", "yes")},
			400,
			"InvalidArgument",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := newServer(nil)
			status, code := send(t, server, signed(t, test.endpoint, test.bucket, test.name, test.options...))
			if status != test.status || code != test.code {
				t.Errorf("answers %d %s, want %d %s", status, code, test.status, test.code)
			}
			if _, stored := server.Stored(test.name); stored != (test.status == 200) {
				t.Errorf("stored: %t", stored)
			}
			if server.Calls("PUT") != 1 {
				t.Errorf("%d calls are counted", server.Calls("PUT"))
			}
		})
	}
}

// What happens to a request after it was signed.
func TestSignatureIsVerified(t *testing.T) {
	authorization := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"as it was":            {func(*http.Request) {}, 200, ""},
		"another name":         {func(r *http.Request) { r.URL.Path = "/other" }, 403, "SignatureDoesNotMatch"},
		"another method":       {func(r *http.Request) { r.Method = "DELETE" }, 403, "SignatureDoesNotMatch"},
		"a parameter":          {func(r *http.Request) { r.URL.RawQuery = "acl" }, 403, "SignatureDoesNotMatch"},
		"another content type": {set("Content-Type", "text/plain"), 403, "SignatureDoesNotMatch"},
		"a header of theirs":   {set("x-oss-forbid-overwrite", "true"), 403, "SignatureDoesNotMatch"},
		"another date": {
			set("Date", time.Now().Add(time.Second).UTC().Format(http.TimeFormat)), 403,
			"SignatureDoesNotMatch",
		},
		"another host": {func(r *http.Request) {
			r.Host = "flags.oss-cn-hangzhou-internal.aliyuncs.com"
		}, 403, "SignatureDoesNotMatch"},
		"a changed signature":         {authorization("Signature=", "Signature=0"), 403, "SignatureDoesNotMatch"},
		"a header that is not theirs": {set("User-Agent", "x"), 200, ""},
		"a header that is unsigned":   {set("Cache-Control", "no-store"), 200, ""},
		"another key": {
			authorization("Credential=id/", "Credential=other/"), 403,
			"InvalidAccessKeyId",
		},
		"another region":              {authorization("/cn-hangzhou/", "/cn-beijing/"), 400, "InvalidArgument"},
		"no region":                   {authorization("/cn-hangzhou/", "//"), 400, "InvalidArgument"},
		"another product":             {authorization("/oss/", "/esa/"), 400, "InvalidArgument"},
		"another day":                 {authorization("Credential=id/2", "Credential=id/1"), 400, "InvalidArgument"},
		"a claim that is not known":   {authorization("Credential", "Odd=1,Credential"), 400, "InvalidArgument"},
		"additional headers unsorted": {authorization("=host", "=host;date"), 400, "InvalidArgument"},
		"an additional header absent": {authorization("=host", "=age;host"), 400, "InvalidArgument"},
		"another payload":             {set("x-oss-content-sha256", "0"), 400, "InvalidArgument"},
		"another token":               {set("x-oss-security-token", "other"), 403, "InvalidSecurityToken"},
		"no token": {func(r *http.Request) {
			r.Header.Del("x-oss-security-token")
		}, 403, "InvalidSecurityToken"},
		"no date":          {func(r *http.Request) { r.Header.Del("Date") }, 403, "AccessDenied"},
		"no authorization": {func(r *http.Request) { r.Header.Del("Authorization") }, 403, "AccessDenied"},
		"version 1":        {set("Authorization", "OSS id:c2lnbmF0dXJl"), 403, "AccessDenied"},
		"no length":        {func(r *http.Request) { r.ContentLength = -1 }, 411, "MissingContentLength"},
		"more than 5 GB": {func(r *http.Request) {
			r.ContentLength = osstest.MaxObjectBytes + 1
		}, 400, "EntityTooLarge"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, request := newServer(nil), signed(t, endpoint, "flags", "k", sdk.ContentType("application/json"))
			test.change(request)
			if status, code := send(t, server, request); status != test.status || code != test.code {
				t.Errorf("answers %d %s, want %d %s", status, code, test.status, test.code)
			}
			if _, stored := server.Stored("k"); stored != (test.status == 200) {
				t.Errorf("stored: %t", stored)
			}
		})
	}
}

func TestDatesAreChecked(t *testing.T) {
	for off, code := range map[time.Duration]string{
		0: "", 14 * time.Minute: "", -14 * time.Minute: "", 16 * time.Minute: "RequestTimeTooSkewed",
		-16 * time.Minute: "RequestTimeTooSkewed",
	} {
		server := newServer(func(o *osstest.Options) { o.Now = func() time.Time { return time.Now().Add(off) } })
		if _, got := send(t, server, signed(t, endpoint, "flags", "k")); got != code {
			t.Errorf("%s off: answers %q, want %q", off, got, code)
		}
	}
}

// TestAnswers: what the SDK makes of put, head, get and delete.
func TestAnswers(t *testing.T) {
	server := httptest.NewServer(newServer(nil))
	defer server.Close()
	client, err := sdk.New(server.URL, "id", "secret", sdk.SecurityToken("token"), sdk.AuthVersion(sdk.AuthV4),
		sdk.Region("cn-hangzhou"))
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := client.Bucket("flags")
	if err != nil {
		t.Fatal(err)
	}
	var header http.Header
	// The CRC-64 of these digits is the check value of CRC-64/XZ, which is that
	// of OSS.
	err = bucket.PutObject("a/k", strings.NewReader("123456789"), sdk.ContentType("text/plain"),
		sdk.CacheControl("no-cache"), sdk.Meta("seq", "7"), sdk.GetResponseHeader(&header))
	if err != nil || header.Get("Content-MD5") != "JfnnlDI7RTiF9RgfG2JNCw==" {
		t.Errorf("put answers %v, %v", header, err)
	}
	var refused sdk.ServiceError
	if err := bucket.PutObject("a/k", strings.NewReader("other"), sdk.ForbidOverWrite(true)); !errors.As(err,
		&refused) || refused.StatusCode != 409 || refused.Code != "FileAlreadyExists" {
		t.Errorf("a put that must not overwrite answers %v", err)
	}
	meta, err := bucket.GetObjectDetailedMeta("a/k")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ETag": `"25F9E794323B453885F5181F1B624D0B"`, "Content-Type": "text/plain", "Cache-Control": "no-cache",
		"X-Oss-Meta-Seq": "7", "Content-Length": "9", "X-Oss-Object-Type": "Normal",
		"X-Oss-Hash-Crc64ecma": "11051210869376104954",
	} {
		if meta.Get(name) != want {
			t.Errorf("head: %s is %q, want %q", name, meta.Get(name), want)
		}
	}
	body, err := bucket.GetObject("a/k")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	if text, err := io.ReadAll(body); err != nil || !bytes.Equal(text, []byte("123456789")) {
		t.Errorf("got %q and %v", text, err)
	}
	for range 2 {
		if err := bucket.DeleteObject("a/k"); err != nil {
			t.Error(err)
		}
	}
	if _, err := bucket.GetObject("a/k"); !errors.As(err, &refused) || refused.StatusCode != 404 ||
		refused.Code != "NoSuchKey" {
		t.Errorf("get of what is deleted answers %v", err)
	}
}

// The SDK and the server canonicalise with code of their own: whatever the name
// and the headers are, they agree on the signature.
func FuzzSignaturesAgree(f *testing.F) {
	f.Add("k", "application/json", "v")
	f.Add("a b+c/*~é", "", " v ")
	f.Add("=&;%2F?#", "text/plain; charset=utf-8", "é")
	f.Fuzz(func(t *testing.T, name, contentType, meta string) {
		if strings.ContainsFunc(contentType+meta, unicode.IsControl) {
			t.Skip("a client does not send it")
		}
		request, err := sign(t, endpoint, "flags", name, sdk.ContentType(contentType), sdk.Meta("m", meta))
		if err != nil {
			t.Skipf("the SDK refuses the fuzzer's input: %v", err)
		}
		_, code := send(t, newServer(nil), request)
		if code == "SignatureDoesNotMatch" {
			t.Error("a signature is refused")
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
		"at their end":   {"secret", "token", 0, true, "SecurityTokenExpired"},
		"another token":  {"secret", "other", time.Minute, true, "InvalidSecurityToken"},
		"another secret": {"other", "token", time.Minute, true, "SignatureDoesNotMatch"},
		"unknown":        {"", "", 0, false, "InvalidAccessKeyId"},
	}
	for name, test := range tests {
		server := newServer(func(o *osstest.Options) {
			o.AccessKeyID = ""
			o.Lookup = func(id string) (string, string, time.Time, bool) {
				return test.secret, test.token, time.Now().Add(test.ends), test.known && id == "id"
			}
		})
		if _, code := send(t, server, signed(t, endpoint, "flags", "k")); code != test.code {
			t.Errorf("%s: answers %q, want %q", name, code, test.code)
		}
	}
}
