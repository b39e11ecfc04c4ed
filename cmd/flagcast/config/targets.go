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
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/internal/suggest"
)

func (k *checker) checkTargets(c *Config, served environments) {
	named, keys := map[string]*Target{}, map[[2]string]*Target{}
	for i := range c.Targets {
		t := &c.Targets[i]
		if !k.Decoded(t) {
			continue // not even a mapping
		}
		where := fmt.Sprintf("target %d", i+1)
		if t.Name != "" {
			where = "target " + strictyaml.Quoted(t.Name)
			if first := named[t.Name]; first != nil {
				k.Wrong(t, "name", fmt.Sprintf("two targets are named %s", strictyaml.Quoted(t.Name)),
					"the first is at "+k.At(first, "name").String())
			} else {
				named[t.Name] = t
			}
		}
		k.checkTarget(c, t, where, served)
		if t.Sink == "" || !k.checkMatrix(t, where) {
			continue
		}
		for _, c := range t.Combinations() {
			place := [2]string{t.Sink, string(c.Key)}
			if first := keys[place]; first != nil {
				k.Wrong(t, "key",
					fmt.Sprintf("targets %s and %s write the same key of sink %s", strictyaml.Quoted(first.Name),
						strictyaml.Quoted(t.Name), strictyaml.Quoted(t.Sink)),
					fmt.Sprintf("the key of %s is at %s; each target needs a key of its own",
						strictyaml.Quoted(first.Name), k.At(first, "key")))
				break
			}
			keys[place] = t
		}
	}
}

func (k *checker) checkTarget(c *Config, t *Target, where string, served environments) {
	if _, ok := c.Sinks[t.Sink]; t.Sink != "" && !ok && k.Sound(c, "sinks") {
		names := slices.Sorted(maps.Keys(c.Sinks))
		hint := strictyaml.HintFor(t.Sink, names)
		if len(names) == 0 {
			hint = `add it under "sinks:"`
		}
		k.Wrong(t, "sink", fmt.Sprintf("sink %s%s does not exist", k.Written(t, "sink", t.Sink), strictyaml.In(where)),
			hint)
	}
	if t.Environment != "" && served != nil && !slices.Contains(served, t.Environment) {
		k.Wrong(t, "environment",
			fmt.Sprintf("upstream does not serve the environment %s%s",
				k.Written(t, "environment", string(t.Environment)), strictyaml.In(where)), served.hint())
	}
	if t.Snapshot != "" && !slices.Contains(snapshot.Formats(), t.Snapshot) {
		message, hint := formatProblem(string(t.Snapshot))
		k.Wrong(t, "format",
			fmt.Sprintf("format %s%s %s", k.Written(t, "format", string(t.Snapshot)), strictyaml.In(where), message),
			hint)
	}
	k.checkIdentifiers(t, where)
	k.checkDelivery(c, t, where)
	for i, glob := range t.Flags {
		if _, err := path.Match(glob, ""); err != nil && k.Sound(t, "flags") {
			k.Wrong(t, "flags", fmt.Sprintf("item %d of %q%s is not a pattern", i+1, "flags", strictyaml.In(where)),
				globHint)
		}
	}
}

// checkIdentifiers refuses settings that would do nothing: who gives them
// relies on them.
func (k *checker) checkIdentifiers(t *Target, where string) {
	if t.Snapshot != snapshot.Rules1 {
		hint := "evaluated/1 holds no ids"
		if t.Snapshot == snapshot.Definitions1 {
			hint = "definitions/1 holds all rules as Unleash has them, with the ids in them; publish rules/1 to keep " +
				"them back"
		}
		for _, key := range []string{"identifiers", "identifier_fields", "identifier_salt"} {
			if k.Given(t, key) && slices.Contains(snapshot.Formats(), t.Snapshot) {
				k.Wrong(t, key, fmt.Sprintf("%q%s is only for rules/1", key, strictyaml.In(where)), hint)
			}
		}
		return
	}
	switch hash := t.Identifiers == rules.IdentifiersHash; {
	case hash && t.IdentifierSalt == "" && k.Sound(t, "identifier_salt"):
		k.Wrong(t, "identifiers", fmt.Sprintf(`"identifiers: hash"%s needs "identifier_salt"`, strictyaml.In(where)),
			"any text of your own; it makes digests of yours differ from those of others")
	case !hash && k.Given(t, "identifier_salt") && k.Sound(t, "identifiers"):
		k.Wrong(t, "identifier_salt",
			fmt.Sprintf(`"identifier_salt"%s is only for "identifiers: hash"`, strictyaml.In(where)), "")
	}
	if t.Identifiers != rules.IdentifiersAllow && len(t.IdentifierFields) == 0 && k.Sound(t, "identifier_fields") {
		k.Wrong(t, "identifier_fields",
			fmt.Sprintf(`"identifier_fields"%s is empty: there is nothing to %s`, strictyaml.In(where), t.Identifiers),
			"leave it out for userId, sessionId and remoteAddress")
	}
}

// checkDelivery checks history and probes.
func (k *checker) checkDelivery(c *Config, t *Target, where string) {
	if h := t.History; h != nil {
		if _, ok := c.Sinks[h.Sink]; h.Sink != "" && !ok && k.Sound(c, "sinks") {
			k.Wrong(h, "sink", fmt.Sprintf("sink %s of \"history\"%s does not exist", strictyaml.Quoted(h.Sink),
				strictyaml.In(where)), strictyaml.HintFor(h.Sink, slices.Sorted(maps.Keys(c.Sinks))))
		}
	}
	for i, probe := range t.Probe {
		u, err := url.Parse(placeholder.ReplaceAllString(probe, "x"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			k.Wrong(t, "worker_status",
				fmt.Sprintf("item %d of \"worker_status\"%s is not an address", i+1, strictyaml.In(where)),
				"it is that of a worker's status, such as https://www.example.com/flagcast/status")
		}
	}
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
	if word := suggest.Closest(format, known); word != "" {
		return "is not known", strictyaml.HintFor(format, known)
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
