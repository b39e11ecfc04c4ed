package config

import (
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// What each flag and variable of Unleash Edge does to the configuration; the
// table is in edge.go.

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
func parseTrusted(s secret.Secret) (edgecore.Token, *strictyaml.Problem) {
	token, problem := parseToken(s)
	if problem == nil {
		return token, nil
	}
	key, environment, ok := cutLast(s.Reveal(), "@")
	if !ok || key == "" || environment == "" || environment == "*" || strings.ContainsFunc(s.Reveal(), notInToken) {
		problem.Hint = "a token looks like project:environment.secret, or secret@environment"
		return token, problem
	}
	return edgecore.Token{
		Project: "*", Environment: edgecore.Environment(environment), Secret: secret.New(key),
	}, nil
}

// parseOffline reads a token, or any other text that can be sent as one, as
// Unleash Edge does offline: it is one of all projects in the default
// environment.
func parseOffline(s secret.Secret) (edgecore.Token, *strictyaml.Problem) {
	if _, err := edgecore.ParseToken(s); err == nil {
		return parseToken(s)
	}
	if text := s.Reveal(); text == "" || strings.ContainsFunc(text, notInToken) {
		return edgecore.Token{}, &strictyaml.Problem{
			Message: "holds a character that no token has",
			Hint:    "a token is one word of ASCII without quotes and commas",
		}
	}
	return edgecore.Token{Project: "*", Environment: defaultEnvironment, Secret: s}, nil
}

func cutLast(text, separator string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

func (o *overrider) parseTokens(
	g given, parse func(secret.Secret) (edgecore.Token, *strictyaml.Problem),
) []edgecore.Token {
	var list []edgecore.Token
	for i, text := range o.list(g) {
		token, problem := parse(secret.New(text))
		if problem != nil {
			o.k.tokensBroken = true
			o.fault(g, "token "+strconv.Itoa(i+1)+" "+problem.Message, problem.Hint)
			continue
		}
		o.k.Short(token.Secret, "token "+strconv.Itoa(i+1)+" of "+g.origin)
		list = append(list, token)
	}
	return list
}

func (o *overrider) bootstrap(g given) {
	o.c.Upstream = Upstream{File: g.value, TokenHeader: "Authorization"}
	o.from(&o.c.Upstream, "file", g)
}

func (o *overrider) clientTokens(g given) {
	o.c.API.BackendTokens = o.parseTokens(g, parseOffline)
	o.from(&o.c.API, "backend_tokens", g)
}

func (o *overrider) frontendTokens(g given) {
	o.c.API.FrontendTokens = o.parseTokens(g, parseOffline)
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
			o.fault(port, strictyaml.Quoted(port.value)+" is not a port", "a port is a number from 0 to 65535")
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
		o.c.unused = append(o.c.unused,
			"TRUST_PROXY lets every client say that it has another address: set PROXY_TRUSTED_SERVERS "+
				"(api.trusted_proxies) to the addresses of the proxies")
	}
	o.from(&o.c.API, "trusted_proxies", g)
}

func (o *overrider) withTrustProxy(given) {} // trustProxy takes it

func (o *overrider) streaming(g given) {
	o.c.Upstream.Mode = upstream.ModeStream
	o.from(&o.c.Upstream, "mode", g)
}

// delta is less than --streaming, which Unleash Edge wants beside it.
func (o *overrider) delta(g given) {
	if streaming, ok := o.given["streaming"]; ok && o.on(streaming) {
		return
	}
	o.c.Upstream.Mode = upstream.ModeDelta
	o.from(&o.c.Upstream, "mode", g)
}

func (o *overrider) noAll(given) { o.c.API.All = false }

func (o *overrider) noMetrics(given) { o.c.API.Backstage.Metrics = false }

func (o *overrider) noFeatures(given) { o.c.API.Backstage.Features = false }

func (o *overrider) noTokens(given) { o.c.API.Backstage.Tokens = false }

func (o *overrider) logFormat(g given) {
	switch strings.ToLower(g.value) {
	case "plain", "pretty":
		o.c.Log.Format = "text"
	case "json":
		o.c.Log.Format = "json"
	default:
		o.fault(g, strictyaml.Quoted(g.value)+" is not one of plain, pretty, json", "")
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

func (o *overrider) backup(g given) { o.c.State.Dir = absolute(g.value) }

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
