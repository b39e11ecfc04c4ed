package config

import (
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/strictyaml"
)

// Needs are the parts of a configuration that a command uses. Variables and
// files that other parts name may be missing, and so may credentials of sinks.
// State, log, audit and targets are always used, and of api what is not a secret.
type Needs struct {
	Upstream bool
	API      bool     // its tokens and secrets
	Notify   bool     // webhooks and the healthcheck
	Sinks    []string // names
	// Described are names of sinks whose settings are used, but for credentials.
	Described []string
}

// Parts of a configuration that not every command uses.
const (
	partUpstream = "upstream"
	partAPI      = "api"
)

func sinkPart(name string) string { return "sink " + name }

// include reports whether what is absent is needed.
func (n Needs) include(a strictyaml.Absent) bool {
	is := func(name string) bool { return sinkPart(name) == a.Part }
	switch {
	case a.Part == partUpstream:
		return n.Upstream
	case a.Part == partAPI:
		return n.API || !a.Credential
	case a.Part == "notify" || a.Part == "healthcheck":
		return n.Notify
	case strings.HasPrefix(a.Part, sinkPart("")):
		return slices.ContainsFunc(n.Sinks, is) || !a.Credential && slices.ContainsFunc(n.Described, is)
	}
	return true
}

// Require returns a *strictyaml.Faults if something is absent that is needed.
func (c *Config) Require(n Needs) error { return c.settings.ErrAbsent(n.include) }

// Keep removes what is not needed, but for sinks, and may not be whole.
func (c *Config) Keep(n Needs) {
	if !n.Upstream {
		c.Upstream = Upstream{
			Mode: c.Upstream.Mode, Interval: c.Upstream.Interval, Timeout: c.Upstream.Timeout,
			UsageInterval: c.Upstream.UsageInterval,
		}
	}
	if !n.API {
		c.API.FrontendTokens, c.API.BackendTokens, c.API.WebhookSecret = nil, nil, API{}.WebhookSecret
	}
	if !n.Notify {
		c.Notify, c.Healthcheck = nil, Healthcheck{}
	}
}
