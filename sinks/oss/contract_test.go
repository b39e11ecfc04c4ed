package oss_test

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/sinks/oss/osstest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

func TestContract(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinks.Sink {
		config, options := settings()
		server := httptest.NewServer(osstest.New(options))
		t.Cleanup(server.Close)
		config.Endpoint = server.URL
		sink, err := oss.New(config, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}, sinktest.Options{})
}

// The same against a real account. The bucket has to exist.
func TestContractOnARealAccount(t *testing.T) {
	config := oss.DefaultConfig()
	config.Bucket, config.Region = os.Getenv("FLAGCAST_TEST_OSS_BUCKET"), os.Getenv("FLAGCAST_TEST_OSS_REGION")
	if config.Bucket == "" {
		t.Skip("no real account: set FLAGCAST_TEST_OSS_BUCKET, FLAGCAST_TEST_OSS_REGION, ALIBABA_CLOUD_ACCESS_KEY_ID " +
			"and ALIBABA_CLOUD_ACCESS_KEY_SECRET")
	}
	config.Prefix = "sinktest/"
	config.Credentials.AccessKeyID = os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
	config.Credentials.AccessKeySecret = secret.New(os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
	if token := os.Getenv("ALIBABA_CLOUD_SECURITY_TOKEN"); token != "" {
		config.Credentials.Type, config.Credentials.SecurityToken = "sts", secret.New(token)
	}
	sinktest.Run(t, func(t *testing.T) sinks.Sink {
		sink, err := oss.New(config, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}, sinktest.Options{Staleness: time.Minute})
}
