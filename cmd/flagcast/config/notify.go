package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// Audit says where it is kept what was written, held and pinned.
type Audit struct {
	File string `yaml:"file"` // "": nowhere
}

// Webhook notifies a service of what goes wrong with targets.
type Webhook struct {
	Type    string        `yaml:"type" required:"true" oneof:"slack dingtalk feishu json"`
	URL     secret.Secret `yaml:"url" required:"true"` // it is all that is needed to send
	Secret  secret.Secret `yaml:"secret"`              // signs
	Events  []string      `yaml:"events" oneof:"failed held stale recovered"`
	Targets []string      `yaml:"targets"` // globs of path.Match; none means all
	After   int           `yaml:"after" min:"1"`
}

// Healthcheck is a dead man's switch: an address to call while all is well.
type Healthcheck struct {
	URL      secret.Secret `yaml:"url"` // zero: none
	Interval time.Duration `yaml:"interval" min:"10s"`
}

// SetDefaults implements strictyaml.Defaulter.
func (w *Webhook) SetDefaults() {
	w.Events = []string{"failed", "held", "stale", "recovered"}
	w.After = 3
}

func (k *checker) checkNotify(c *Config) {
	for i := range c.Notify {
		if w := &c.Notify[i]; k.Decoded(w) {
			k.checkWebhook(c, w, fmt.Sprintf("notify %d", i+1))
		}
	}
	h := &c.Healthcheck
	k.checkAddress(h, h.URL, "healthcheck")
	if k.Given(h, "interval") && !k.Given(h, "url") {
		k.Wrong(h, "interval", `"interval" in healthcheck does nothing without "url"`,
			`set "url", or remove healthcheck`)
	}
}

func (k *checker) checkWebhook(c *Config, w *Webhook, where string) {
	k.checkAddress(w, w.URL, where)
	if w.Type == "slack" && k.Given(w, "secret") {
		k.Wrong(w, "secret", `"secret"`+strictyaml.In(where)+" is only for dingtalk, feishu and json",
			"Slack's address is all that it asks for; remove it")
	}
	if k.Given(w, "events") && len(w.Events) == 0 && k.Sound(w, "events") {
		k.Wrong(w, "events", `"events"`+strictyaml.In(where)+" is empty: there is nothing to send",
			"leave it out for all")
	}
	if slices.Equal(w.Events, []string{"recovered"}) {
		k.Wrong(w, "events", `"events"`+strictyaml.In(where)+" has only recovered, which follows on others",
			`add "failed", "held" or "stale"`)
	}
	if !k.Sound(w, "targets") || !k.Sound(c, "targets") {
		return
	}
	for i, glob := range w.Targets {
		matches := func(t Target) bool {
			ok, _ := path.Match(glob, t.Name)
			return ok
		}
		if _, err := path.Match(glob, ""); err != nil {
			k.Wrong(w, "targets", fmt.Sprintf(`item %d of "targets"%s is not a pattern`, i+1, strictyaml.In(where)),
				globHint)
		} else if !slices.ContainsFunc(c.Targets, matches) {
			k.Wrong(w, "targets", fmt.Sprintf(`item %d of "targets"%s matches no target`, i+1, strictyaml.In(where)),
				targetsHint(c.Targets))
		}
	}
}

func targetsHint(targets []Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, strictyaml.Quoted(t.Name))
	}
	if len(names) == 0 {
		return "there are no targets"
	}
	return "targets: " + strings.Join(names, ", ")
}

// checkAddress reports no part of an address, which is a credential.
func (k *checker) checkAddress(owner any, s secret.Secret, where string) {
	if s.IsZero() {
		return
	}
	address, err := url.Parse(s.Reveal())
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "" {
		k.Wrong(owner, "url", `"url"`+strictyaml.In(where)+" is not an address",
			`an address begins with "https://"; copy it from the service as it is`)
	}
}

// globHint says what a pattern is.
const globHint = `patterns have *, ? and [a-z]; "\" before one of these means the character`
