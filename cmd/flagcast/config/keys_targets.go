package config

import (
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/keydoc"
)

// targetKeys describes the keys of Target.
func targetKeys() keydoc.Keys {
	inRules := &keydoc.Sibling{Key: "format", Values: []any{string(snapshot.Rules1)}}
	decided := &keydoc.Sibling{
		Key: "format", Values: []any{string(snapshot.Evaluated1), string(snapshot.Rules1)},
	}
	return keydoc.Keys{
		"name":        {Meaning: "used in the log, the metrics and the snapshot; unique"},
		"sink":        {Meaning: "a name under `sinks`"},
		"environment": {Meaning: "one that upstream serves"},
		"format":      {Meaning: "`evaluated/1`, `rules/1` or `definitions/1`", Words: formatNames()},
		"context": {
			Meaning: "the static context, for `evaluated/1` and `rules/1`: what every request has; `null` says that " +
				"no request has the field",
		},
		"undecided": {
			Meaning: "`evaluated/1`: flags whose answer needs more than `context`: `off`, `omit` or `evaluate`",
		},
		"include_disabled": {Meaning: "`evaluated/1` lists flags that are off, too"},
		"projects":         {Meaning: "only flags of these projects"},
		"flags": {
			Meaning: "only flags whose name matches one of these patterns, with `*`, `?` and `[a-z]`",
		},
		"identifiers": {
			Meaning: "`rules/1`: what becomes of ids that lists of flags hold: `allow` writes them; `hash` writes " +
				"digests; `refuse` publishes nothing while there are any",
			Only: inRules,
		},
		"identifier_fields": {Meaning: "the context fields that hold ids", Only: inRules},
		"identifier_salt": {
			Meaning:    "for `hash`, and needed there: part of each digest, and of the snapshot",
			Only:       &keydoc.Sibling{Key: "identifiers", Values: []any{string(rules.IdentifiersHash)}},
			RequiredBy: &keydoc.Sibling{Key: "identifiers", Values: []any{string(rules.IdentifiersHash)}},
		},
		"key": {Meaning: "1 to 512 letters, digits, `-` and `_`; the sink `file` takes 250", Pattern: keyPattern},
		"matrix": {
			Meaning: "context fields with their values, such as `{ country: [cn, us], plan: [free, pro] }`: one " +
				"snapshot for each combination, which is added to `context`; up to 1,000",
			NotEmpty: true, Only: decided,
		},
		"schedule": {
			Meaning: "when to read what is stored, compare and repair; without it only at the start and after a " +
				"failure",
			Pattern: schedulePattern,
		},
		"debounce":     {Meaning: "how long a change waits for more changes"},
		"min_interval": {Meaning: "shortest time between two writes; the sink's own counts where it is longer"},
		"heartbeat": {
			Meaning: "how long what is stored may be unchanged before it is written again under a new `publishedAt`, " +
				"so that readers can distinguish quiet from dead",
		},
		"history": {Meaning: "where to keep what the target has published"},
		"history.sink": {
			Meaning: "with `history`: the sink that keeps what was published, for `flagcast history` and " +
				"`flagcast pin --previous`",
		},
		"history.keep": {Meaning: "snapshots that are kept of each key"},
		"worker_status": {
			Meaning: "addresses of worker status endpoints, such as `https://www.example.com/flagcast/status`: asked " +
				"after each write until they show it; `{field}` of a matrix is filled in",
			Pattern: addressPattern,
		},
	}
}
