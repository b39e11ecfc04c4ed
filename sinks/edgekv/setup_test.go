package edgekv_test

import (
	"testing"
	"testing/synctest"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// actions are the names that a test needs of one dialect.
type actions struct{ product, put, get, delete, create, batch string }

var dialects = []actions{
	{"esa", "PutKv", "GetKv", "DeleteKv", "CreateKvNamespace", "BatchPutKv"},
	{"dcdn", "PutDcdnKv", "GetDcdnKv", "DeleteDcdnKv", "PutDcdnKvNamespace", "BatchPutDcdnKv"},
}

const (
	testID     = "test-access-key-id"
	testSecret = "test-access-key-secret"
	testToken  = "test-security-token"
)

// setup returns a server and a sink with temporary keys, joined in memory, so
// that pauses between attempts take no real time under synctest.
func setup(
	t *testing.T, product string, change func(*edgekv.Config, *edgekvtest.Options),
) (*edgekv.Sink, *edgekvtest.Server) {
	t.Helper()
	options := edgekvtest.Options{
		Product: product, AccessKeyID: testID, AccessKeySecret: testSecret, SecurityToken: testToken,
		Namespaces: []string{"flags"},
	}
	config := valid()
	config.Product = product
	config.Credentials.Type = "sts"
	config.Credentials.AccessKeyID = testID
	config.Credentials.AccessKeySecret = secret.New(testSecret)
	config.Credentials.SecurityToken = secret.New(testToken)
	if change != nil {
		change(&config, &options)
	}
	server := edgekvtest.New(options)
	sink, err := edgekv.New(config, sinktest.Transport(server))
	if err != nil {
		t.Fatal(err)
	}
	return sink, server
}

// each runs a test in both dialects, in no real time.
func each(t *testing.T, test func(t *testing.T, a actions)) {
	for _, a := range dialects {
		t.Run(a.product, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, a) })
		})
	}
}

func put(t *testing.T, sink *edgekv.Sink, key sinks.Key, body string) {
	t.Helper()
	if err := sink.Put(t.Context(), sinks.Object{Key: key, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}
