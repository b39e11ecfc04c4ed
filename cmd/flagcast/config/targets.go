package config

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

func (d *decoder) checkTargets(c *Config, served environments) {
	named, keys := map[string]*Target{}, map[[2]string]*Target{}
	for i := range c.Targets {
		t := &c.Targets[i]
		if d.nodes[t] == nil {
			continue // not even a mapping
		}
		where := fmt.Sprintf("target %d", i+1)
		if t.Name != "" {
			where = "target " + quoted(t.Name)
			if first := named[t.Name]; first != nil {
				d.wrong(t, "name", fmt.Sprintf("two targets are named %s", quoted(t.Name)), "the first is at "+d.seat(first, "name"))
			} else {
				named[t.Name] = t
			}
		}
		d.checkTarget(c, t, where, served)
		if t.Sink == "" || !d.checkMatrix(t, where) {
			continue
		}
		for _, c := range t.Combinations() {
			place := [2]string{t.Sink, string(c.Key)}
			if first := keys[place]; first != nil {
				d.wrong(t, "key", fmt.Sprintf("targets %s and %s write the same key of sink %s", quoted(first.Name), quoted(t.Name), quoted(t.Sink)),
					fmt.Sprintf("the key of %s is at %s; each target needs a key of its own", quoted(first.Name), d.seat(first, "key")))
				break
			}
			keys[place] = t
		}
	}
}

// seat names the place of a setting inside the file.
func (d *decoder) seat(t *Target, key string) string {
	p := d.at(t, key)
	return fmt.Sprintf("line %d, column %d", p.line, p.column)
}

func (d *decoder) checkTarget(c *Config, t *Target, where string, served environments) {
	if _, ok := c.Sinks[t.Sink]; t.Sink != "" && !ok && d.sound(c, "sinks") {
		names := slices.Sorted(maps.Keys(c.Sinks))
		hint := hintFor(t.Sink, names)
		if len(names) == 0 {
			hint = `add it under "sinks:"`
		}
		d.wrong(t, "sink", fmt.Sprintf("sink %s%s does not exist", d.asWritten(t, "sink", t.Sink), in(where)), hint)
	}
	if t.Environment != "" && served != nil && !slices.Contains(served, t.Environment) {
		d.wrong(t, "environment", fmt.Sprintf("upstream does not serve the environment %s%s", d.asWritten(t, "environment", string(t.Environment)), in(where)), served.hint())
	}
	if t.Snapshot != "" && !slices.Contains(snapshot.Formats(), t.Snapshot) {
		message, hint := formatProblem(string(t.Snapshot))
		d.wrong(t, "format", fmt.Sprintf("format %s%s %s", d.asWritten(t, "format", string(t.Snapshot)), in(where), message), hint)
	}
	d.checkIdentifiers(t, where)
	d.checkDelivery(c, t, where)
	for i, glob := range t.Flags {
		if _, err := path.Match(glob, ""); err != nil && d.sound(t, "flags") {
			d.wrong(t, "flags", fmt.Sprintf("item %d of %q%s is not a pattern", i+1, "flags", in(where)), globHint)
		}
	}
}

// checkIdentifiers refuses settings that would do nothing: who gives them
// relies on them.
func (d *decoder) checkIdentifiers(t *Target, where string) {
	if t.Snapshot != snapshot.Rules1 {
		hint := "evaluated/1 holds no ids"
		if t.Snapshot == snapshot.Definitions1 {
			hint = "definitions/1 holds all rules as Unleash has them, with the ids in them; publish rules/1 to keep them back"
		}
		for _, key := range []string{"identifiers", "identifier_fields", "identifier_salt"} {
			if d.given(t, key) && slices.Contains(snapshot.Formats(), t.Snapshot) {
				d.wrong(t, key, fmt.Sprintf("%q%s is only for rules/1", key, in(where)), hint)
			}
		}
		return
	}
	switch hash := t.Identifiers == rules.IdentifiersHash; {
	case hash && t.IdentifierSalt == "" && d.sound(t, "identifier_salt"):
		d.wrong(t, "identifiers", fmt.Sprintf(`"identifiers: hash"%s needs "identifier_salt"`, in(where)), "any text of your own; it makes digests of yours differ from those of others")
	case !hash && d.given(t, "identifier_salt") && d.sound(t, "identifiers"):
		d.wrong(t, "identifier_salt", fmt.Sprintf(`"identifier_salt"%s is only for "identifiers: hash"`, in(where)), "")
	}
	if t.Identifiers != rules.IdentifiersAllow && len(t.IdentifierFields) == 0 && d.sound(t, "identifier_fields") {
		d.wrong(t, "identifier_fields", fmt.Sprintf(`"identifier_fields"%s is empty: there is nothing to %s`, in(where), t.Identifiers), "leave it out for userId, sessionId and remoteAddress")
	}
}

// checkDelivery checks history and probes.
func (d *decoder) checkDelivery(c *Config, t *Target, where string) {
	if h := t.History; h != nil {
		if _, ok := c.Sinks[h.Sink]; h.Sink != "" && !ok && d.sound(c, "sinks") {
			d.wrong(h, "sink", fmt.Sprintf("sink %s of \"history\"%s does not exist", quoted(h.Sink), in(where)), hintFor(h.Sink, slices.Sorted(maps.Keys(c.Sinks))))
		}
	}
	for i, probe := range t.Probe {
		u, err := url.Parse(placeholder.ReplaceAllString(probe, "x"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			d.wrong(t, "worker_status", fmt.Sprintf("item %d of \"worker_status\"%s is not an address", i+1, in(where)), "it is that of a worker's status, such as https://www.example.com/flagcast/status")
		}
	}
}

// asWritten quotes a setting as the file has it.
func (d *decoder) asWritten(owner any, key, value string) string {
	if e := d.nodes[owner].get(key); e != nil {
		value = e.value.text
	}
	return quoted(value)
}

func formatProblem(format string) (message, hint string) {
	known := formatNames()
	name, _, versioned := strings.Cut(format, "/")
	for _, f := range known {
		if n, _, _ := strings.Cut(f, "/"); n == name {
			if !versioned {
				return "has no version", "write it with its version: " + f
			}
			return "is of a version that this flagcast does not write", "it writes " + strings.Join(known, ", ")
		}
	}
	if word := closest(format, known); word != "" {
		return "is not known", hintFor(format, known)
	}
	return "is not known", "formats: " + strings.Join(known, ", ")
}

func formatNames() []string {
	var names []string
	for _, f := range snapshot.Formats() {
		names = append(names, string(f))
	}
	return names
}
