package main

import (
	"fmt"
	"net"

	"github.com/flagcast/flagcast/cmd/flagcast/listen"
	"github.com/flagcast/flagcast/sinks"
)

// greet says where everything is, and how to try it.
func (c *core) greet(l *listen.Listeners) {
	scheme, addr := l.Main()
	base := scheme + "://" + reachable(addr) + c.config.API.BasePath
	c.log.Info("flagcast " + buildVersion())
	client := ""
	if len(c.config.Upstream.Tokens)+len(c.config.API.BackendTokens) > 0 {
		client = " and /api/client/features"
	}
	c.log.Info("API        " + base + "/api/frontend" + client)
	if scheme == "http" && l.Encrypted != nil {
		c.log.Info("TLS        https://" + reachable(l.Encrypted.Addr()) + c.config.API.BasePath + "/api/frontend" + client)
	}
	inside := base
	if l.Backstage != nil {
		inside = "http://" + reachable(l.Backstage.Addr()) + c.config.API.BasePath
	}
	if c.config.API.Backstage.Metrics {
		c.log.Info("metrics    " + inside + "/internal-backstage/prometheus")
	}
	if !c.config.API.WebhookSecret.IsZero() {
		c.log.Info("webhook    " + base + "/hooks/unleash")
	}
	for _, t := range c.targets {
		first := t.Cells[0]
		where := fmt.Sprintf("key %s in sink %s", first.Key, t.SinkName)
		if l, ok := sinks.As[sinks.Locator](t.Sink); ok {
			where = l.Locate(first.Key)
		}
		if more := len(t.Cells) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
		c.log.Info(fmt.Sprintf("snapshot   %s (target %s, %s of %s)", where, t.Name, first.Spec.Format, t.Environment))
	}
	switch {
	case c.config.API.Anonymous != "":
		c.log.Info("try        curl '" + base + "/api/frontend?userId=7&properties[country]=cn' -g")
	default:
		c.log.Info("try        curl -H \"Authorization: $FRONTEND_TOKEN\" '" + base + "/api/frontend?userId=7'")
	}
}

// reachable turns a listener's address into one that a client can use.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
