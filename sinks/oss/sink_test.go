package oss_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/sinks/oss/osstest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

func TestPassingTroubleIsOvercome(t *testing.T) {
	faults := map[string]osstest.Fault{
		"throttled":            {Status: 503, Code: "QpsLimitExceeded"},
		"an internal error":    {Status: 500, Code: "InternalError"},
		"a slow line":          {Status: 400, Code: "RequestTimeout"},
		"too many requests":    {Status: 429},
		"a gateway's page":     {Status: 502},
		"a broken connection":  {Reset: true},
		"an answer that broke": {Reset: true, Applied: true},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, server := setup(t, nil)
				server.Fail(2, fault)
				put(t, sink, "k", `{"n":1}`)
				if got := server.Calls("PUT"); got != 3 {
					t.Errorf("the put took %d attempts, want 3", got)
				}
				server.Fail(2, fault)
				if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != `{"n":1}` {
					t.Errorf("got %q and %v", got, err)
				}
				server.Fail(2, fault)
				if err := sink.Delete(t.Context(), "k"); err != nil {
					t.Error(err)
				}
				if _, ok := server.Stored("prod/k"); ok {
					t.Error("the object is still there")
				}
				// An immutable object may have been written by an attempt
				// before the one that finds it.
				server.Fail(2, fault)
				if err := sink.Put(t.Context(), sinks.Object{
					Key: "k", Body: []byte(`{"n":2}`), Immutable: true,
				}); err != nil {
					t.Error(err)
				}
				if got := stored(server, "k"); got != `{"n":2}` {
					t.Errorf("stored is %q", got)
				}
			})
		})
	}
}

func TestLastingTrouble(t *testing.T) {
	tests := map[string]struct {
		fault                osstest.Fault
		permanent, ambiguous bool
		says                 string // in the error of the put
	}{
		"throttled": {
			osstest.Fault{Status: 503, Code: "QpsLimitExceeded"},
			false, false,
			"PutObject answered 503 QpsLimitExceeded: The request was refused on purpose",
		},
		"a slow line": {
			osstest.Fault{Status: 400, Code: "RequestTimeout"},
			false, false,
			"PutObject answered 400 RequestTimeout",
		},
		"an internal error": {
			osstest.Fault{Status: 500, Code: "InternalError"},
			false, true,
			"(request 5FF16B65F05BC9",
		},
		"unavailable": {
			osstest.Fault{Status: 503},
			false, false,
			"PutObject answered 503 Service Unavailable",
		},
		"a gateway's page":      {osstest.Fault{Status: 502}, false, true, "PutObject answered 502 Bad Gateway"},
		"applied behind a page": {osstest.Fault{Status: 504, Applied: true}, false, true, "outcome unknown"},
		"a broken connection":   {osstest.Fault{Reset: true}, false, true, "call PutObject: "},
		"an answer that broke":  {osstest.Fault{Reset: true, Applied: true}, false, true, "outcome unknown"},
		"a page instead of OSS": {osstest.Fault{Status: 200}, false, true, "check endpoint and proxy"},
		"not allowed": {
			osstest.Fault{Status: 403, Code: "AccessDenied"},
			true, false,
			`allow oss:PutObject on resource "acs:oss:*:*:flags/prod/*"`,
		},
		"a bucket of others": {osstest.Fault{
			Status: 403, Code: "AccessDenied", Message: "The bucket you access does not belong to you.",
		}, true, false, "does not belong to you"},
		"keys that have expired": {
			osstest.Fault{Status: 403, Code: "SecurityTokenExpired"},
			true, false,
			"renew the temporary keys",
		},
		"an open bill":       {osstest.Fault{Status: 403, Code: "UserDisable"}, true, false, "see in the console"},
		"a retention policy": {osstest.Fault{Status: 409, Code: "FileImmutable"}, true, false, "retention policy"},
		"overwriting forbidden": {
			osstest.Fault{Status: 409, Code: "FileAlreadyExists"},
			true, false,
			"PutObject answered 409 FileAlreadyExists",
		},
		"some other complaint": {osstest.Fault{Status: 400, Code: "InvalidArgument"}, true, false, "InvalidArgument"},
		"a firewall's page":    {osstest.Fault{Status: 403}, true, false, "403 Forbidden"},
		"another server": {
			osstest.Fault{Status: 404},
			true, false,
			`check endpoint: "oss-cn-hangzhou.aliyuncs.com" is not OSS`,
		},
		"a redirect":          {osstest.Fault{Status: 302}, true, false, "check endpoint"},
		"a proxy with a lock": {osstest.Fault{Status: 407}, true, false, "check proxy"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, server := setup(t, nil)
				server.Fail(4, test.fault)
				err := sink.Put(t.Context(), sinks.Object{Key: "the-key", Body: []byte(`{}`)})
				if err == nil {
					t.Fatal("no error")
				}
				if errors.Is(err, sinks.ErrPermanent) != test.permanent ||
					errors.Is(err, sinks.ErrAmbiguous) != test.ambiguous {
					t.Errorf("permanent must be %t and ambiguous %t: %v", test.permanent, test.ambiguous, err)
				}
				for _, want := range []string{test.says, `put "the-key" in oss bucket "flags": `} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error does not say %q: %v", want, err)
					}
				}
				if test.permanent && strings.HasPrefix(test.says, "check ") &&
					!strings.HasPrefix(sinks.Hint(err), test.says) {
					t.Errorf("the hint is %q: %v", sinks.Hint(err), err)
				}
				// The same trouble of a read or a delete is neither an absent
				// key nor ambiguous.
				server.Fail(8, test.fault)
				_, getErr := sink.Get(t.Context(), "the-key")
				for call, err := range map[string]error{"get": getErr, "delete": sink.Delete(t.Context(), "the-key")} {
					if err == nil || errors.Is(err, sinks.ErrNotFound) || errors.Is(err, sinks.ErrAmbiguous) ||
						errors.Is(err, sinks.ErrPermanent) != test.permanent {
						t.Errorf("%s answers %v", call, err)
					}
				}
			})
		})
	}
}

// Whatever the account has wrong, the error names the setting and no secret.
func TestWrongAccount(t *testing.T) {
	tests := map[string]struct {
		change func(*oss.Config, *osstest.Options)
		says   []string
	}{
		"another secret": {
			func(c *oss.Config, _ *osstest.Options) { c.Credentials.AccessKeySecret = secret.New("wrong-secret") },
			[]string{"403 SignatureDoesNotMatch", "EC 0002-00000201", "check credentials.access_key_secret"},
		},
		"another key": {
			func(c *oss.Config, _ *osstest.Options) { c.Credentials.AccessKeyID = "wrong-id" },
			[]string{"403 InvalidAccessKeyId", "check credentials.access_key_id"},
		},
		"another token": {
			func(c *oss.Config, _ *osstest.Options) { c.Credentials.SecurityToken = secret.New("wrong-token") },
			[]string{"renew the temporary keys"},
		},
		"another clock": {
			func(_ *oss.Config, o *osstest.Options) {
				o.Now = func() time.Time { return time.Now().Add(16 * time.Minute) }
			},
			[]string{"403 RequestTimeTooSkewed", "set the clock"},
		},
		"another bucket": {
			func(c *oss.Config, _ *osstest.Options) { c.Bucket = "wrong-flags" },
			[]string{`oss bucket "wrong-flags"`, "404 NoSuchBucket", "check bucket"},
		},
		"the public endpoint of an account that may not use it": {
			func(_ *oss.Config, o *osstest.Options) { o.NoPublicEndpoint = true },
			[]string{
				"400 PublicEndpointForbidden", "EC 0048-00000401",
				`set endpoint to "oss-cn-hangzhou-internal.aliyuncs.com"`,
				"set endpoint to the domain and cname to true",
			},
		},
		"a domain that is not bound": {
			func(c *oss.Config, o *osstest.Options) {
				c.Endpoint, c.CNAME, o.CNAME = "old.example.com", true, "flags.example.com"
			},
			[]string{"404 NoSuchBucket", `that the domain "old.example.com" is bound to it`},
		},
		"a domain without cname": {
			func(c *oss.Config, o *osstest.Options) {
				c.Endpoint, o.CNAME = "static.example.com", "static.example.com"
			},
			[]string{"404 NoSuchBucket", "check bucket"},
		},
		"another region": {
			func(_ *oss.Config, o *osstest.Options) { o.Region = "cn-shanghai" },
			[]string{
				"403 AccessDenied", `endpoint "oss-cn-shanghai.aliyuncs.com"`,
				`the bucket is not in region "cn-hangzhou": set region`,
			},
		},
		"another region behind one endpoint for all": {
			func(c *oss.Config, o *osstest.Options) {
				c.Endpoint, o.Region = "oss-accelerate.aliyuncs.com", "cn-shanghai"
			},
			[]string{
				"400 InvalidArgument: Invalid signing region", `the bucket is not in region "cn-hangzhou": set region`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sink, server := setup(t, test.change)
			putErr := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
			if got := server.Calls("PUT"); got != 1 {
				t.Errorf("%d attempts of a put that cannot succeed", got)
			}
			_, getErr := sink.Get(t.Context(), "k")
			for call, err := range map[string]error{
				"put": putErr, "get": getErr, "delete": sink.Delete(t.Context(), "k"),
			} {
				if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrNotFound) {
					t.Errorf("%s answers %v, want a permanent error", call, err)
					continue
				}
				for _, want := range test.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s does not say %q: %v", call, want, err)
					}
				}
				text := fmt.Sprintf("%v %+v %#v", err, err, err)
				for _, hidden := range []string{
					testID, testSecret, testToken, "wrong-secret", "wrong-id", "wrong-token", "Signature=",
					"Credential=", "OSS4-HMAC",
				} {
					if strings.Contains(text, hidden) {
						t.Errorf("the error of %s shows %q: %s", call, hidden, text)
					}
				}
			}
		})
	}
}

// A service may repeat what it got.
func TestErrorsAreCleaned(t *testing.T) {
	sink, server := setup(t, nil)
	server.Fail(1, osstest.Fault{
		Status: 400, Code: "InvalidArgument", Message: testSecret + " and\n" + testToken + " of " + testID,
	})
	_, err := sink.Get(t.Context(), "k")
	if !strings.Contains(fmt.Sprint(err), "[redacted] and [redacted] of [redacted]") {
		t.Errorf("got %v", err)
	}
}

func TestObjectsCarryTheirHeaders(t *testing.T) {
	sink, server := setup(t, nil)
	object := sinks.Object{
		Key: "k", Body: []byte(`{}`), ContentType: "application/json",
		Meta: map[string]string{"seq": "1760000000000", "digest": "sha256:ab", "odd": "a\"b é\n"},
	}
	tests := map[string]struct {
		immutable bool
		control   string // as it is configured
		want      string
	}{
		"may change":    {false, "no-cache", "no-cache"},
		"for a CDN":     {false, "max-age=30", "max-age=30"},
		"says nothing":  {false, "", ""},
		"never changes": {true, "max-age=30", "max-age=31536000, immutable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sink, server = setup(t, func(c *oss.Config, _ *osstest.Options) { c.CacheControl = test.control })
			object.Immutable = test.immutable
			if err := sink.Put(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			got, _ := server.Stored("prod/k")
			for header, want := range map[string]string{
				"Content-Type": "application/json", "Cache-Control": test.want,
				"X-Oss-Meta-Seq": "1760000000000", "X-Oss-Meta-Digest": "sha256:ab", "X-Oss-Meta-Odd": `a\"b \u00e9\n`,
			} {
				if got.Header.Get(header) != want {
					t.Errorf("%s is %q, want %q", header, got.Header.Get(header), want)
				}
			}
		})
	}
	if oss.DefaultConfig().CacheControl != "no-cache" {
		t.Error("objects that may change are cached by default")
	}
}

func TestImmutableObjectIsWrittenOnce(t *testing.T) {
	for _, versioning := range []bool{false, true} {
		sink, server := setup(t, func(_ *oss.Config, o *osstest.Options) { o.Versioning = versioning })
		want := "first"
		if versioning {
			want = "second" // OSS ignores the condition
		}
		for _, body := range []string{"first", "second"} {
			if err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(body), Immutable: true}); err != nil {
				t.Errorf("versioning %t: put of the %s: %v", versioning, body, err)
			}
		}
		if got := stored(server, "k"); got != want {
			t.Errorf("versioning %t: stored is %q, want %q", versioning, got, want)
		}
	}
}

func TestDamagedBodiesAreNoticed(t *testing.T) {
	// A bubble ends only when nothing of a call is left open.
	synctest.Test(t, damagedBodies)
}

func damagedBodies(t *testing.T) {
	sink, server := setup(t, nil)
	server.Fail(1, osstest.Fault{Damaged: true})
	err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{"n":1}`)})
	if !errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) ||
		!strings.Contains(err.Error(), "crc") {
		t.Errorf("a put that was damaged on its way answers %v", err)
	}
	put(t, sink, "k", `{"n":1}`)
	server.Fail(1, osstest.Fault{Damaged: true})
	body, err := sink.Get(t.Context(), "k")
	if err == nil || body != nil || errors.Is(err, sinks.ErrNotFound) || errors.Is(err, sinks.ErrPermanent) ||
		!strings.Contains(err.Error(), "crc") {
		t.Errorf("a get that was damaged on its way answers %q and %v", body, err)
	}
}

// An account that may not use the public endpoint stores by a custom domain, or
// from inside a VPC.
func TestWithoutThePublicEndpoint(t *testing.T) {
	for name, change := range map[string]func(*oss.Config, *osstest.Options){
		"a custom domain": func(c *oss.Config, o *osstest.Options) {
			c.Endpoint, c.CNAME, o.CNAME = "flags.example.com", true, "flags.example.com"
		},
		"inside a VPC": func(c *oss.Config, _ *osstest.Options) {
			c.Endpoint = "oss-cn-hangzhou-internal.aliyuncs.com"
		},
	} {
		t.Run(name, func(t *testing.T) {
			sink, server := setup(t, func(c *oss.Config, o *osstest.Options) {
				o.NoPublicEndpoint = true
				change(c, o)
			})
			put(t, sink, "k", "1")
			if got := stored(server, "k"); got != "1" {
				t.Errorf("stored is %q", got)
			}
			if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != "1" {
				t.Errorf("got %q and %v", got, err)
			}
			if err := sink.Delete(t.Context(), "k"); err != nil {
				t.Error(err)
			}
			if _, err := sink.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
				t.Errorf("after the delete get answers %v", err)
			}
		})
	}
}

func TestTooLargeForTheService(t *testing.T) {
	for name, fault := range map[string]osstest.Fault{
		"OSS":      {Status: 400, Code: "EntityTooLarge"},
		"a server": {Status: 413},
	} {
		sink, server := setup(t, nil)
		server.Fail(1, fault)
		err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
		large, ok := errors.AsType[*sinks.TooLargeError](err)
		if !ok || !errors.Is(err, sinks.ErrPermanent) || !strings.Contains(err.Error(), ": PutObject answered 4") ||
			large.Size != 2 || int64(large.Limit) != osstest.MaxObjectBytes {
			t.Errorf("refused by %s: put answers %v, want a permanent *sinks.TooLargeError", name, err)
		}
	}
}

func TestStaleReadIsAnOlderObject(t *testing.T) {
	sink, server := setup(t, func(_ *oss.Config, o *osstest.Options) { o.Stale = true })
	put(t, sink, "k", "1")
	if _, err := sink.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	server.Flush()
	put(t, sink, "k", "2")
	if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != "1" {
		t.Errorf("got %q and %v, want the older object", got, err)
	}
}

func TestSendsNothingAboutTheMachine(t *testing.T) {
	config, options := settings()
	server := osstest.New(options)
	known := []string{
		"Authorization", "Cache-Control", "Content-Type", "Date", "User-Agent", "Host", "Content-Length",
		"Accept-Encoding",
		"X-Oss-Content-Sha256", "X-Oss-Security-Token", "X-Oss-Forbid-Overwrite", "X-Oss-Meta-Seq",
	}
	sink, err := oss.New(config, sinktest.Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if !slices.Contains(known, name) {
				t.Errorf("%s sends the header %s: %s", r.Method, name, r.Header.Get(name))
			}
		}
		if agent := r.UserAgent(); agent != "flagcast" {
			t.Errorf("%s says it is %q", r.Method, agent)
		}
		server.ServeHTTP(w, r)
	})))
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Put(t.Context(), sinks.Object{
		Key: "k", Body: []byte(`{}`), Immutable: true, Meta: map[string]string{"seq": "1"},
	}); err != nil {
		t.Error(err)
	}
	if _, err := sink.Get(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// silent is a server that takes a request and never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config, _ := settings()
		sink, err := oss.New(config, silent{})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		err = sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, sinks.ErrAmbiguous) ||
			errors.Is(err, sinks.ErrPermanent) {
			t.Errorf("put answers %v, want an ambiguous deadline", err)
		}
		if took := time.Since(started); took < 4*config.Timeout || took > 5*config.Timeout {
			t.Errorf("put took %s, want four attempts of %s", took, config.Timeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started = time.Now()
		if _, err = sink.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(started) != time.Second {
			t.Errorf("get answers %v after %s, want the caller's deadline of 1s", err, time.Since(started))
		}
	})
}

// A server that is not there was not reached: the put is not ambiguous.
func TestUnreachableServer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	config := valid()
	config.Endpoint = gone.URL
	sink, err := oss.New(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
	if err == nil || errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) {
		t.Errorf("put answers %v, want an error that may pass and is not ambiguous", err)
	}
	if !strings.Contains(fmt.Sprint(err), strings.TrimPrefix(gone.URL, "http://")) {
		t.Errorf("error does not name the address: %v", err)
	}
}
