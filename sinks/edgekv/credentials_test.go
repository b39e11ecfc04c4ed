package edgekv_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
	"github.com/flagcast/flagcast/sinks/internal/alicloud/alicloudtest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

const (
	testRole     = "acs:ram::1234567890123456:role/flagcast"
	testProvider = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123"
	podToken     = "header.the-pod-token.signature"
)

// roles makes a sink whose keys come from a role: in a pod as
// ack-pod-identity-webhook sets it up, or on an ECS instance.
func roles(t *testing.T, kind string) (*edgekv.Sink, *edgekvtest.Server, *alicloudtest.Issuer, *alicloudtest.STS) {
	t.Helper()
	issuer := alicloudtest.NewIssuer(time.Hour)
	server := edgekvtest.New(edgekvtest.Options{Namespaces: []string{"flags"}, Lookup: issuer.Lookup})
	sts := alicloudtest.NewSTS(issuer, testRole, testProvider, podToken)
	mux := http.NewServeMux()
	mux.Handle("sts.aliyuncs.com/", sts)
	mux.Handle("100.100.100.200/", alicloudtest.NewMetadata(issuer, "flagcast"))
	mux.Handle("/", server)
	config := edgekv.DefaultConfig()
	config.Namespace, config.Credentials.Type = "flags", kind
	sink, err := edgekv.New(config, sinktest.Transport(mux))
	if err != nil {
		t.Fatal(err)
	}
	return sink, server, issuer, sts
}

// inPod sets the variables of the webhook.
func inPod(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(podToken), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALIBABA_CLOUD_ROLE_ARN", testRole)
	t.Setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", testProvider)
	t.Setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file)
}

func TestKeysOfARole(t *testing.T) {
	inPod(t)
	for _, kind := range []string{"rrsa", "ecs_ram_role"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, server, issuer, _ := roles(t, kind)
				for n := range 3 { // hours
					put(t, sink, "k", fmt.Sprint(n))
					if got, err := sink.Get(t.Context(), "k"); err != nil || string(got) != fmt.Sprint(n) {
						t.Errorf("got %q and %v", got, err)
					}
					if issuer.Made() != n+1 {
						t.Errorf("%d keys after %d hours", issuer.Made(), n)
					}
					time.Sleep(time.Hour)
				}
				// The service ends keys before the time that was given.
				put(t, sink, "k", "before")
				issuer.Expire()
				puts, keys := server.Calls("PutKv"), issuer.Made()
				put(t, sink, "k", "after")
				if got := server.Calls("PutKv") - puts; got != 2 || issuer.Made() != keys+1 {
					t.Errorf("the put took %d attempts and %d new keys", got, issuer.Made()-keys)
				}
			})
		})
	}
}

func TestKeysThatHoldOutliveSTS(t *testing.T) {
	inPod(t)
	synctest.Test(t, func(t *testing.T) {
		sink, _, _, sts := roles(t, "rrsa")
		put(t, sink, "k", "1")
		sts.Fail(1000, alicloudtest.Fault{Status: 503})
		time.Sleep(58 * time.Minute)
		put(t, sink, "k", "2")
		time.Sleep(2 * time.Minute)
		err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("3")})
		if err == nil || errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrAmbiguous) ||
			!strings.Contains(err.Error(),
				`put "k" in esa namespace "flags": call PutKv: retrieve credentials: AssumeRoleWithOIDC answered 503`) {
			t.Errorf("got %v", err)
		}
	})
}

// The answer of an attempt was lost, then the keys expired and no others came:
// the put may have been applied all the same.
func TestLostAnswerIsNotForgottenWhenKeysExpire(t *testing.T) {
	inPod(t)
	synctest.Test(t, func(t *testing.T) {
		sink, server, _, sts := roles(t, "rrsa")
		put(t, sink, "k", "1")
		server.Fail(1, edgekvtest.Fault{Reset: true, Applied: true})
		server.Fail(1, edgekvtest.Fault{Status: 400, Code: "InvalidSecurityToken.Expired"})
		sts.Fail(9, alicloudtest.Fault{Status: 503})
		err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("2")})
		if !errors.Is(err, sinks.ErrAmbiguous) || errors.Is(err, sinks.ErrPermanent) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRoleThatIsNotThere(t *testing.T) {
	for _, variable := range []string{
		"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	} {
		t.Setenv(variable, "")
	}
	sink, server, _, _ := roles(t, "rrsa")
	_, getErr := sink.Get(t.Context(), "k")
	for call, err := range map[string]error{
		"put": sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("1")}), "get": getErr,
		"delete": sink.Delete(t.Context(), "k"),
	} {
		if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrNotFound) ||
			!strings.Contains(err.Error(),
				"credentials.role_arn is not set, nor is the variable ALIBABA_CLOUD_ROLE_ARN") ||
			strings.Contains(err.Error(), "check endpoint") {
			t.Errorf("%s answers %v", call, err)
		}
	}
	if len(server.Actions()) != 0 {
		t.Errorf("calls of %v", server.Actions())
	}
}

func TestCredentialNamesWhoCalls(t *testing.T) {
	name := func(change func(*edgekv.Config)) string {
		c := valid()
		change(&c)
		return c.Credential()
	}
	usual := name(func(*edgekv.Config) {})
	if other := name(func(c *edgekv.Config) {
		c.Namespace, c.Credentials.AccessKeySecret = "other", secret.New("other")
	}); other != usual {
		t.Errorf("another namespace has the credential %q, not %q", other, usual)
	}
	for what, other := range map[string]string{
		"key":     name(func(c *edgekv.Config) { c.Credentials.AccessKeyID = "other" }),
		"product": name(func(c *edgekv.Config) { c.Product = "dcdn" }),
	} {
		if other == usual {
			t.Errorf("another %s has the same credential", what)
		}
	}
}

// Keys that expire under way are replaced for all callers, one renewal for each
// end.
func TestKeysExpireUnderLoad(t *testing.T) {
	inPod(t)
	synctest.Test(t, func(t *testing.T) {
		sink, server, issuer, sts := roles(t, "rrsa")
		const ends = 5
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for n := range ends {
					put(t, sink, sinks.Key(fmt.Sprint("k", i)), fmt.Sprint(n))
					time.Sleep(time.Second)
				}
			})
		}
		for range ends - 1 {
			time.Sleep(time.Second)
			issuer.Expire()
		}
		group.Wait()
		for i := range 8 {
			if got, _ := server.Value("flags", fmt.Sprint("k", i)); got != fmt.Sprint(ends-1) {
				t.Errorf("k%d holds %q", i, got)
			}
		}
		if got := sts.Requests(); got > ends {
			t.Errorf("%d requests of STS", got)
		}
	})
}
