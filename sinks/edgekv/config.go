package edgekv

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// Config are the settings of one namespace.
type Config struct {
	// Product is "esa" (the default) or "dcdn". EdgeKV of DCDN is for those who
	// have it: it takes no new users since May 2025.
	Product string `yaml:"product"`
	// Site is where the account was registered: "cn" (the default) or "intl".
	Site string `yaml:"site"`
	// Namespace holds the keys: letters, digits, "-" and "_".
	Namespace string `yaml:"namespace"`
	// CreateNamespace lets the first put create the namespace.
	CreateNamespace bool `yaml:"create_namespace"`
	// Endpoint replaces the one that product and site give: a host name, or a
	// URL; http:// for this machine only.
	Endpoint string `yaml:"endpoint"`
	// Proxy is the URL of an HTTP, HTTPS or SOCKS5 proxy for this sink alone.
	Proxy string `yaml:"proxy"`
	// Credentials say who calls.
	Credentials alicloud.Config `yaml:"credentials"`
}

// DefaultConfig returns the settings that hold where the file says nothing.
func DefaultConfig() Config {
	return Config{Product: "esa", Site: "cn", Credentials: alicloud.DefaultConfig()}
}

// Check returns a *sinks.ConfigError for every fault.
func (c *Config) Check() []error {
	var faults []error
	fault := func(key, problem string) {
		faults = append(faults, &sinks.ConfigError{Key: key, Problem: problem})
	}
	if _, ok := dialectOf(c.Product); !ok {
		fault("product", fmt.Sprintf(`%q is not known: use "esa" or "dcdn"`, c.Product))
	}
	if c.Site != "cn" && c.Site != "intl" {
		fault("site", fmt.Sprintf(`%q is not known: use "cn" or "intl", where the account was registered`, c.Site))
	}
	switch {
	case c.Namespace == "":
		fault("namespace", "is missing: name the EdgeKV namespace that holds the snapshots")
	case !namespacePattern.MatchString(c.Namespace):
		fault("namespace", fmt.Sprintf(`%q is not a name: use letters, digits, "-" and "_"`, c.Namespace))
	}
	if _, problem := alicloud.ParseEndpoint(c.Endpoint, exampleHost); c.Endpoint != "" && problem != "" {
		fault("endpoint", problem)
	}
	if _, err := httpclient.ParseProxy(c.Proxy); c.Proxy != "" && err != nil {
		fault("proxy", err.Error())
	}
	return append(faults, c.Credentials.Check("credentials.")...)
}

var namespacePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

const exampleHost = "esa.cn-hangzhou.aliyuncs.com"

// endpoint is for settings that passed Check.
func (c *Config) endpoint() *url.URL {
	text := c.Endpoint
	if text == "" {
		d, _ := dialectOf(c.Product)
		text = d.hosts[c.Site]
	}
	endpoint, _ := alicloud.ParseEndpoint(text, exampleHost)
	return endpoint
}

// Credential names the credential that calls, without showing it: settings
// with the same one have the same name. Each product counts its calls for
// itself.
func (c *Config) Credential() string { return c.Credentials.Credential(c.Product) }

// Permissions are the actions that the sink calls. EdgeKV has no permissions
// for single namespaces.
func (c *Config) Permissions() []sinks.Permission {
	d, _ := dialectOf(c.Product)
	used := []operation{d.put, d.batch, d.get, d.delete}
	if d.status.action != "" {
		used = append(used, d.status)
	}
	if c.CreateNamespace {
		used = append(used, d.create)
	}
	var actions []string
	for _, o := range used {
		actions = append(actions, d.product+":"+o.action)
	}
	return append([]sinks.Permission{{
		Title: fmt.Sprintf("RAM policy for EdgeKV of %s: attach it to the RAM user or role of the credentials",
			strings.ToUpper(d.product)),
		Document: alicloud.Policy("*", actions...),
	}}, c.Credentials.Trust()...)
}
