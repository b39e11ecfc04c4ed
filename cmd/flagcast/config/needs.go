package config

import "slices"

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

// part is a part of a configuration that not every command uses; "" is the rest.
type part string

const (
	partUpstream part = "upstream"
	partAPI      part = "api"
	partNotify   part = "notify"
)

func sinkPart(name string) part { return part("sink " + name) }

// partOf returns the part of a key of the document.
func partOf(key string) part {
	switch key {
	case "upstream":
		return partUpstream
	case "api":
		return partAPI
	case "notify", "healthcheck":
		return partNotify
	}
	return ""
}

// absent is a fault for those who use a part: a variable that is not set, a
// file that cannot be read, a credential that is not given.
type absent struct {
	Fault // without its place
	place place
	part  part
	// credential: it is one, and no other setting.
	credential bool
}

// include reports whether what is absent is needed.
func (n Needs) include(a absent) bool {
	switch a.part {
	case partUpstream:
		return n.Upstream
	case partAPI:
		return n.API || !a.credential
	case partNotify:
		return n.Notify
	}
	is := func(name string) bool { return sinkPart(name) == a.part }
	return a.part == "" || slices.ContainsFunc(n.Sinks, is) || !a.credential && slices.ContainsFunc(n.Described, is)
}

// Require returns a *Faults if something is absent that is needed.
func (c *Config) Require(n Needs) error {
	var faults collector
	for _, a := range c.absent {
		if n.include(a) {
			faults.add(a.place, a.Message, a.Hint)
		}
	}
	return faults.err(c.src)
}

// Keep removes what is not needed, but for sinks, and may not be whole.
func (c *Config) Keep(n Needs) {
	if !n.Upstream {
		c.Upstream = Upstream{Interval: c.Upstream.Interval, Timeout: c.Upstream.Timeout, UsageInterval: c.Upstream.UsageInterval}
	}
	if !n.API {
		c.API.FrontendTokens, c.API.BackendTokens, c.API.WebhookSecret = nil, nil, API{}.WebhookSecret
	}
	if !n.Notify {
		c.Notify, c.Healthcheck = nil, Healthcheck{}
	}
}

// missing reports what a node names and what is not there; n is bad from then
// on.
func (d *decoder) missing(n *node, message, hint string, credential bool) {
	n.bad = true
	a := absent{Fault{Message: message, Hint: hint}, d.src.place(n.line, n.column), d.part, credential}
	n.absent = append(n.absent, a)
	d.note(a)
}

// again reports what a node lacks that was decoded before: YAML's anchors give
// one node to several parts.
func (d *decoder) again(n *node) {
	for _, a := range n.absent {
		a.part = d.part
		d.note(a)
	}
}

func (d *decoder) note(a absent) {
	if !slices.Contains(d.absent, a) {
		d.absent = append(d.absent, a)
	}
}

// lacks reports a setting that is not there, and that those need who use a part.
func (d *decoder) lacks(p part, owner any, key, message, hint string) {
	d.note(absent{Fault{Message: message, Hint: hint}, d.at(owner, key), p, true})
}
