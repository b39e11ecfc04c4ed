package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/internal/unleashurl"
)

// check finds the faults that lie between settings. It skips what follows
// from a fault that is known already.
func (k *checker) check(c *Config) {
	served := k.checkUpstream(c)
	k.checkAPI(&c.API, served, c.Upstream.File != "")
	k.checkTargets(c, served)
	k.checkNotify(c)
}

func (k *checker) checkUpstream(c *Config) environments {
	u := &c.Upstream
	if k.offline && u.File != "" {
		return k.checkOffline(c)
	}
	if u.File != "" {
		return k.checkFile(u)
	}
	if k.offline {
		k.Wrong(u, "file", "there is no bootstrap file",
			"set BOOTSTRAP_FILE or --bootstrap-file to an answer of GET /api/client/features")
		return nil
	}
	file := k.Given(u, "file") && !k.Given(u, "url")
	if !file {
		k.checkServer(u)
	}
	if k.Given(u, "environment") && !k.Overridden(u, "url") && !file {
		k.Wrong(u, "environment", `"environment" in upstream is only for "file"`,
			"the tokens say which environments there are")
	}
	for _, name := range slices.Sorted(maps.Keys(u.Headers)) {
		if strings.EqualFold(strings.TrimSpace(name), u.TokenHeader) {
			k.Wrong(u, "headers", fmt.Sprintf("%s in headers of upstream is the token, which flagcast sets",
				strictyaml.Quoted(name)), "remove it; tokens are in \"tokens\"")
		}
	}
	k.checkHeader(u, "token_header", u.TokenHeader, "upstream")
	k.checkPair(u, "client_cert_file", "client_key_file", u.ClientCertFile, u.ClientKeyFile, "upstream")
	if u.CAFile != "" && k.Sound(u, "ca_file") {
		k.checkCertificates(u)
	}
	if !k.Sound(u, "tokens") || k.tokensBroken || file {
		return nil
	}
	return readings(u.Tokens)
}

func (k *checker) checkFile(u *Upstream) environments {
	for _, key := range []string{"url", "tokens"} {
		if k.Given(u, key) {
			k.Wrong(u, key, fmt.Sprintf(`both "file" and %q are given in upstream`, key),
				`keep "file", or "url" and "tokens"`)
		}
	}
	if u.Environment == "" {
		if !k.Sound(u, "environment") {
			return nil
		}
		u.Environment = defaultEnvironment
	}
	return environments{u.Environment}
}

func (k *checker) checkServer(u *Upstream) {
	url, tokens := k.Given(u, "url"), k.Given(u, "tokens")
	switch {
	case !url && !tokens && !k.Given(u, "file"):
		k.Lacks(partUpstream, u, "", "upstream is missing: nothing says where the flags come from",
			`set "url" and "tokens" in upstream (or UPSTREAM_URL and TOKENS), or "file"`)
	case !url:
		k.Lacks(partUpstream, u, "", `"url" is missing in upstream`,
			`it is the address of the Unleash server, such as "https://unleash.example"; UPSTREAM_URL sets it too`)
	case !tokens || len(u.Tokens) == 0 && k.Sound(u, "tokens") && !k.tokensBroken:
		k.Lacks(partUpstream, u, "tokens", `"tokens" are missing in upstream`,
			`they are backend tokens, such as ["${UNLEASH_TOKEN}"]; TOKENS sets them too`)
	}
	if url && k.Sound(u, "url") {
		k.checkURL(u)
	}
}

// checkURL reports no part of the address: it may hold what a variable holds.
func (k *checker) checkURL(u *Upstream) {
	address, err := url.Parse(u.URL)
	switch {
	case err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "":
		k.Wrong(u, "url", `"url" in upstream is not an address`, `an address looks like "https://unleash.example"`)
	case address.User != nil:
		k.Wrong(u, "url", `"url" in upstream holds a user name`,
			"flagcast sends its token as Authorization: let a proxy before Unleash ask for another header, and set "+
				"that in headers")
	case address.RawQuery != "" || address.Fragment != "":
		k.Wrong(u, "url", `"url" in upstream has a "?" or a "#"`, "leave off what follows the path")
	}
	u.URL = unleashurl.Trim(u.URL)
}

func (k *checker) checkCertificates(u *Upstream) {
	pem, err := os.ReadFile(u.CAFile)
	if err != nil {
		k.Lacks(partUpstream, u, "ca_file", `"ca_file" in upstream cannot be read: `+strictyaml.Cause(err),
			"a path that is not absolute starts at the folder of the configuration")
	} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		k.Wrong(u, "ca_file", `"ca_file" in upstream holds no certificate`,
			"it needs PEM text, -----BEGIN CERTIFICATE-----")
	}
}

func (k *checker) checkAPI(a *API, served environments, file bool) {
	k.checkListeners(a)
	k.checkHeader(a, "token_header", a.TokenHeader, "api")
	k.checkPrefixes(a, "trusted_proxies", a.TrustedProxies)
	k.checkPrefixes(a, "allow", a.Allow)
	k.checkPrefixes(a, "deny", a.Deny)
	if a.BasePath = strings.TrimRight(a.BasePath, "/"); a.BasePath != "" {
		if address, err := url.Parse(a.BasePath); err != nil || !strings.HasPrefix(a.BasePath, "/") ||
			address.Path != a.BasePath || path.Clean(a.BasePath) != a.BasePath {
			k.Wrong(a, "base_path", `"base_path" in api is not a path`, `write it as "/flags"`)
		}
	}
	for _, key := range []string{"stale_while_revalidate", "stale_if_error"} {
		if k.Given(&a.Shared, key) && !k.Given(&a.Shared, "max_age") {
			k.Wrong(&a.Shared, key, strictyaml.Quoted(key)+" in shared_cache of api does nothing without \"max_age\"",
				"set it, or remove "+strictyaml.Quoted(key))
		}
	}
	if file && k.Given(a, "webhook_secret") {
		k.Wrong(a, "webhook_secret", `"webhook_secret" in api does nothing with "file" in upstream`,
			"remove it: the file is watched, and no Unleash calls")
	}
	if served == nil {
		return
	}
	if a.Anonymous != "" && !slices.Contains(served, a.Anonymous) {
		k.Wrong(a, "anonymous_environment",
			`"anonymous_environment" in api names an environment that upstream does not serve`, served.hint())
	}
	for key, tokens := range map[string][]edgecore.Token{
		"frontend_tokens": a.FrontendTokens, "backend_tokens": a.BackendTokens,
	} {
		for i, token := range tokens {
			switch {
			case !k.Sound(a, key):
			case !slices.Contains(served, token.Environment) && !slices.Contains(served, token.Other):
				k.Wrong(a, key, fmt.Sprintf(`item %d of %q in api is for an environment that upstream does not serve`,
					i+1, key), served.hint())
			case token.Project == "[]" && file:
				k.Wrong(a, key,
					fmt.Sprintf(`item %d of %q in api is for several projects, whose names only an Unleash server has`,
						i+1, key), `with "file" in upstream use tokens of one project, or of all ("*")`)
			}
		}
	}
}

func validPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
