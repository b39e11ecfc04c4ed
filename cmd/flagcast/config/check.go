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
)

// check finds the faults that lie between settings. It skips what follows
// from a fault that is known already.
func (d *decoder) check(c *Config) {
	served := d.checkUpstream(c)
	d.checkAPI(&c.API, served, c.Upstream.File != "")
	d.checkTargets(c, served)
	d.checkNotify(c)
}

// environments are those that upstream serves; nil when a fault hides them.
type environments []edgecore.Environment

func (e environments) hint() string {
	names := make([]string, len(e))
	for i, env := range e {
		names[i] = quoted(string(env))
	}
	return "upstream serves " + strings.Join(names, ", ")
}

func (d *decoder) checkUpstream(c *Config) environments {
	u := &c.Upstream
	if d.offline && u.File != "" {
		return d.checkOffline(c)
	}
	if u.File != "" {
		return d.checkFile(u)
	}
	if d.offline {
		d.wrong(u, "file", "there is no bootstrap file", "set BOOTSTRAP_FILE or --bootstrap-file to an answer of GET /api/client/features")
		return nil
	}
	file := d.given(u, "file") && !d.given(u, "url")
	if !file {
		d.checkServer(u)
	}
	if d.given(u, "environment") && d.origins[setting{u, "url"}] == "" && !file {
		d.wrong(u, "environment", `"environment" in upstream is only for "file"`, "the tokens say which environments there are")
	}
	for _, name := range slices.Sorted(maps.Keys(u.Headers)) {
		if strings.EqualFold(strings.TrimSpace(name), u.TokenHeader) {
			d.wrong(u, "headers", fmt.Sprintf("%s in headers of upstream is the token, which flagcast sets", quoted(name)), "remove it; tokens are in \"tokens\"")
		}
	}
	d.checkHeader(u, "token_header", u.TokenHeader, "upstream")
	d.checkPair(u, "client_cert_file", "client_key_file", u.ClientCertFile, u.ClientKeyFile, "upstream")
	if u.CAFile != "" && d.sound(u, "ca_file") {
		d.checkCertificates(u)
	}
	if !d.sound(u, "tokens") || d.tokensBroken || file {
		return nil
	}
	return readings(u.Tokens)
}

func (d *decoder) checkFile(u *Upstream) environments {
	for _, key := range []string{"url", "tokens"} {
		if d.given(u, key) {
			d.wrong(u, key, fmt.Sprintf(`both "file" and %q are given in upstream`, key), `keep "file", or "url" and "tokens"`)
		}
	}
	if u.Environment == "" {
		if !d.sound(u, "environment") {
			return nil
		}
		u.Environment = defaultEnvironment
	}
	return environments{u.Environment}
}

func (d *decoder) checkServer(u *Upstream) {
	url, tokens := d.given(u, "url"), d.given(u, "tokens")
	switch {
	case !url && !tokens && !d.given(u, "file"):
		d.lacks(partUpstream, u, "", "upstream is missing: nothing says where the flags come from",
			`set "url" and "tokens" in upstream (or UPSTREAM_URL and TOKENS), or "file"`)
	case !url:
		d.lacks(partUpstream, u, "", `"url" is missing in upstream`, `it is the address of the Unleash server, such as "https://unleash.example"; UPSTREAM_URL sets it too`)
	case !tokens || len(u.Tokens) == 0 && d.sound(u, "tokens") && !d.tokensBroken:
		d.lacks(partUpstream, u, "tokens", `"tokens" are missing in upstream`, `they are backend tokens, such as ["${UNLEASH_TOKEN}"]; TOKENS sets them too`)
	}
	if url && d.sound(u, "url") {
		d.checkURL(u)
	}
}

// checkURL reports no part of the address: it may hold what a variable holds.
func (d *decoder) checkURL(u *Upstream) {
	address, err := url.Parse(u.URL)
	switch {
	case err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "":
		d.wrong(u, "url", `"url" in upstream is not an address`, `an address looks like "https://unleash.example"`)
	case address.User != nil:
		d.wrong(u, "url", `"url" in upstream holds a user name`, "flagcast sends its token as Authorization: let a proxy before Unleash ask for another header, and set that in headers")
	case address.RawQuery != "" || address.Fragment != "":
		d.wrong(u, "url", `"url" in upstream has a "?" or a "#"`, "leave off what follows the path")
	}
	u.URL = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.URL, "/"), "/api"), "/")
}

func (d *decoder) checkCertificates(u *Upstream) {
	pem, err := os.ReadFile(u.CAFile)
	if err != nil {
		d.lacks(partUpstream, u, "ca_file", `"ca_file" in upstream cannot be read: `+cause(err), "a path that is not absolute starts at the folder of the configuration")
	} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		d.wrong(u, "ca_file", `"ca_file" in upstream holds no certificate`, "it needs PEM text, -----BEGIN CERTIFICATE-----")
	}
}

func (d *decoder) checkAPI(a *API, served environments, file bool) {
	d.checkListeners(a)
	d.checkHeader(a, "token_header", a.TokenHeader, "api")
	d.checkPrefixes(a, "trusted_proxies", a.TrustedProxies)
	d.checkPrefixes(a, "allow", a.Allow)
	d.checkPrefixes(a, "deny", a.Deny)
	if a.BasePath = strings.TrimRight(a.BasePath, "/"); a.BasePath != "" {
		if address, err := url.Parse(a.BasePath); err != nil || !strings.HasPrefix(a.BasePath, "/") || address.Path != a.BasePath || path.Clean(a.BasePath) != a.BasePath {
			d.wrong(a, "base_path", `"base_path" in api is not a path`, `write it as "/flags"`)
		}
	}
	for _, key := range []string{"stale_while_revalidate", "stale_if_error"} {
		if d.given(&a.Shared, key) && !d.given(&a.Shared, "max_age") {
			d.wrong(&a.Shared, key, quoted(key)+" in shared_cache of api does nothing without \"max_age\"", "set it, or remove "+quoted(key))
		}
	}
	if file && d.given(a, "webhook_secret") {
		d.wrong(a, "webhook_secret", `"webhook_secret" in api does nothing with "file" in upstream`, "remove it: the file is watched, and no Unleash calls")
	}
	if served == nil {
		return
	}
	if a.Anonymous != "" && !slices.Contains(served, a.Anonymous) {
		d.wrong(a, "anonymous_environment", `"anonymous_environment" in api names an environment that upstream does not serve`, served.hint())
	}
	for key, tokens := range map[string][]edgecore.Token{"frontend_tokens": a.FrontendTokens, "backend_tokens": a.BackendTokens} {
		for i, token := range tokens {
			switch {
			case !d.sound(a, key):
			case !slices.Contains(served, token.Environment) && !slices.Contains(served, token.Other):
				d.wrong(a, key, fmt.Sprintf(`item %d of %q in api is for an environment that upstream does not serve`, i+1, key), served.hint())
			case token.Project == "[]" && file:
				d.wrong(a, key, fmt.Sprintf(`item %d of %q in api is for several projects, whose names only an Unleash server has`, i+1, key), `with "file" in upstream use tokens of one project, or of all ("*")`)
			}
		}
	}
}

func validPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
