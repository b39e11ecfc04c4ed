package config

import (
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/secret"
)

// overrider puts flags and variables of Unleash Edge over the file.
type overrider struct {
	d     *decoder
	c     *Config
	given map[string]given // by flag, or by variable where there is none
}

// given is a value and where it comes from.
type given struct{ value, origin string }

func (d *decoder) override(c *Config, o Overrides) {
	v := &overrider{d: d, c: c, given: map[string]given{}}
	mode := "edge"
	if o.Offline {
		mode = "offline"
	}
	settings := slices.DeleteFunc(EdgeSettings(), func(s EdgeSetting) bool { return s.Mode != "" && s.Mode != mode })
	for i := range settings {
		s := &settings[i]
		if value, origin := d.overridden(o.Flags[s.Flag], s.Flag, s.Variable); origin != "" {
			v.given[s.name()] = given{value, origin}
		}
	}
	var unused []string // sentences, with the settings that each is about
	about := map[string][]string{}
	for i := range settings {
		s := &settings[i]
		g, ok := v.given[s.name()]
		switch {
		case !ok || isOff(g) && s.Value == "" && s.Flag != "":
		case s.apply != nil && (s.Value != "" || s.Flag == "" || v.on(g)):
			s.apply(v, g)
		case s.apply != nil: // a switch that makes no sense
		case s.refused:
			d.add(place{file: g.origin}, "this is not taken over from Unleash Edge", s.instead)
		case s.instead != "":
			if about[s.instead] == nil {
				unused = append(unused, s.instead)
			}
			about[s.instead] = append(about[s.instead], strings.TrimPrefix(strings.TrimPrefix(g.origin, "environment variable "), "flag "))
		}
	}
	for _, sentence := range unused {
		are := " is"
		if len(about[sentence]) > 1 {
			are = " are"
		}
		c.unused = append(c.unused, strings.Join(about[sentence], ", ")+are+" not used: "+sentence)
	}
}

// name is what a setting is called among those that are given.
func (s *EdgeSetting) name() string {
	if s.Flag == "" {
		return s.Variable
	}
	return s.Flag
}

// overridden returns the value of a flag, else of its variable, and a name for
// it; "" when there is neither. An empty variable counts as unset, since
// manifests cannot always leave one out.
func (d *decoder) overridden(flag, name, variable string) (value, origin string) {
	if flag != "" {
		return flag, "flag --" + name
	}
	if value, ok := d.lookup(variable); ok && strings.TrimSpace(value) != "" {
		return strings.TrimSpace(value), "environment variable " + variable
	}
	return "", ""
}

// fault reports a value that cannot be taken over.
func (o *overrider) fault(g given, message, hint string) {
	o.d.add(place{file: g.origin}, message, hint)
}

// from notes where a setting comes from.
func (o *overrider) from(owner any, key string, g given) { o.d.origins[setting{owner, key}] = g.origin }

// on reads a switch.
func (o *overrider) on(g given) bool {
	if slices.Contains([]string{"true", "t", "yes", "y", "on", "1"}, strings.ToLower(g.value)) {
		return true
	}
	if !isOff(g) {
		o.fault(g, "this is neither true nor false", "")
	}
	return false
}

func isOff(g given) bool {
	return slices.Contains([]string{"false", "f", "no", "n", "off", "0"}, strings.ToLower(g.value))
}

// list splits at commas.
func (o *overrider) list(g given) []string {
	var list []string
	for text := range strings.SplitSeq(g.value, ",") {
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// seconds reads a whole number of them, at least least.
func (o *overrider) seconds(g given, least int) (time.Duration, bool) {
	n, err := strconv.Atoi(g.value)
	if err != nil || n < least || n > 1<<30 {
		o.fault(g, quoted(g.value)+" is no number of seconds", "write a whole number, at least "+strconv.Itoa(least))
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// texts takes over a list.
func texts(where func(*Config) (owner any, key string, list *[]string)) func(*overrider, given) {
	return func(o *overrider, g given) {
		owner, key, list := where(o.c)
		*list = o.list(g)
		o.from(owner, key, g)
	}
}

// header takes over what upstream is told in a header.
func header(name string) func(*overrider, given) {
	return func(o *overrider, g given) { o.setHeader(name, g.value) }
}

func (o *overrider) setHeader(name, value string) {
	if o.c.Upstream.Headers == nil {
		o.c.Upstream.Headers = map[string]secret.Secret{}
	}
	o.c.Upstream.Headers[name] = secret.New(value)
}

func (o *overrider) headers(g given) {
	for number, text := range o.list(g) {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || !headerName.MatchString(name) {
			o.fault(g, "header "+strconv.Itoa(number+1)+" is not of the form name:value", "write X-Api-Key:secret, several separated by commas")
			continue
		}
		o.setHeader(name, strings.TrimSpace(value))
	}
	o.from(&o.c.Upstream, "headers", g)
}

func (o *overrider) upstreamURL(g given) {
	u := &o.c.Upstream
	u.URL = g.value
	o.from(u, "url", g)
	// A definitions file is the other kind of upstream: it gives way.
	u.File, u.Environment = "", ""
}

func (o *overrider) tokens(g given) {
	if u := &o.c.Upstream; u.File == "" {
		u.Tokens = o.parseTokens(g, parseToken)
		o.from(u, "tokens", g)
	}
}

func (o *overrider) pretrusted(g given) {
	o.c.API.FrontendTokens = append(o.c.API.FrontendTokens, o.parseTokens(g, parseTrusted)...)
	o.from(&o.c.API, "frontend_tokens", g)
}

// parseTrusted reads a token, or a text that is one for an environment:
// secret@environment.
func parseTrusted(s secret.Secret) (token edgecore.Token, problem, hint string) {
	token, problem, _ = parseToken(s)
	if problem == "" {
		return token, "", ""
	}
	key, environment, ok := cutLast(s.Reveal(), "@")
	if !ok || key == "" || environment == "" || environment == "*" || strings.ContainsFunc(s.Reveal(), notInToken) {
		return token, problem, "a token looks like project:environment.secret, or secret@environment"
	}
	return edgecore.Token{Project: "*", Environment: edgecore.Environment(environment), Secret: secret.New(key)}, "", ""
}

func cutLast(text, separator string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

func (o *overrider) parseTokens(g given, parse func(secret.Secret) (edgecore.Token, string, string)) []edgecore.Token {
	var list []edgecore.Token
	for i, text := range o.list(g) {
		token, message, hint := parse(secret.New(text))
		if message != "" {
			o.d.tokensBroken = true
			o.fault(g, "token "+strconv.Itoa(i+1)+" "+message, hint)
			continue
		}
		list = append(list, token)
	}
	return list
}

func (o *overrider) bootstrap(g given) {
	o.c.Upstream = Upstream{File: g.value, TokenHeader: "Authorization"}
	o.from(&o.c.Upstream, "file", g)
}

func (o *overrider) clientTokens(g given) {
	o.c.API.BackendTokens = o.parseTokens(g, parseToken)
	o.from(&o.c.API, "backend_tokens", g)
}

func (o *overrider) frontendTokens(g given) {
	o.c.API.FrontendTokens = o.parseTokens(g, parseToken)
	o.from(&o.c.API, "frontend_tokens", g)
}

// listen puts a port and an address over those of the file.
func (o *overrider) listen(g given) {
	if listen, ok := o.address(o.c.API.Listen, "3063", o.given["port"]); ok {
		o.c.API.Listen = listen
		o.from(&o.c.API, "listen", g)
	}
}

func (o *overrider) address(old, usual string, port given) (listen string, ok bool) {
	oldAddress, oldPort, err := net.SplitHostPort(old)
	if err != nil {
		oldAddress, oldPort = "", usual // the check reports the file's
	}
	if port.origin != "" {
		if !validPort(port.value) {
			o.fault(port, quoted(port.value)+" is no port", "a port is a number from 0 to 65535")
			return "", false
		}
		oldPort = port.value
	}
	if address := o.given["interface"]; address.origin != "" {
		// An address may be written as in a URL: [::].
		oldAddress = strings.TrimSuffix(strings.TrimPrefix(address.value, "["), "]")
	}
	return net.JoinHostPort(oldAddress, oldPort), true
}

func (o *overrider) basePath(g given) {
	o.c.API.BasePath = "/" + strings.TrimLeft(g.value, "/")
	o.from(&o.c.API, "base_path", g)
}

// tls: without TLS_ENABLE the others mean nothing, as in Edge.
func (o *overrider) tls(g given) {
	t := &o.c.API.TLS
	t.CertFile, t.KeyFile = absolute(o.given["tls-server-cert"].value), absolute(o.given["tls-server-key"].value)
	if t.CertFile == "" || t.KeyFile == "" {
		o.fault(g, "TLS needs a certificate and its key", "set TLS_SERVER_CERT and TLS_SERVER_KEY to PEM files")
		t.CertFile, t.KeyFile = "", ""
		return
	}
	o.from(t, "cert_file", o.given["tls-server-cert"])
	o.from(t, "key_file", o.given["tls-server-key"])
	if listen, ok := o.address(t.Listen, "3043", o.given["tls-server-port"]); ok {
		t.Listen = listen
		o.from(t, "listen", g)
	}
	if redirect, ok := o.given["redirect-http-to-https"]; ok {
		t.Redirect = o.on(redirect)
	}
}

func (o *overrider) withTLS(given) {} // tls takes it

// absolute: paths of flags and variables start at the current folder.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

func (o *overrider) corsAge(g given) {
	if age, ok := o.seconds(g, 0); ok {
		o.c.API.CORS.MaxAge = age
	}
}

// trustProxy: Edge trusts every peer unless it has a list.
func (o *overrider) trustProxy(g given) {
	o.c.API.TrustedProxies = []string{"0.0.0.0/0", "::/0"}
	if list, ok := o.given["proxy-trusted-servers"]; ok {
		o.c.API.TrustedProxies, g = o.list(list), list
	} else {
		o.c.unused = append(o.c.unused, "TRUST_PROXY lets every client say that it has another address: set PROXY_TRUSTED_SERVERS (api.trusted_proxies) to the addresses of the proxies")
	}
	o.from(&o.c.API, "trusted_proxies", g)
}

func (o *overrider) withTrustProxy(given) {} // trustProxy takes it

func (o *overrider) noAll(given)      { o.c.API.All = false }
func (o *overrider) noMetrics(given)  { o.c.API.Backstage.Metrics = false }
func (o *overrider) noFeatures(given) { o.c.API.Backstage.Features = false }
func (o *overrider) noTokens(given)   { o.c.API.Backstage.Tokens = false }

func (o *overrider) logFormat(g given) {
	switch strings.ToLower(g.value) {
	case "plain", "pretty":
		o.c.Log.Format = "text"
	case "json":
		o.c.Log.Format = "json"
	default:
		o.fault(g, quoted(g.value)+" is not one of plain, pretty, json", "")
	}
}

// logLevel reads RUST_LOG: a level, maybe among levels of single modules, which
// mean nothing here.
func (o *overrider) logLevel(g given) {
	levels := map[string]slog.Level{
		"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError, "off": slog.LevelError,
	}
	for _, text := range o.list(g) {
		if level, ok := levels[strings.ToLower(text)]; ok {
			o.c.Log.Level = level
			return
		}
	}
}

func (o *overrider) tokenHeader(g given) {
	o.edgeHeader(g)
	o.upstreamHeader(g)
}

func (o *overrider) edgeHeader(g given) {
	o.c.API.TokenHeader = g.value
	o.from(&o.c.API, "token_header", g)
}

func (o *overrider) upstreamHeader(g given) {
	o.c.Upstream.TokenHeader = g.value
	o.from(&o.c.Upstream, "token_header", g)
}

func (o *overrider) interval(g given) {
	if d, ok := o.seconds(g, 1); ok {
		o.c.Upstream.Interval = d
	}
}

func (o *overrider) usageInterval(g given) {
	if d, ok := o.seconds(g, 1); ok {
		o.c.Upstream.UsageInterval = d
	}
}

func (o *overrider) timeout(g given) {
	if d, ok := o.seconds(g, 1); ok {
		o.c.Upstream.Timeout = d
	}
}

func (o *overrider) revalidate(g given) {
	if d, ok := o.seconds(g, 1); ok {
		o.c.API.RevalidateTokens = d
	}
}

func (o *overrider) backup(g given)     { o.c.State.Dir = absolute(g.value) }
func (o *overrider) skipVerify(g given) { o.c.Upstream.SkipVerify = true }

func (o *overrider) clientCert(g given) {
	o.c.Upstream.ClientCertFile = absolute(g.value)
	o.from(&o.c.Upstream, "client_cert_file", g)
}

func (o *overrider) clientKey(g given) {
	o.c.Upstream.ClientKeyFile = absolute(g.value)
	o.from(&o.c.Upstream, "client_key_file", g)
}

func (o *overrider) clientPEM(g given) {
	o.clientCert(g)
	o.clientKey(g)
}

func (o *overrider) authorities(g given) {
	o.c.Upstream.CAFile = absolute(g.value)
	o.from(&o.c.Upstream, "ca_file", g)
}
