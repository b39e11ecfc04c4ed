package app

import (
	"fmt"
	"net"

	"github.com/flagcast/flagcast/cmd/flagcast/listen"
	"github.com/flagcast/flagcast/sinks"
)

// greet says where everything is, and how to try it.
func (c *App) greet(l *listen.Listeners) {
	scheme, addr := l.Main()
	base := scheme + "://" + reachable(addr) + c.Config.API.BasePath
	c.Log.Info("flagcast", "version", BuildVersion())
	c.Log.Info("frontend API", "url", base+"/api/frontend")
	if len(c.Config.Upstream.Tokens)+len(c.Config.API.BackendTokens) > 0 {
		c.Log.Info("client API", "url", base+"/api/client/features")
	}
	if scheme == "http" && l.Encrypted != nil {
		c.Log.Info("TLS", "url", "https://"+reachable(l.Encrypted.Addr())+c.Config.API.BasePath)
	}
	inside := base
	if l.Backstage != nil {
		inside = "http://" + reachable(l.Backstage.Addr()) + c.Config.API.BasePath
	}
	if c.Config.API.Backstage.Metrics {
		c.Log.Info("metrics", "url", inside+"/internal-backstage/prometheus")
	}
	if !c.Config.API.WebhookSecret.IsZero() {
		c.Log.Info("webhook", "url", base+"/hooks/unleash")
	}
	for _, t := range c.Targets {
		first := t.Outputs[0]
		where := fmt.Sprintf("key %s of sink %s", first.Key, t.SinkName)
		if l, ok := sinks.As[sinks.Locator](t.Sink); ok {
			where = l.Locate(first.Key)
		}
		if more := len(t.Outputs) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
		c.Log.Info("snapshot", "at", where, "target", t.Name, "format", first.Spec.Format, "environment", t.Environment)
	}
	switch {
	case c.Config.API.Anonymous != "":
		c.Log.Info("try", "command", "curl '"+base+"/api/frontend?userId=7&properties[country]=cn' -g")
	default:
		c.Log.Info("try", "command", "curl -H \"Authorization: $FRONTEND_TOKEN\" '"+base+"/api/frontend?userId=7'")
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
