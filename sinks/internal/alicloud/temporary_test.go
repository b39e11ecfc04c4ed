package alicloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud/alicloudtest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

const podToken = "header.the-pod-token.signature"

// pod is a pod that RRSA is set up for: its settings, STS, and what is between.
func pod(t *testing.T) (Config, *alicloudtest.STS, *alicloudtest.Issuer, http.RoundTripper) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(podToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(variableRole, testRole)
	t.Setenv(variableProvider, testProvider)
	t.Setenv(variableToken, file)
	issuer := alicloudtest.NewIssuer(time.Hour)
	sts := alicloudtest.NewSTS(issuer, testRole, testProvider, podToken)
	mux := http.NewServeMux()
	mux.Handle("sts.aliyuncs.com/", sts)
	return of(typeRRSA, nil), sts, issuer, sinktest.Transport(mux)
}

// retrieve makes credentials and asks them once.
func retrieve(t *testing.T, c Config, base http.RoundTripper) (Keys, error) {
	t.Helper()
	credentials, err := c.New(base)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.Retrieve(t.Context())
}

func expectIssued(t *testing.T, issuer *alicloudtest.Issuer, keys Keys, err error) {
	t.Helper()
	key, token, _, ok := issuer.Lookup(keys.AccessKeyID)
	if err != nil || !ok || keys.AccessKeySecret.Reveal() != key || keys.SecurityToken.Reveal() != token {
		t.Errorf("got %v and %v, want keys that were issued", keys, err)
	}
}

func TestRoleOfAPod(t *testing.T) {
	c, _, issuer, base := pod(t)
	keys, err := retrieve(t, c, base)
	expectIssued(t, issuer, keys, err)

	// What the file says wins over the environment.
	t.Setenv(variableRole, testRole+"-of-another")
	c.RoleARN, c.RoleSessionName = testRole, "another-session"
	keys, err = retrieve(t, c, base)
	expectIssued(t, issuer, keys, err)
}

// Kubernetes writes a new token into the file before the old one ends.
func TestTokenIsReadAnew(t *testing.T) {
	c, sts, _, base := pod(t)
	synctest.Test(t, func(t *testing.T) {
		credentials, err := c.New(base)
		if err != nil {
			t.Fatal(err)
		}
		for n, token := range []string{podToken, "another.token"} {
			sts.Trust(token)
			if err := os.WriteFile(os.Getenv(variableToken), []byte(token), 0o600); err != nil {
				t.Fatal(err)
			}
			if keys, err := credentials.Retrieve(t.Context()); err != nil ||
				keys.AccessKeyID != fmt.Sprint("STS.key-", n+1) {
				t.Errorf("got %v and %v", keys, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

// gone is a network without a way out.
type gone struct{}

func (gone) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("i/o timeout")}
}

func TestWhatIsWrongWithARoleOfAPod(t *testing.T) {
	fail := func(status int, code, message string) func(*Config, *alicloudtest.STS) {
		return func(_ *Config, s *alicloudtest.STS) {
			s.Fail(9, alicloudtest.Fault{Status: status, Code: code, Message: message})
		}
	}
	without := func(variable string) func(*Config, *alicloudtest.STS) {
		return func(*Config, *alicloudtest.STS) { _ = os.Unsetenv(variable) } // put back by pod
	}
	tests := map[string]struct {
		change    func(*Config, *alicloudtest.STS)
		permanent bool
		requests  int
		says      []string
	}{
		"no role": {without(variableRole), true, 0, []string{
			"credentials.role_arn is not set", variableRole, "pod-identity.alibabacloud.com/injection",
		}},
		"no provider": {without(variableProvider), true, 0, []string{
			"credentials.oidc_provider_arn is not set", variableProvider,
		}},
		"no token file": {without(variableToken), true, 0, []string{
			"credentials.oidc_token_file is not set", variableToken,
		}},
		"an absent token file": {func(c *Config, _ *alicloudtest.STS) {
			c.OIDCTokenFile = "/nowhere/token"
		}, true, 0, []string{`token file "/nowhere/token" is absent`, "audience sts.aliyuncs.com"}},
		"a folder": {func(c *Config, _ *alicloudtest.STS) {
			c.OIDCTokenFile = os.TempDir()
		}, true, 0, []string{"read the token file", os.TempDir()}},
		"an empty token file": {func(*Config, *alicloudtest.STS) {
			_ = os.WriteFile(os.Getenv(variableToken), []byte("\n"), 0o600)
		}, true, 0, []string{"has 0 bytes"}},
		"another role": {func(c *Config, _ *alicloudtest.STS) {
			c.RoleARN = testRole + "2"
		}, true, 1, []string{"404 EntityNotExist.Role", "create the role", testRole + "2"}},
		"another provider": {func(c *Config, _ *alicloudtest.STS) {
			c.OIDCProviderARN = testProvider + "2"
		}, true, 1, []string{"No such OIDC Provider", "is not registered", "enable RRSA"}},
		"another token": {func(_ *Config, s *alicloudtest.STS) {
			s.Trust("other")
		}, true, 1, []string{"AuthenticationFail.OIDCToken.Invalid", "does not trust this token", testProvider}},
		"an old token": {
			fail(400, "AuthenticationFail.OIDCToken.Expired", "This JsonWebToken is expired."), true,
			1,
			[]string{"has ended", "Kubernetes renews"},
		},
		"another audience": {
			fail(400, "AuthenticationFail.OIDCToken.AudienceNotMatch", "Invalid audience."), true, 1,
			[]string{"must be sts.aliyuncs.com"},
		},
		"another issuer": {
			fail(400, "AuthenticationFail.OIDCToken.IssuerNotMatch", "The issuer does not match."),
			true, 1,
			[]string{"enable RRSA for the cluster"},
		},
		"no trust policy": {
			fail(403, "AuthenticationFail.NoPermission", "There is no permission"), true, 1,
			[]string{"does not trust this pod", "trust policy", testRole},
		},
		"a session too long": {fail(400, "InvalidParameter.RoleSessionName", ""), true, 1, []string{"check role_arn"}},
		"another server":     {fail(404, "", ""), true, 1, []string{"404 Not Found", "check credentials.sts_endpoint"}},
		"a proxy":            {fail(407, "", ""), true, 1, []string{"check proxy"}},
		"throttled": {
			fail(400, "Throttling.User", "Request was denied due to user flow control."), false, 3,
			[]string{"400 Throttling.User"},
		},
		"a gateway's page": {fail(502, "", ""), false, 3, []string{"502 Bad Gateway"}},
		"an answer without": {fail(200, "None", ""), false, 1, []string{
			`call STS at "sts.aliyuncs.com": the answer does not hold temporary keys`,
		}},
		"a page for keys": {fail(200, "", ""), false, 1, []string{"is not JSON"}},
		"a connection that breaks": {
			func(_ *Config, s *alicloudtest.STS) { s.Fail(9, alicloudtest.Fault{Reset: true}) }, false, 3,
			[]string{`call STS at "sts.aliyuncs.com"`, "credentials.sts_endpoint", exampleSTS},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, sts, _, base := pod(t)
			test.change(&c, sts)
			synctest.Test(t, func(t *testing.T) {
				_, err := retrieve(t, c, base)
				if err == nil || errors.Is(err, sinks.ErrPermanent) != test.permanent {
					t.Fatalf("permanent must be %t: %v", test.permanent, err)
				}
				for _, want := range test.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error does not say %q: %v", want, err)
					}
				}
				if hint := sinks.Hint(err); test.permanent &&
					(hint == "" || !strings.HasSuffix(err.Error(), ": "+hint)) {
					t.Errorf("the hint is %q: %v", hint, err)
				}
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "the-pod-token") {
					t.Errorf("error shows the token: %v", err)
				}
				if got := sts.Requests(); got != test.requests {
					t.Errorf("%d requests, want %d", got, test.requests)
				}
			})
		})
	}
}

// Passing trouble of STS is overcome, each time with another nonce: STS refuses
// one that it has seen.
func TestTroubleOfSTSPasses(t *testing.T) {
	for name, fault := range map[string]alicloudtest.Fault{
		"throttled": {Status: 400, Code: "Throttling.User"}, "broken": {Reset: true}, "a page": {Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			c, sts, issuer, base := pod(t)
			sts.Fail(2, fault)
			synctest.Test(t, func(t *testing.T) {
				keys, err := retrieve(t, c, base)
				expectIssued(t, issuer, keys, err)
			})
		})
	}
}

// instance is an ECS instance with a role, or none.
func instance(role string) (*alicloudtest.Metadata, *alicloudtest.Issuer, http.RoundTripper) {
	issuer := alicloudtest.NewIssuer(6 * time.Hour)
	service := alicloudtest.NewMetadata(issuer, role)
	mux := http.NewServeMux()
	mux.Handle("100.100.100.200/", service)
	return service, issuer, sinktest.Transport(mux)
}

func TestRoleOfAnInstance(t *testing.T) {
	for _, name := range []string{"", "flagcast"} {
		_, issuer, base := instance("flagcast")
		keys, err := retrieve(t, of(typeECS, func(c *Config) { c.RoleName = name }), base)
		expectIssued(t, issuer, keys, err)
	}
}

func TestWhatIsWrongWithARoleOfAnInstance(t *testing.T) {
	nothing := func(*Config, *alicloudtest.Metadata) {}
	fail := func(status int) func(*Config, *alicloudtest.Metadata) {
		return func(_ *Config, m *alicloudtest.Metadata) { m.Fail(9, alicloudtest.Fault{Status: status}) }
	}
	tests := map[string]struct {
		role      string
		change    func(*Config, *alicloudtest.Metadata)
		permanent bool
		says      string
	}{
		"no role": {
			"", nothing, true,
			"no RAM role is attached to this instance: attach one that trusts ecs.aliyuncs.com",
		},
		"another role": {"flagcast", func(c *Config, _ *alicloudtest.Metadata) {
			c.RoleName = "other"
		}, true, `keys of the role "other": it answered 404 Not Found: attach that role`},
		"switched off": {
			"flagcast", fail(403), true,
			"it answered 403 Forbidden: on an ECS instance, allow it in its hardened mode; where there is none",
		},
		"busy": {"flagcast", fail(503), false, "it answered 503 Service Unavailable"},
		"not on an instance": {"flagcast", func(_ *Config, m *alicloudtest.Metadata) {
			m.Fail(9, alicloudtest.Fault{Reset: true})
		}, false, "since this is not an ECS instance, set another credentials.type"},
		"a page for its keys": {"flagcast", func(c *Config, m *alicloudtest.Metadata) {
			c.RoleName = "flagcast"
			m.Fail(9, alicloudtest.Fault{Status: 200})
		}, false, `keys of the role "flagcast": it answered ""`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			service, _, base := instance(test.role)
			c := of(typeECS, nil)
			test.change(&c, service)
			synctest.Test(t, func(t *testing.T) {
				_, err := retrieve(t, c, base)
				if err == nil || errors.Is(err, sinks.ErrPermanent) != test.permanent ||
					!strings.Contains(err.Error(), test.says) {
					t.Errorf("permanent must be %t: got %v, want %q", test.permanent, err, test.says)
				}
			})
		})
	}
}

func TestMachineThatIsNoInstanceIsToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := retrieve(t, of(typeECS, nil), hanging{})
		if err == nil || time.Since(began) > 15*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestNetworkWithoutAWayOut(t *testing.T) {
	c, _, _, _ := pod(t)
	synctest.Test(t, func(t *testing.T) {
		if _, err := retrieve(t, c, gone{}); err == nil || errors.Is(err, sinks.ErrPermanent) ||
			!strings.Contains(err.Error(), "set credentials.sts_endpoint to its own") {
			t.Errorf("got %v", err)
		}
	})
}

// The metadata service is asked by this machine itself, whatever the proxy: its
// address would mean the proxy's machine.
func TestMetadataServiceIsNotAskedThroughAProxy(t *testing.T) {
	proxied := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { proxied++ }))
	defer proxy.Close()
	dialled := ""
	base := &http.Transport{
		Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) },
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = address
			return nil, io.ErrClosedPipe
		},
	}
	if _, err := retrieve(t, of(typeECS, nil), base); err == nil {
		t.Error("no error")
	}
	if dialled != "100.100.100.200:80" || proxied != 0 {
		t.Errorf("dialled %q, %d requests of the proxy", dialled, proxied)
	}
}

// The fakes take nothing but what is documented.
func TestFakesAreStrict(t *testing.T) {
	good := "Action=AssumeRoleWithOIDC&Version=2015-04-01&Format=JSON&SignatureNonce=n&Timestamp=" +
		time.Now().UTC().Format("2006-01-02T15:04:05Z")
	form := "RoleArn=" + testRole + "&OIDCProviderArn=" + testProvider + "&OIDCToken=" + podToken +
		"&RoleSessionName=flagcast"
	nonce := func(n string) string { return strings.Replace(good, "=n&", "="+n+"&", 1) }
	sts := alicloudtest.NewSTS(alicloudtest.NewIssuer(time.Hour), testRole, testProvider, podToken)
	for _, test := range []struct {
		name, method, query, form, kind, code string
	}{
		{"as documented", "POST", good, form, formType, ""},
		{"the nonce again", "POST", good, form, formType, "SignatureNonceUsed"},
		{"no nonce", "POST", nonce(""), form, formType, "SignatureNonceUsed"},
		{"a GET", "GET", nonce("1"), form, formType, "InvalidAction.NotFound"},
		{"another version", "POST", strings.Replace(nonce("2"), "2015", "2016", 1), form, formType, "InvalidVersion"},
		{"JSON", "POST", nonce("3"), form, "application/json", "InvalidParameter"},
		{"the token in the query", "POST", nonce("4") + "&OIDCToken=t", form, formType, "InvalidParameter"},
		{"a parameter more", "POST", nonce("5"), form + "&Policy=p", formType, "InvalidParameter"},
		{
			"long ago", "POST", nonce("6")[:len(good)-20] + "2020-01-01T00:00:00Z", form, formType,
			"InvalidTimeStamp.Expired",
		},
		{"a session in words", "POST", nonce("7"), form + "+x", formType, "InvalidParameter.RoleSessionName"},
		{
			"a role not known", "POST", nonce("8"), strings.Replace(form, ":role/", ":role/x", 1), formType,
			"EntityNotExist.Role",
		},
	} {
		r := httptest.NewRequest(test.method, "https://sts.aliyuncs.com/?"+test.query, strings.NewReader(test.form))
		r.Header.Set("Content-Type", test.kind)
		w := httptest.NewRecorder()
		sts.ServeHTTP(w, r)
		if code := errorOf(w.Code, w.Body.Bytes()).Code; code != test.code {
			t.Errorf("%s: answers %d %q, want %q", test.name, w.Code, code, test.code)
		}
	}

	// Of the metadata service: no keys without a token, and none for long.
	service, _, _ := instance("flagcast")
	ask := func(method, path string, header ...string) (int, string) {
		r := httptest.NewRequest(method, metadata+path, nil)
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const lasts, carries = "X-aliyun-ecs-metadata-token-ttl-seconds", "X-aliyun-ecs-metadata-token"
	synctest.Test(t, func(t *testing.T) {
		_, session := ask("PUT", "api/token", lasts, "60")
		for _, test := range []struct {
			method, path string
			header       []string
			status       int
		}{
			{"PUT", "api/token", nil, 400},
			{"PUT", "api/token", []string{lasts, "21601"}, 400},
			{"GET", roles, nil, 403},
			{"GET", roles + "flagcast", []string{carries, "guessed"}, 403},
			{"POST", roles, []string{carries, session}, 405},
			{"GET", roles + "flagcast", []string{carries, session}, 200},
		} {
			if status, _ := ask(test.method, test.path, test.header...); status != test.status {
				t.Errorf("%s %s with %q: answers %d, want %d", test.method, test.path, test.header, status, test.status)
			}
		}
		time.Sleep(time.Minute)
		if status, _ := ask("GET", roles, carries, session); status != 403 {
			t.Errorf("a token that has ended: answers %d", status)
		}
	})
}
