package oss

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// Config are the settings of one bucket.
type Config struct {
	// Bucket holds the objects. It has to exist.
	Bucket string `yaml:"bucket"`
	// Region is where the bucket is, such as "cn-hangzhou". Every request is
	// signed for it; the SDK would sign for none without a word.
	Region string `yaml:"region"`
	// Prefix precedes each key in the name of its object, such as
	// "flags/".
	Prefix string `yaml:"prefix"`
	// Endpoint replaces that of the region: a host name without the bucket,
	// such as the one inside a VPC, or a URL; http:// for this machine only.
	Endpoint string `yaml:"endpoint"`
	// CNAME says that Endpoint is a custom domain that is bound to the bucket:
	// requests go to it as it is, without the bucket before it.
	CNAME bool `yaml:"cname"`
	// Proxy is the URL of an HTTP, HTTPS or SOCKS5 proxy for this sink alone.
	Proxy string `yaml:"proxy"`
	// Timeout bounds one attempt of one request, the transfer included.
	Timeout time.Duration `yaml:"timeout" min:"1s"`
	// CacheControl is stored with each object that may change, for browsers and
	// CDNs that read the bucket.
	CacheControl string `yaml:"cache_control"`
	// Credentials say who calls.
	Credentials alicloud.Config `yaml:"credentials"`
}

// DefaultConfig returns the settings that hold where the file says nothing:
// readers ask the bucket each time, so that what they get is never older than
// it.
func DefaultConfig() Config {
	return Config{Timeout: 30 * time.Second, CacheControl: "no-cache", Credentials: alicloud.DefaultConfig()}
}

const (
	// maxPrefixBytes leaves a key of 512 bytes its place in a name of 1,023.
	maxPrefixBytes = 511
	// maxTimeout lets four attempts and their pauses pass within 15 minutes.
	maxTimeout = 3 * time.Minute
)

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]+)+$`)
	prefixPattern = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*([A-Za-z0-9_-][A-Za-z0-9._-]*)?$`)
	headerPattern = regexp.MustCompile(`^[ -~]*$`)
	// regionalHost is the host of one region, from the Internet or from a VPC.
	regionalHost = regexp.MustCompile(`^oss-([a-z]{2}(?:-[a-z0-9]+)+?)(?:-internal)?\.aliyuncs\.com$`)
)

// Check returns a *sinks.ConfigError for every fault.
func (c *Config) Check() []error {
	var faults []error
	fault := func(key, problem string) {
		faults = append(faults, &sinks.ConfigError{Key: key, Problem: problem})
	}
	switch {
	case c.Bucket == "":
		fault("bucket", "is missing: name the OSS bucket that holds the snapshots")
	case !bucketPattern.MatchString(c.Bucket):
		fault("bucket",
			fmt.Sprintf(`%q is not the name of a bucket: 3 to 63 lower-case letters, digits and "-", no "-" at the `+
				`ends`, c.Bucket))
	}
	switch {
	case c.Region == "":
		fault("region", `is missing: name the region of the bucket, such as "cn-hangzhou"`)
	case !regionPattern.MatchString(c.Region) || strings.HasSuffix(c.Region, "-internal"):
		fault("region", fmt.Sprintf(`%q is not a region: write it like "cn-hangzhou", without "oss-" and "-internal"`,
			c.Region))
	}
	switch {
	case !prefixPattern.MatchString(c.Prefix):
		fault("prefix",
			fmt.Sprintf(`%q does not go before a key: use letters, digits, "-", "_", "." and "/", such as "flags/"; `+
				`no "/" at the start, no "." after it`, c.Prefix))
	case len(c.Prefix) > maxPrefixBytes:
		fault("prefix", fmt.Sprintf("has %d bytes, the limit is %d", len(c.Prefix), maxPrefixBytes))
	}
	switch problem := c.badEndpoint(); {
	case c.Endpoint == "" && c.CNAME:
		fault("endpoint",
			`is missing: with cname it is the custom domain that is bound to the bucket, such as "flags.example.com"`)
	case c.Endpoint != "" && problem != "":
		fault("endpoint", problem)
	}
	if _, err := httpclient.ParseProxy(c.Proxy); c.Proxy != "" && err != nil {
		fault("proxy", err.Error())
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		fault("timeout",
			fmt.Sprintf("is not between 1s and %s: all attempts of a request have to fit into the 15 minutes that "+
				"its signature holds", maxTimeout))
	}
	if !headerPattern.MatchString(c.CacheControl) {
		fault("cache_control", `is not a header's text: write it like "max-age=30"`)
	}
	return append(faults, c.Credentials.Check("credentials.")...)
}

func (c *Config) badEndpoint() string {
	endpoint, problem := alicloud.ParseEndpoint(c.Endpoint, regionHost("cn-hangzhou"))
	if problem != "" {
		return problem
	}
	host := endpoint.Hostname()
	if c.CNAME {
		return badDomain(host)
	}
	if c.Bucket != "" && strings.HasPrefix(host, c.Bucket+".") {
		return "holds the bucket, which is added: leave it out, or set cname to true if it is a custom domain"
	}
	if of := regionalHost.FindStringSubmatch(host); of != nil && of[1] != c.Region {
		return fmt.Sprintf("is the one of region %q, and region is %q: they must be the same", of[1], c.Region)
	}
	return ""
}

// badDomain returns what is wrong with a host as a custom domain.
func badDomain(host string) string {
	switch {
	case net.ParseIP(host) != nil:
		return "is an address, and cname needs the name of a custom domain: remove cname"
	case strings.HasSuffix(strings.ToLower(host), ".aliyuncs.com"):
		return "is a host of OSS itself and no custom domain: remove cname, and leave out the bucket"
	}
	return ""
}

func regionHost(region string) string { return "oss-" + region + ".aliyuncs.com" }

// internalHost is the host of one region from inside its VPCs.
func internalHost(region string) string { return "oss-" + region + "-internal.aliyuncs.com" }

// endpoint is for settings that passed Check.
func (c *Config) endpoint() *url.URL {
	text := c.Endpoint
	if text == "" {
		text = regionHost(c.Region)
	}
	endpoint, _ := alicloud.ParseEndpoint(text, "")
	return endpoint
}

// Credential names the credential that calls, without showing it: settings
// with the same one have the same name.
func (c *Config) Credential() string { return c.Credentials.Credential("oss") }

// Permissions are the actions that the sink calls, on what is under its prefix.
func (c *Config) Permissions() []sinks.Permission {
	return append([]sinks.Permission{{
		Title: fmt.Sprintf("RAM policy for bucket %q: attach it to the RAM user or role of the credentials",
			c.Bucket),
		Document: alicloud.Policy(resource(c.Bucket, c.Prefix), "oss:"+actionPut, "oss:"+actionGet,
			"oss:"+actionDelete),
	}}, c.Credentials.Trust()...)
}

// resource names what is under a prefix, in RAM policies.
func resource(bucket, prefix string) string { return "acs:oss:*:*:" + bucket + "/" + prefix + "*" }
