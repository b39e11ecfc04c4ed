package edgekv_test

import (
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// valid returns settings without a fault.
func valid() edgekv.Config {
	c := edgekv.DefaultConfig()
	c.Namespace = "flags"
	c.Credentials.AccessKeyID = "id"
	c.Credentials.AccessKeySecret = secret.New("hunter2")
	return c
}

func TestConfigCheck(t *testing.T) {
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")
	tests := map[string]struct {
		change func(*edgekv.Config)
		keys   []string // settings at fault
	}{
		"the defaults": {func(*edgekv.Config) {}, nil},
		"dcdn":         {func(c *edgekv.Config) { c.Product, c.Site = "dcdn", "intl" }, nil},
		"a host":       {func(c *edgekv.Config) { c.Endpoint = "esa.internal:8443" }, nil},
		"a URL":        {func(c *edgekv.Config) { c.Endpoint = "https://esa.internal/" }, nil},
		"this machine": {func(c *edgekv.Config) { c.Endpoint = "http://127.0.0.1:8080" }, nil},
		"a proxy":      {func(c *edgekv.Config) { c.Proxy = "http://user:hunter2@proxy.internal:3128" }, nil},
		"nothing set": {func(c *edgekv.Config) {
			*c = edgekv.DefaultConfig()
		}, []string{"namespace", "credentials.access_key_id", "credentials.access_key_secret"}},
		"another product":      {func(c *edgekv.Config) { c.Product = "cdn" }, []string{"product"}},
		"another site":         {func(c *edgekv.Config) { c.Site = "eu" }, []string{"site"}},
		"a namespace in words": {func(c *edgekv.Config) { c.Namespace = "my flags" }, []string{"namespace"}},
		"a path": {func(c *edgekv.Config) {
			c.Endpoint = "https://esa.internal/api"
		}, []string{"endpoint"}},
		"a password in the URL": {func(c *edgekv.Config) {
			c.Endpoint = "https://me:hunter2@esa.internal"
		}, []string{"endpoint"}},
		"no encryption":       {func(c *edgekv.Config) { c.Endpoint = "http://esa.internal" }, []string{"endpoint"}},
		"another scheme":      {func(c *edgekv.Config) { c.Endpoint = "ftp://esa.internal" }, []string{"endpoint"}},
		"no host":             {func(c *edgekv.Config) { c.Endpoint = "https://" }, []string{"endpoint"}},
		"a proxy without one": {func(c *edgekv.Config) { c.Proxy = "me:hunter2@proxy" }, []string{"proxy"}},
		"many at once": {
			func(c *edgekv.Config) { c.Product, c.Site, c.Namespace, c.Credentials.Type = "a", "b", "", "profile" },
			[]string{"product", "site", "namespace", "credentials.type"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := valid()
			test.change(&config)
			_, err := edgekv.New(config, nil)
			sinktest.Config(t, config.Check(), err, test.keys, "hunter2")
		})
	}
}
