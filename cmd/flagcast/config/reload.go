package config

import (
	"reflect"
	"slices"

	"github.com/flagcast/flagcast/edgecore"
)

// Fixed are the parts of a configuration that a running process does not change: they
// need a restart.
type Fixed struct {
	upstream Upstream
	state    State
	api      API
	log      Log
}

// Fixed returns a copy of these parts, as they were loaded.
func (c *Config) Fixed() Fixed {
	f := Fixed{upstream: c.Upstream, state: c.State, api: c.API, log: c.Log}
	f.upstream.Tokens = slices.Clone(c.Upstream.Tokens)
	f.api.FrontendTokens, f.api.BackendTokens = slices.Clone(c.API.FrontendTokens), slices.Clone(c.API.BackendTokens)
	return f
}

// sameButTokens reports whether two configurations have as many tokens of upstream, in the
// same order for the same environments and projects, of which some are other ones.
func (f Fixed) sameButTokens(other Fixed) bool {
	return slices.EqualFunc(f.upstream.Tokens, other.upstream.Tokens, func(a, b edgecore.Token) bool {
		return a.Environment == b.Environment && a.Project == b.Project && a.Other == b.Other
	})
}

// Differences lists the parts that differ, by their keys in the file.
//
// Tokens of upstream that were replaced by others for the same environments and projects
// are none: see App's reloads.
func (f Fixed) Differences(other Fixed) (keys []string) {
	if f.sameButTokens(other) {
		f.upstream.Tokens = other.upstream.Tokens
	}
	for _, part := range []struct {
		key         string
		before, now any
	}{
		{"upstream", f.upstream, other.upstream},
		{"state", f.state, other.state},
		{"api", f.api, other.api},
		{"log", f.log, other.log},
	} {
		if !reflect.DeepEqual(part.before, part.now) {
			keys = append(keys, part.key)
		}
	}
	return keys
}

// WithFixed returns a configuration with its own sinks, targets and notifications, and
// with those parts of other that need a restart. Tokens of upstream are its own, where
// they are for the same environments and projects as those of loaded, which other was
// loaded with.
func (c *Config) WithFixed(other *Config, loaded Fixed) *Config {
	merged := *c
	tokens := c.Upstream.Tokens
	merged.Upstream, merged.State, merged.API, merged.Log = other.Upstream, other.State, other.API, other.Log
	if c.Fixed().sameButTokens(loaded) {
		merged.Upstream.Tokens = tokens
	}
	return &merged
}

// TargetChanges are the names of targets that two configurations do not have in common.
type TargetChanges struct{ Added, Removed, Changed []string }

// CompareTargets compares targets by their names. One whose sink has other settings has
// changed, too.
func CompareTargets(before, now *Config) TargetChanges {
	var changes TargetChanges
	named := func(c *Config, name string) *Target {
		i := slices.IndexFunc(c.Targets, func(t Target) bool { return t.Name == name })
		if i < 0 {
			return nil
		}
		return &c.Targets[i]
	}
	for _, t := range before.Targets {
		other := named(now, t.Name)
		switch {
		case other == nil:
			changes.Removed = append(changes.Removed, t.Name)
		case !reflect.DeepEqual(t, *other) || !reflect.DeepEqual(before.Sinks[t.Sink], now.Sinks[other.Sink]):
			changes.Changed = append(changes.Changed, t.Name)
		}
	}
	for _, t := range now.Targets {
		if named(before, t.Name) == nil {
			changes.Added = append(changes.Added, t.Name)
		}
	}
	return changes
}
