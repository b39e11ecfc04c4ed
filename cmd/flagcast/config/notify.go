package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
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

func (w *Webhook) setDefaults() {
	w.Events = []string{"failed", "held", "stale", "recovered"}
	w.After = 3
}

func (d *decoder) checkNotify(c *Config) {
	for i := range c.Notify {
		if w := &c.Notify[i]; d.nodes[w] != nil {
			d.checkWebhook(c, w, fmt.Sprintf("notify %d", i+1))
		}
	}
	h := &c.Healthcheck
	d.checkAddress(h, h.URL, "healthcheck")
	if d.given(h, "interval") && !d.given(h, "url") {
		d.wrong(h, "interval", `"interval" in healthcheck does nothing without "url"`, `set "url", or remove healthcheck`)
	}
}

func (d *decoder) checkWebhook(c *Config, w *Webhook, where string) {
	d.checkAddress(w, w.URL, where)
	if w.Type == "slack" && d.given(w, "secret") {
		d.wrong(w, "secret", `"secret"`+in(where)+" is only for dingtalk, feishu and json", "Slack's address is all that it asks for; remove it")
	}
	if d.given(w, "events") && len(w.Events) == 0 && d.sound(w, "events") {
		d.wrong(w, "events", `"events"`+in(where)+" is empty: there is nothing to send", "leave it out for all")
	}
	if slices.Equal(w.Events, []string{"recovered"}) {
		d.wrong(w, "events", `"events"`+in(where)+" has only recovered, which follows on others", `add "failed", "held" or "stale"`)
	}
	if !d.sound(w, "targets") || !d.sound(c, "targets") {
		return
	}
	for i, glob := range w.Targets {
		matches := func(t Target) bool {
			ok, _ := path.Match(glob, t.Name)
			return ok
		}
		if _, err := path.Match(glob, ""); err != nil {
			d.wrong(w, "targets", fmt.Sprintf(`item %d of "targets"%s is not a pattern`, i+1, in(where)), globHint)
		} else if !slices.ContainsFunc(c.Targets, matches) {
			d.wrong(w, "targets", fmt.Sprintf(`item %d of "targets"%s matches no target`, i+1, in(where)), targetsHint(c.Targets))
		}
	}
}

func targetsHint(targets []Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, quoted(t.Name))
	}
	if len(names) == 0 {
		return "there are no targets"
	}
	return "targets: " + strings.Join(names, ", ")
}

// checkAddress reports no part of an address, which is a credential.
func (d *decoder) checkAddress(owner any, s secret.Secret, where string) {
	if s.IsZero() {
		return
	}
	address, err := url.Parse(s.Reveal())
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "" {
		d.wrong(owner, "url", `"url"`+in(where)+" is not an address", `an address begins with "https://"; copy it from the service as it is`)
	}
}

// globHint says what a pattern is.
const globHint = `patterns have *, ? and [a-z]; "\" before one of these means the character`
