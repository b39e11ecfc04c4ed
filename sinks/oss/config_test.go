package oss_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// valid returns settings without a fault.
func valid() oss.Config {
	c := oss.DefaultConfig()
	c.Bucket, c.Region = "flags", "cn-hangzhou"
	c.Credentials.AccessKeyID = "id"
	c.Credentials.AccessKeySecret = secret.New("hunter2")
	return c
}

func TestConfigCheck(t *testing.T) {
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")
	tests := map[string]struct {
		change func(*oss.Config)
		keys   []string // settings at fault
	}{
		"the defaults":       {func(*oss.Config) {}, nil},
		"another region":     {func(c *oss.Config) { c.Region = "rg-china-mainland" }, nil},
		"prefixes":           {func(c *oss.Config) { c.Prefix = "flags/v1.0/web-" }, nil},
		"the longest prefix": {func(c *oss.Config) { c.Prefix = strings.Repeat("p", 511) }, nil},
		"no cache control":   {func(c *oss.Config) { c.CacheControl = "" }, nil},
		"inside a VPC":       {func(c *oss.Config) { c.Endpoint = "oss-cn-hangzhou-internal.aliyuncs.com" }, nil},
		"accelerated":        {func(c *oss.Config) { c.Endpoint = "oss-accelerate.aliyuncs.com" }, nil},
		"a custom domain":    {func(c *oss.Config) { c.Endpoint, c.CNAME = "flags.example.com", true }, nil},
		"with its bucket's name": {func(c *oss.Config) {
			c.Endpoint, c.CNAME = "https://flags.cdn.example.com", true
		}, nil},
		"a domain that is none": {func(c *oss.Config) {
			c.Endpoint, c.CNAME = "http://127.0.0.1:8080", true
		}, []string{"endpoint"}},
		"a domain of OSS": {func(c *oss.Config) {
			c.Endpoint, c.CNAME = "flags.oss-cn-hangzhou.aliyuncs.com", true
		}, []string{"endpoint"}},
		"a domain left out": {func(c *oss.Config) { c.CNAME = true }, []string{"endpoint"}},
		"this machine":      {func(c *oss.Config) { c.Endpoint = "http://127.0.0.1:8080" }, nil},
		"a proxy":           {func(c *oss.Config) { c.Proxy = "http://user:hunter2@proxy.internal:3128" }, nil},
		"nothing set": {func(c *oss.Config) {
			*c = oss.DefaultConfig()
		}, []string{"bucket", "region", "credentials.access_key_id", "credentials.access_key_secret"}},
		"a bucket in capitals": {func(c *oss.Config) { c.Bucket = "Flags" }, []string{"bucket"}},
		"a bucket with a dot":  {func(c *oss.Config) { c.Bucket = "flags.example" }, []string{"bucket"}},
		"a short bucket":       {func(c *oss.Config) { c.Bucket = "ab" }, []string{"bucket"}},
		"a host for a region":  {func(c *oss.Config) { c.Region = "oss-cn-hangzhou" }, []string{"region"}},
		"an internal region":   {func(c *oss.Config) { c.Region = "cn-hangzhou-internal" }, []string{"region"}},
		"a city":               {func(c *oss.Config) { c.Region = "hangzhou" }, []string{"region"}},
		"a slash at the start": {func(c *oss.Config) { c.Prefix = "/flags/" }, []string{"prefix"}},
		"two slashes":          {func(c *oss.Config) { c.Prefix = "flags//" }, []string{"prefix"}},
		"a step up":            {func(c *oss.Config) { c.Prefix = "flags/../" }, []string{"prefix"}},
		"a prefix too long":    {func(c *oss.Config) { c.Prefix = strings.Repeat("p", 512) }, []string{"prefix"}},
		"the bucket in the host": {func(c *oss.Config) {
			c.Endpoint = "flags.oss-cn-hangzhou.aliyuncs.com"
		}, []string{"endpoint"}},
		"two regions": {func(c *oss.Config) {
			c.Endpoint = "oss-cn-shanghai-internal.aliyuncs.com"
		}, []string{"endpoint"}},
		"a password in the URL": {func(c *oss.Config) {
			c.Endpoint = "https://me:hunter2@oss.internal"
		}, []string{"endpoint"}},
		"no encryption": {func(c *oss.Config) {
			c.Endpoint = "http://oss-cn-hangzhou.aliyuncs.com"
		}, []string{"endpoint"}},
		"a proxy without one":   {func(c *oss.Config) { c.Proxy = "me:hunter2@proxy" }, []string{"proxy"}},
		"time that runs back":   {func(c *oss.Config) { c.Timeout = -1 }, []string{"timeout"}},
		"more than a signature": {func(c *oss.Config) { c.Timeout = 4 * time.Minute }, []string{"timeout"}},
		"a header more": {func(c *oss.Config) {
			c.CacheControl = "no-cache\r\nX: y"
		}, []string{"cache_control"}},
		"temporary keys": {func(c *oss.Config) { c.Credentials.Type = "sts" }, []string{"credentials.security_token"}},
		"many at once": {
			func(c *oss.Config) { c.Bucket, c.Region, c.Prefix, c.Credentials.Type = "", "", "/", "profile" },
			[]string{"bucket", "region", "prefix", "credentials.type"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := valid()
			test.change(&config)
			_, err := oss.New(config, nil)
			sinktest.Config(t, config.Check(), err, test.keys, "hunter2")
		})
	}
}

func TestLocate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*oss.Config)
		want   string
	}{
		"the region's host": {func(*oss.Config) {}, "https://flags.oss-cn-hangzhou.aliyuncs.com/web"},
		"a prefix": {func(c *oss.Config) {
			c.Prefix = "prod/"
		}, "https://flags.oss-cn-hangzhou.aliyuncs.com/prod/web"},
		"another host": {func(c *oss.Config) {
			c.Endpoint = "oss.internal:8443"
		}, "https://flags.oss.internal:8443/web"},
		"a custom domain": {
			func(c *oss.Config) { c.Endpoint, c.CNAME, c.Prefix = "flags.example.com", true, "prod/" },
			"https://flags.example.com/prod/web",
		},
		"an address": {func(c *oss.Config) {
			c.Endpoint = "http://127.0.0.1:8080"
		}, "http://127.0.0.1:8080/flags/web"},
		"a longer address": {func(c *oss.Config) { c.Endpoint = "http://[::1]:8080" }, "http://[::1]:8080/flags/web"},
	} {
		config := valid()
		test.change(&config)
		sink, err := oss.New(config, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := sink.Locate("web"); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
