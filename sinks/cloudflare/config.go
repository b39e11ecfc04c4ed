package cloudflare

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
)

// Config of a sink in the configuration file.
type Config struct {
	// Account is the id of the account, 32 hexadecimal digits.
	Account string `yaml:"account"`
	// Namespace is the id of the KV namespace, 32 hexadecimal digits. Its
	// title is not an id: the first call fails and names the id.
	Namespace string `yaml:"namespace"`
	// APIToken has the permission "Workers KV Storage Write" for the account.
	// Cloudflare grants it per account, not per namespace.
	APIToken secret.Secret `yaml:"api_token"`
	// Endpoint is the base of the REST API, without "/accounts".
	Endpoint string `yaml:"endpoint"`
	// Proxy is the URL of a proxy (http, https, socks5); without one HTTPS_PROXY and
	// NO_PROXY apply.
	Proxy string `yaml:"proxy"`
	// Timeout bounds one attempt of one request, the transfer included.
	Timeout time.Duration `yaml:"timeout" min:"1s"`
}

// DefaultConfig names Cloudflare's API and gives a request 30 s, which a value
// of 25 MiB needs on a line of 7 Mbit/s.
func DefaultConfig() Config {
	return Config{Endpoint: "https://api.cloudflare.com/client/v4", Timeout: 30 * time.Second}
}

// Identifiers become parts of a path and are not escaped by the SDK.
var (
	pathSafe = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	hexID    = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
)

// Check reports every fault of the settings, each a *sinks.ConfigError.
func (c *Config) Check() []error {
	var errs []error
	fault := func(key, problem string) {
		errs = append(errs, &sinks.ConfigError{Key: key, Problem: problem})
	}
	absent := func(key, problem string) {
		errs = append(errs, &sinks.ConfigError{Key: key, Problem: problem, Absent: true})
	}
	switch {
	case c.Account == "":
		fault("account", "is missing; give the account id, 32 hexadecimal digits ("+whereAccount+")")
	case !pathSafe.MatchString(c.Account):
		fault("account", "is not an id; give the account id, 32 hexadecimal digits ("+whereAccount+")")
	}
	// A title passes: only the service has its id.
	if strings.TrimSpace(c.Namespace) == "" {
		fault("namespace", "is missing; give the namespace id, 32 hexadecimal digits ("+whereNamespace+")")
	}
	switch token := c.APIToken.Reveal(); {
	case token == "":
		absent("api_token",
			"is missing; create a token with the permission \"Workers KV Storage Write\" and give it as api_token or "+
				"api_token_file")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		fault("api_token", "contains a space, a line break or another invalid character; copy it again")
	}
	if problem := badEndpoint(c.Endpoint); problem != "" {
		fault("endpoint", problem)
	}
	if c.Proxy != "" {
		if _, err := httpclient.ParseProxy(c.Proxy); err != nil {
			fault("proxy", err.Error())
		}
	}
	if c.Timeout < 0 {
		fault("timeout", "is below 0")
	}
	return errs
}

func badEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not the URL of an API; leave it out for Cloudflare's own"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "holds more than scheme, host and path"
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/accounts"):
		return "ends in \"/accounts\", which is added; leave it out"
	}
	return ""
}

const (
	whereAccount   = "dash.cloudflare.com shows it in the address, or run: npx wrangler whoami"
	whereNamespace = "run: npx wrangler kv namespace list"
)
