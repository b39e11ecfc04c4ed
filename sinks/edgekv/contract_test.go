package edgekv_test

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
	"github.com/flagcast/flagcast/sinks/internal/alicloud/alicloudtest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

func TestContract(t *testing.T) {
	for _, a := range dialects {
		t.Run(a.product, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinks.Sink {
				server := httptest.NewServer(edgekvtest.New(edgekvtest.Options{
					Product: a.product, AccessKeyID: testID, AccessKeySecret: testSecret, Namespaces: []string{"flags"},
				}))
				t.Cleanup(server.Close)
				config := valid()
				config.Product, config.Endpoint = a.product, server.URL
				config.Credentials.AccessKeyID, config.Credentials.AccessKeySecret = testID, secret.New(testSecret)
				sink, err := edgekv.New(config, nil)
				if err != nil {
					t.Fatal(err)
				}
				return sink
			}, sinktest.Options{})
		})
	}
}

// The same with the keys of a role, which end before each case.
func TestContractWithKeysThatEnd(t *testing.T) {
	issuer := alicloudtest.NewIssuer(time.Hour)
	server := httptest.NewServer(edgekvtest.New(edgekvtest.Options{
		Lookup: issuer.Lookup, Namespaces: []string{"flags"},
	}))
	t.Cleanup(server.Close)
	sts := httptest.NewServer(alicloudtest.NewSTS(issuer, testRole, testProvider, podToken))
	t.Cleanup(sts.Close)
	inPod(t)
	config := edgekv.DefaultConfig()
	config.Namespace, config.Endpoint, config.Credentials.Type, config.Credentials.STSEndpoint = "flags", server.URL,
		"rrsa", sts.URL
	sink, err := edgekv.New(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, func(*testing.T) sinks.Sink {
		issuer.Expire()
		return sink
	}, sinktest.Options{})
}

// The same against a real account. The namespace has to exist.
func TestContractOnARealAccount(t *testing.T) {
	config := edgekv.DefaultConfig()
	config.Namespace = os.Getenv("FLAGCAST_TEST_EDGEKV_NAMESPACE")
	if config.Namespace == "" {
		t.Skip(
			"no real account: set FLAGCAST_TEST_EDGEKV_NAMESPACE, ALIBABA_CLOUD_ACCESS_KEY_ID and " +
				"ALIBABA_CLOUD_ACCESS_KEY_SECRET, and where they differ from esa and cn FLAGCAST_TEST_EDGEKV_PRODUCT " +
				"and _SITE")
	}
	set := func(setting *string, variable string) {
		if value := os.Getenv(variable); value != "" {
			*setting = value
		}
	}
	set(&config.Product, "FLAGCAST_TEST_EDGEKV_PRODUCT")
	set(&config.Site, "FLAGCAST_TEST_EDGEKV_SITE")
	set(&config.Credentials.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_ID")
	config.Credentials.AccessKeySecret = secret.New(os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
	if token := os.Getenv("ALIBABA_CLOUD_SECURITY_TOKEN"); token != "" {
		config.Credentials.Type, config.Credentials.SecurityToken = "sts", secret.New(token)
	}
	sinktest.Run(t, func(t *testing.T) sinks.Sink {
		sink, err := edgekv.New(config, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}, sinktest.Options{Staleness: 6 * time.Minute})
}
