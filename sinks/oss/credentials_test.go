package oss_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud/alicloudtest"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/sinks/oss/osstest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// roles makes a sink whose keys come from a role: in a pod as
// ack-pod-identity-webhook sets it up, or on an ECS instance.
func roles(t *testing.T, kind string) (*oss.Sink, *osstest.Server, *alicloudtest.Issuer) {
	t.Helper()
	const role, provider = "acs:ram::1234567890123456:role/flagcast",
		"acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123"
	issuer := alicloudtest.NewIssuer(time.Hour)
	server := osstest.New(osstest.Options{Bucket: "flags", Region: "cn-hangzhou", Lookup: issuer.Lookup})
	mux := http.NewServeMux()
	mux.Handle("sts-vpc.cn-hangzhou.aliyuncs.com/", alicloudtest.NewSTS(issuer, role, provider, "the-pod-token"))
	mux.Handle("100.100.100.200/", alicloudtest.NewMetadata(issuer, "flagcast"))
	mux.Handle("flags.oss-cn-hangzhou.aliyuncs.com/", server)
	config := oss.DefaultConfig()
	config.Bucket, config.Region, config.Prefix, config.Credentials.Type = "flags", "cn-hangzhou", "prod/", kind
	if kind == "rrsa" {
		c := &config.Credentials
		c.RoleARN, c.OIDCProviderARN, c.STSEndpoint = role, provider, "sts-vpc.cn-hangzhou.aliyuncs.com"
		c.OIDCTokenFile = tokenFile(t)
	}
	sink, err := oss.New(config, sinktest.Transport(mux))
	if err != nil {
		t.Fatal(err)
	}
	return sink, server, issuer
}

func tokenFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("the-pod-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestKeysOfARole(t *testing.T) {
	for _, kind := range []string{"rrsa", "ecs_ram_role"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, server, issuer := roles(t, kind)
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
				calls := map[string]func() error{
					http.MethodPut: func() error {
						return sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("after")})
					},
					http.MethodGet: func() error {
						got, err := sink.Get(t.Context(), "k")
						if err == nil && string(got) != "after" {
							err = fmt.Errorf("got %q", got)
						}
						return err
					},
					http.MethodDelete: func() error { return sink.Delete(t.Context(), "k") },
				}
				for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
					issuer.Expire()
					before, keys := server.Calls(method), issuer.Made()
					if err := calls[method](); err != nil {
						t.Errorf("%s: %v", method, err)
					}
					if got := server.Calls(method) - before; got > 2 || issuer.Made() != keys+1 {
						t.Errorf("%s took %d attempts and %d new keys", method, got, issuer.Made()-keys)
					}
				}
			})
		})
	}
}

func TestExpiredKeysThatNobodyRenews(t *testing.T) {
	sink, server := setup(t, func(c *oss.Config, o *osstest.Options) {
		id, key, token := o.AccessKeyID, o.AccessKeySecret, o.SecurityToken
		o.AccessKeyID = ""
		o.Lookup = func(asked string) (string, string, time.Time, bool) { return key, token, time.Now(), asked == id }
	})
	err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("v")})
	if !errors.Is(err, sinks.ErrPermanent) || !strings.Contains(err.Error(), "403 SecurityTokenExpired") ||
		!strings.Contains(err.Error(), "renew the temporary keys") {
		t.Errorf("got %v", err)
	}
	if server.Calls("PUT") != 1 {
		t.Errorf("%d attempts", server.Calls("PUT"))
	}
}

// The role is a fault of the configuration or of the cluster, never an absent
// key, and no request is made without it.
func TestRoleThatIsNotThere(t *testing.T) {
	config, options := settings()
	config.Credentials = oss.DefaultConfig().Credentials
	config.Credentials.Type = "rrsa"
	for _, variable := range []string{
		"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	} {
		t.Setenv(variable, "")
	}
	server := osstest.New(options)
	sink, err := oss.New(config, sinktest.Transport(server))
	if err != nil {
		t.Fatal(err)
	}
	_, getErr := sink.Get(t.Context(), "k")
	for call, err := range map[string]error{
		"put": sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("1")}), "get": getErr,
		"delete": sink.Delete(t.Context(), "k"),
	} {
		if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrNotFound) ||
			!strings.Contains(err.Error(), "credentials.role_arn is not set") ||
			strings.Contains(err.Error(), "check endpoint") {
			t.Errorf("%s answers %v", call, err)
		}
	}
	if len(server.Actions()) != 0 {
		t.Errorf("calls of %v", server.Actions())
	}
}

// TestPolicyIsWhatTheSinkCalls: no action is missing, and none is too many.
func TestPolicyIsWhatTheSinkCalls(t *testing.T) {
	config, options := settings()
	fake := osstest.New(options)
	server := httptest.NewServer(fake)
	defer server.Close()
	config.Endpoint = server.URL
	sink, err := oss.New(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, func(*testing.T) sinks.Sink { return sink }, sinktest.Options{Large: 1000})
	if err := sink.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("v"), Immutable: true}); err != nil {
		t.Error(err)
	}

	permissions := config.Permissions()
	var policy struct {
		Version   string
		Statement []struct {
			Effect           string
			Action, Resource []string
		}
	}
	if len(permissions) != 1 || json.Unmarshal([]byte(permissions[0].Document), &policy) != nil ||
		len(policy.Statement) != 1 || policy.Version != "1" {
		t.Fatalf("permissions are %v", permissions)
	}
	statement := policy.Statement[0]
	if diff := cmp.Diff(fake.Actions(), slices.Sorted(slices.Values(statement.Action))); diff != "" {
		t.Errorf("(-called +allowed):\n%s", diff)
	}
	if statement.Effect != "Allow" || !slices.Equal(statement.Resource, []string{"acs:oss:*:*:flags/prod/*"}) {
		t.Errorf("got %s", permissions[0].Document)
	}
	for kind, more := range map[string]string{"rrsa": "oidc-provider/", "ecs_ram_role": "ecs.aliyuncs.com"} {
		config.Credentials = oss.DefaultConfig().Credentials
		config.Credentials.Type = kind
		if found := config.Permissions(); len(found) != 2 || !strings.Contains(found[1].Document, more) {
			t.Errorf("%s: %v", kind, found)
		}
	}
}

func TestCredentialNamesWhoCalls(t *testing.T) {
	one, other, same := valid(), valid(), valid()
	other.Credentials.AccessKeyID = "other"
	same.Bucket, same.Credentials.AccessKeySecret = "other", secret.New("other")
	if one.Credential() == other.Credential() || one.Credential() != same.Credential() {
		t.Errorf("%q, of another key %q, of the same %q", one.Credential(), other.Credential(), same.Credential())
	}
}
