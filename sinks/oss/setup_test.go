package oss_test

import (
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/sinks/oss/osstest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

const (
	testID     = "test-access-key-id"
	testSecret = "test-access-key-secret"
	testToken  = "test-security-token"
)

// settings return a bucket of Hangzhou and a sink's settings for it, with
// temporary keys and a prefix.
func settings() (oss.Config, osstest.Options) {
	config := valid()
	config.Prefix = "prod/"
	config.Credentials.Type = "sts"
	config.Credentials.AccessKeyID = testID
	config.Credentials.AccessKeySecret = secret.New(testSecret)
	config.Credentials.SecurityToken = secret.New(testToken)
	return config, osstest.Options{
		Bucket: "flags", Region: "cn-hangzhou", AccessKeyID: testID, AccessKeySecret: testSecret,
		SecurityToken: testToken,
	}
}

// setup joins a sink and a server in memory, so that pauses between attempts
// take no real time under synctest. The sink uses the host of its region.
func setup(t *testing.T, change func(*oss.Config, *osstest.Options)) (*oss.Sink, *osstest.Server) {
	t.Helper()
	config, options := settings()
	if change != nil {
		change(&config, &options)
	}
	server := osstest.New(options)
	sink, err := oss.New(config, sinktest.Transport(server))
	if err != nil {
		t.Fatal(err)
	}
	return sink, server
}

func put(t *testing.T, sink *oss.Sink, key sinks.Key, body string) {
	t.Helper()
	if err := sink.Put(t.Context(), sinks.Object{Key: key, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

func stored(server *osstest.Server, key string) string {
	o, _ := server.Stored("prod/" + key)
	return string(o.Body)
}
