package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// FileEnvironments are those whose definitions are in Upstream.File.
func (c *Config) FileEnvironments() []edgecore.Environment {
	if c.Upstream.Environment != "" {
		return []edgecore.Environment{c.Upstream.Environment}
	}
	var list []edgecore.Environment
	for _, token := range slices.Concat(c.API.BackendTokens, c.API.FrontendTokens) {
		if !slices.Contains(list, token.Environment) {
			list = append(list, token.Environment)
		}
	}
	slices.Sort(list)
	return list
}

// checkOffline: the file is that of every environment that a token names.
func (k *checker) checkOffline(c *Config) environments {
	served := c.FileEnvironments()
	if len(served) == 0 && !k.tokensBroken {
		k.Wrong(&c.API, "backend_tokens", "there are no tokens: no client could ask",
			"set CLIENT_TOKENS or FRONTEND_TOKENS, or --client-tokens or --frontend-tokens")
	}
	return served
}

func (k *checker) checkListeners(a *API) {
	address := func(owner any, where, value string) {
		if !k.Sound(owner, "listen") {
			return
		}
		if _, port, err := net.SplitHostPort(value); err != nil || !validPort(port) {
			k.Wrong(owner, "listen", `"listen" in `+where+` is not an address to listen on`,
				`write ":3063", "127.0.0.1:3063" or "[::1]:3063"`)
		}
	}
	address(a, "api", a.Listen)
	address(&a.TLS, "tls of api", a.TLS.Listen)
	if a.Backstage.Listen != "" {
		address(&a.Backstage, "backstage of api", a.Backstage.Listen)
		if a.Backstage.Listen == a.Listen {
			k.Wrong(&a.Backstage, "listen", `"listen" in backstage of api is that of api`,
				"give it an address of its own, or remove it")
		}
	}
	k.checkPair(&a.TLS, "cert_file", "key_file", a.TLS.CertFile, a.TLS.KeyFile, "tls of api")
	for _, s := range []struct {
		key string
		set bool
	}{{"only", a.TLS.Only}, {"redirect", a.TLS.Redirect}} {
		if s.set && a.TLS.CertFile == "" {
			k.Wrong(&a.TLS, s.key, strictyaml.Quoted(s.key)+" in tls of api needs a certificate",
				`set "cert_file" and "key_file"`)
		}
	}
}

// checkPair reports a certificate without its key, and one that cannot be used.
func (k *checker) checkPair(owner any, certKey, keyKey, cert, key, where string) {
	switch {
	case cert == "" && key == "" || !k.Sound(owner, certKey) || !k.Sound(owner, keyKey):
	case cert == "":
		k.Wrong(owner, keyKey, strictyaml.Quoted(keyKey)+" in "+where+" is a key without a certificate",
			"set "+strictyaml.Quoted(certKey))
	case key == "":
		k.Wrong(owner, certKey, strictyaml.Quoted(certKey)+" in "+where+" is a certificate without a key",
			"set "+strictyaml.Quoted(keyKey))
	default:
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			k.Wrong(owner, certKey, strictyaml.Quoted(certKey)+" and "+strictyaml.Quoted(keyKey)+" in "+where+
				" are not a certificate with its key: "+strictyaml.Cause(err),
				"both are PEM text; they may be in one file")
		}
	}
}

// minSecret is the length of a webhook secret that cannot be guessed, in characters.
const minSecret = 16

// WeakWebhookSecret reports whether there is a webhook secret that is too short.
func (a *API) WeakWebhookSecret() bool {
	return !a.WebhookSecret.IsZero() && utf8.RuneCountInString(a.WebhookSecret.Reveal()) < minSecret
}

// PrivateBackstage reports whether the paths below /internal-backstage can be
// reached by the owner of the process only: they have an address of their own, or
// the whole API listens on loopback.
func (a *API) PrivateBackstage() bool {
	if a.Backstage.Listen != "" {
		return true
	}
	encrypted := a.TLS.CertFile != ""
	return (encrypted && a.TLS.Only || loopback(a.Listen)) && (!encrypted || loopback(a.TLS.Listen))
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (k *checker) checkHeader(owner any, key, name, where string) {
	if !headerName.MatchString(name) && k.Sound(owner, key) {
		k.Wrong(owner, key, strictyaml.Quoted(key)+" in "+where+" is not a name of a header",
			`write it like "Authorization"`)
	}
}

func (k *checker) checkPrefixes(a *API, key string, list []string) {
	for i, text := range list {
		if _, err := parsePrefix(text); err != nil && k.Sound(a, key) {
			k.Wrong(a, key, fmt.Sprintf("item %d of %q in api is neither an address nor a range of addresses", i+1,
				key), `write 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32`)
		}
	}
}

func parsePrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix.Masked(), err
}

// Prefixes are addresses and ranges of a configuration that Load has checked.
func Prefixes(list []string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range list {
		if prefix, err := parsePrefix(text); err == nil {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}
