package config

import (
	"net"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/secret"
)

// override puts flags and variables over the file. The names are those of
// Unleash Edge 20 (its docs/CLI.md), so that its manifests work unchanged.
func (d *decoder) override(c *Config, o Overrides) {
	if url, origin := d.overridden(o.UpstreamURL, "upstream-url", "UPSTREAM_URL"); origin != "" {
		c.Upstream.URL = url
		d.origins[setting{&c.Upstream, "url"}] = origin
		// A definitions file is the other kind of upstream: it gives way.
		c.Upstream.File, c.Upstream.Environment = "", ""
	}
	if tokens, origin := d.overridden(strings.Join(o.Tokens, ","), "tokens", "TOKENS"); origin != "" && c.Upstream.File == "" {
		d.overrideTokens(c, tokens, origin)
	}
	d.overrideListen(c, o)
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

func (d *decoder) overrideTokens(c *Config, list, origin string) {
	c.Upstream.Tokens = nil
	d.origins[setting{&c.Upstream, "tokens"}] = origin
	number := 0
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		number++
		token, message, hint := parseToken(secret.New(text))
		if message != "" {
			d.tokensBroken = true
			d.add(place{file: origin}, "token "+strconv.Itoa(number)+" "+message, hint)
			continue
		}
		c.Upstream.Tokens = append(c.Upstream.Tokens, token)
	}
}

func (d *decoder) overrideListen(c *Config, o Overrides) {
	port, portOrigin := d.overridden(o.Port, "port", "PORT")
	address, origin := d.overridden(o.Interface, "interface", "INTERFACE")
	if port == "" && address == "" {
		return
	}
	oldAddress, oldPort, err := net.SplitHostPort(c.API.Listen)
	if err != nil {
		oldAddress, oldPort = "", "3063" // the check reports the file's
	}
	if portOrigin != "" {
		if !validPort(port) {
			d.add(place{file: portOrigin}, quoted(port)+" is no port", "a port is a number from 0 to 65535")
			port = oldPort
		}
		oldPort = port
	}
	if origin != "" {
		// An address may be written as in a URL: [::].
		oldAddress = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	} else {
		origin = portOrigin
	}
	c.API.Listen = net.JoinHostPort(oldAddress, oldPort)
	d.origins[setting{&c.API, "listen"}] = origin
}
