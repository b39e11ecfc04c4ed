package edgekv_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
)

func TestPassingTroubleIsOvercome(t *testing.T) {
	faults := map[string]edgekvtest.Fault{
		"throttled":            {Status: 400, Code: "Throttling.User"},
		"too many requests":    {Status: 400, Code: "TooManyRequests"},
		"too quick":            {Status: 429, Code: "TooQuickRequests"},
		"a nonce seen before":  {Status: 400, Code: "SignatureNonceUsed"},
		"an internal error":    {Status: 500, Code: "InternalError"},
		"a gateway's page":     {Status: 502},
		"unavailable":          {Status: 503, Code: "ServiceUnavailable"},
		"a broken connection":  {Reset: true},
		"an answer that broke": {Reset: true, Applied: true},
	}
	each(t, func(t *testing.T, a actions) {
		for name, fault := range faults {
			// The server refuses a nonce that it has seen, so a call that
			// succeeds at its third attempt was signed three times.
			sink, server := setup(t, a.product, nil)
			server.Fail(2, fault)
			put(t, sink, "k", `{"n":1}`)
			if got := server.Calls(a.put); got != 3 {
				t.Errorf("%s: the put took %d attempts, want 3", name, got)
			}
			server.Fail(2, fault)
			if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != `{"n":1}` {
				t.Errorf("%s: got %q and %v", name, got, err)
			}
			server.Fail(2, fault)
			if err := sink.Delete(t.Context(), "k"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, ok := server.Value("flags", "k"); ok {
				t.Errorf("%s: the key is still there", name)
			}
		}
	})
}

func TestLastingTrouble(t *testing.T) {
	tests := map[string]struct {
		fault                edgekvtest.Fault
		permanent, ambiguous bool
		says                 string // in the error; %s is the action of the put
	}{
		"throttled": {
			edgekvtest.Fault{Status: 400, Code: "Throttling.User"},
			false, false,
			"%s answered 400 Throttling.User",
		},
		"unavailable":            {edgekvtest.Fault{Status: 503}, false, false, "%s answered 503 Service Unavailable"},
		"a gateway's page":       {edgekvtest.Fault{Status: 502}, false, true, "%s answered 502 Bad Gateway"},
		"applied behind a page":  {edgekvtest.Fault{Status: 504, Applied: true}, false, true, "outcome unknown"},
		"a broken connection":    {edgekvtest.Fault{Reset: true}, false, true, "call %s: "},
		"an answer that broke":   {edgekvtest.Fault{Reset: true, Applied: true}, false, true, "outcome unknown"},
		"a page instead of JSON": {edgekvtest.Fault{Status: 200}, false, true, "as JSON"},
		"not allowed": {
			edgekvtest.Fault{Status: 403, Code: "Forbidden.RAM"},
			true, false,
			":%s on resource",
		},
		"no permission": {edgekvtest.Fault{Status: 403, Code: "NoPermission"}, true, false, ":%s on resource"},
		"not authorised": {
			edgekvtest.Fault{Status: 403, Code: "Unauthorized.InvalidParameters"},
			true, false,
			"RAM policy",
		},
		"no such account": {
			edgekvtest.Fault{Status: 400, Code: "InvalidAccount.Malformed"},
			true, false,
			"in the console",
		},
		"a full namespace": {
			edgekvtest.Fault{Status: 403, Code: "InvalidKey.ExceedsCapacity"},
			true, false,
			"1 GB",
		},
		"no such namespace": {
			edgekvtest.Fault{Status: 404, Code: "InvalidNameSpace.NotFound"},
			true, false,
			"create_namespace: true",
		},
		"temporary keys expired": {
			edgekvtest.Fault{Status: 400, Code: "InvalidSecurityToken.Expired"},
			true, false,
			"renew",
		},
		"some other complaint": {
			edgekvtest.Fault{Status: 400, Code: "InvalidParameter"},
			true, false,
			"InvalidParameter",
		},
		"a firewall's page":   {edgekvtest.Fault{Status: 403}, true, false, "403 Forbidden"},
		"another server":      {edgekvtest.Fault{Status: 404}, true, false, "check endpoint"},
		"a redirect":          {edgekvtest.Fault{Status: 302}, true, false, "check endpoint"},
		"a proxy with a lock": {edgekvtest.Fault{Status: 407}, true, false, "check proxy"},
	}
	each(t, func(t *testing.T, a actions) {
		for name, test := range tests {
			sink, server := setup(t, a.product, nil)
			server.Fail(4, test.fault)
			err := sink.Put(t.Context(), sinks.Object{Key: "the-key", Body: []byte(`{}`)})
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			if errors.Is(err, sinks.ErrPermanent) != test.permanent ||
				errors.Is(err, sinks.ErrAmbiguous) != test.ambiguous {
				t.Errorf("%s: permanent must be %t and ambiguous %t: %v", name, test.permanent, test.ambiguous, err)
			}
			for _, want := range []string{
				strings.ReplaceAll(test.says, "%s", a.put), `"the-key"`, a.product, `"flags"`,
			} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: error does not say %q: %v", name, want, err)
				}
			}
			// The same trouble of a read is neither an absent key nor
			// ambiguous.
			server.Fail(8, test.fault)
			_, err = sink.Get(t.Context(), "the-key")
			if err == nil || errors.Is(err, sinks.ErrNotFound) || errors.Is(err, sinks.ErrAmbiguous) {
				t.Errorf("%s: get answers %v", name, err)
			}
		}
	})
}

func TestNewUsersOfDCDNArePointedToESA(t *testing.T) {
	for code, status := range map[string]int{
		"InvalidAccount.Malformed": 400, "DcdnServiceNotFound": 404, "ErService.NotOpen": 400,
		"Forbidden.RAM": 403, "NoPermission": 403, "Unauthorized.InvalidParameters": 403,
	} {
		for _, product := range []string{"dcdn", "esa"} {
			sink, server := setup(t, product, nil)
			server.Fail(1, edgekvtest.Fault{Status: status, Code: code})
			_, err := sink.Get(t.Context(), "k")
			if !errors.Is(err, sinks.ErrPermanent) ||
				strings.Contains(err.Error(), "product: esa") != (product == "dcdn") {
				t.Errorf("%s of %s: %v", code, product, err)
			}
		}
	}
}

// Whatever the account has wrong, the error names the setting and no secret.
func TestWrongAccount(t *testing.T) {
	tests := map[string]struct {
		change func(*edgekv.Config, *edgekvtest.Options)
		says   string
	}{
		"another secret": {func(c *edgekv.Config, _ *edgekvtest.Options) {
			c.Credentials.AccessKeySecret = secret.New("wrong-secret")
		}, "check credentials.access_key_secret"},
		"another key": {func(c *edgekv.Config, _ *edgekvtest.Options) {
			c.Credentials.AccessKeyID = "wrong-id"
		}, "check credentials.access_key_id"},
		"another token": {func(c *edgekv.Config, _ *edgekvtest.Options) {
			c.Credentials.SecurityToken = secret.New("wrong-token")
		}, "renew the temporary keys"},
		"another clock": {func(_ *edgekv.Config, o *edgekvtest.Options) {
			o.Now = func() time.Time { return time.Now().Add(16 * time.Minute) }
		}, "set the clock"},
	}
	each(t, func(t *testing.T, a actions) {
		for name, test := range tests {
			sink, server := setup(t, a.product, test.change)
			_, getErr := sink.Get(t.Context(), "k")
			for call, err := range map[string]error{
				"put":    sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)}),
				"get":    getErr,
				"delete": sink.Delete(t.Context(), "k"),
			} {
				if !errors.Is(err, sinks.ErrPermanent) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: %s answers %v, want a permanent error that says %q", name, call, err, test.says)
				}
				if hint := sinks.Hint(err); hint == "" || !strings.HasSuffix(err.Error(), ": "+hint) {
					t.Errorf("%s: %s has the hint %q: %v", name, call, hint, err)
				}
				text := fmt.Sprintf("%v %+v %#v", err, err, err)
				for _, hidden := range []string{testID, testSecret, testToken, "wrong-", "Signature=", "Credential="} {
					if strings.Contains(text, hidden) {
						t.Errorf("%s: the error of %s shows %q: %s", name, call, hidden, text)
					}
				}
			}
			if got := server.Calls(a.put); got != 1 {
				t.Errorf("%s: %d attempts of a put that cannot succeed", name, got)
			}
		}
	})
}

func TestNamespaceIsCreatedWhenAllowed(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		allowed := func(c *edgekv.Config, _ *edgekvtest.Options) { c.Namespace, c.CreateNamespace = "other", true }
		sink, server := setup(t, a.product, allowed)
		if _, err := sink.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
			t.Errorf("get before the first put answers %v, want not found", err)
		}
		if err := sink.Delete(t.Context(), "k"); err != nil {
			t.Errorf("delete before the first put: %v", err)
		}
		var group sync.WaitGroup
		for i := range 8 {
			key := sinks.Key(fmt.Sprint("k", i))
			group.Go(func() {
				if err := sink.Put(t.Context(), sinks.Object{Key: key, Body: []byte(key)}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for i := range 8 {
			key := fmt.Sprint("k", i)
			if got, _ := server.Value("other", key); got != key {
				t.Errorf("%s holds %q", key, got)
			}
		}
		before := server.Calls(a.create)
		put(t, sink, "k", "again")
		if server.Calls(a.create) != before {
			t.Error("a put into the namespace creates it again")
		}
	})
}

func TestNamespaceIsNotCreatedUnasked(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, func(c *edgekv.Config, _ *edgekvtest.Options) { c.Namespace = "other" })
		_, getErr := sink.Get(t.Context(), "k")
		for call, err := range map[string]error{
			"put":    sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)}),
			"get":    getErr,
			"delete": sink.Delete(t.Context(), "k"),
		} {
			if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrNotFound) {
				t.Errorf("%s answers %v, want a permanent error other than an absent key", call, err)
			}
		}
		if got := server.Calls(a.create); got != 0 {
			t.Errorf("%d calls to create it", got)
		}
	})
}

func TestNamespaceThatCannotBeCreated(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		full := func(c *edgekv.Config, o *edgekvtest.Options) {
			c.Namespace, c.CreateNamespace = "other", true
			for i := range 10 {
				o.Namespaces = append(o.Namespaces[:i], fmt.Sprint("n", i))
			}
		}
		sink, _ := setup(t, a.product, full)
		err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
		if !errors.Is(err, sinks.ErrPermanent) || !strings.Contains(err.Error(), "larger quota") {
			t.Errorf("put answers %v, want a permanent error about the quota", err)
		}

		// A namespace that is created but not there yet may be there later.
		sink, server := setup(t, a.product, func(c *edgekv.Config, _ *edgekvtest.Options) { c.CreateNamespace = true })
		missing := edgekvtest.Fault{Status: 404, Code: "InvalidNameSpace.NotFound"}
		server.Fail(1, missing)
		server.Fail(1, edgekvtest.Fault{Status: 406, Code: "InvalidNameSpace.Duplicate"})
		server.Fail(1, missing)
		err = sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
		if err == nil || errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrAmbiguous) {
			t.Errorf("put into a namespace that was just created answers %v, want an error that may pass", err)
		}
	})
}

// The request counts, in which most marks take three bytes: JSON of 1.38 MB may
// not fit into the 2,000,000 bytes of a request. The fake counts what it is
// sent, and control characters make its answer six times as large.
func TestLargestValue(t *testing.T) {
	const form = 2_000_000 - len("Value=")
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, nil)
		for unit, encoded := range map[string]int{"\x01": 3, "é": 6, "x": 1, `{"a":1},`: 20} {
			largest := strings.Repeat(unit, min(1_800_000/len(unit), form/encoded))
			if len(largest)+len(unit) <= 1_800_000 {
				err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(largest + unit)})
				large, ok := errors.AsType[*sinks.TooLargeError](err)
				if !ok || !errors.Is(err, sinks.ErrPermanent) || large.Size != len(largest)+len(unit) ||
					large.FormSize != len(largest)/len(unit)*encoded+encoded {
					t.Errorf("%q times %d: put answers %v", unit, len(largest)/len(unit)+1, err)
				} else if want := fmt.Sprintf("it has %d, the limit is %d", large.FormSize,
					form); !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			body := largest
			put(t, sink, "k", body)
			if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != body {
				t.Errorf("%q times %d: got %d bytes and %v", unit, len(body)/len(unit), len(got), err)
			}
		}
		calls := server.Calls(a.put)
		for name, body := range map[string]string{
			"too large": strings.Repeat("x", 1_800_001), "empty": "", "not text": "a\xff",
		} {
			err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(body)})
			_, large := errors.AsType[*sinks.TooLargeError](err)
			if !errors.Is(err, sinks.ErrPermanent) || large != (name == "too large") || len(err.Error()) > 300 {
				t.Errorf("%s: put answers %v", name, err)
			}
		}
		if got := server.Calls(a.put); got != calls {
			t.Errorf("%d calls with a body that cannot be stored", got-calls)
		}
	})
}

func TestValueThatTheServiceFindsTooLarge(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, nil)
		server.Fail(1, edgekvtest.Fault{Status: 400, Code: "InvalidValue.ExceedsMaximum"})
		err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
		if _, ok := errors.AsType[*sinks.TooLargeError](err); !ok || !errors.Is(err, sinks.ErrPermanent) {
			t.Errorf("put answers %v, want a permanent *sinks.TooLargeError", err)
		}
	})
}

func TestStaleReadIsAnOlderObject(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, func(_ *edgekv.Config, o *edgekvtest.Options) { o.Stale = true })
		expect := func(want string) {
			t.Helper()
			if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != want {
				t.Errorf("got %q and %v, want %q", got, err, want)
			}
		}
		put(t, sink, "k", "1")
		if _, err := sink.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
			t.Errorf("got %v, want not found", err)
		}
		server.Flush()
		expect("1")
		put(t, sink, "k", "2")
		expect("1")
		if err := sink.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		expect("1")
		server.Flush()
		if _, err := sink.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
			t.Errorf("got %v, want not found", err)
		}
	})
}

// A server that is not there was not reached: the put is not ambiguous.
func TestUnreachableServer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	config := valid()
	config.Endpoint = gone.URL
	sink, err := edgekv.New(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{}`)})
	if err == nil || errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) {
		t.Errorf("put answers %v, want an error that may pass and is not ambiguous", err)
	}
	if !strings.Contains(err.Error(), strings.TrimPrefix(gone.URL, "http://")) {
		t.Errorf("error does not name the address: %v", err)
	}
}
