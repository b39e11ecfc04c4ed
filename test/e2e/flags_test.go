package e2e_test

import (
	"maps"
	"net/http"
	"strconv"
	"testing"

	"github.com/flagcast/flagcast/test/rig"
)

// populate creates flags through the admin API: every strategy that Unleash
// still creates, a constraint of every operator, a segment, variants, dependencies.
// Variants of a flag itself can no longer be made, only those of a strategy.
func populate(t *testing.T, u *rig.Unleash) {
	t.Helper()
	segment := u.CreateSegment(t, "nordic", constraint("country", "IN", "no", "se"))

	u.FlagWith(t, "new-feature", rollout("new-feature", 100))
	u.FlagWith(t, "canary", rollout("canary", 50))
	u.FlagWith(t, "nobody", rollout("nobody", 0))
	u.FlagWith(t, "impression", rollout("impression", 100))
	u.FlagWith(t, "users", rig.Object{
		"name": "flexibleRollout", "parameters": rolloutParameters("users", 100),
		"constraints": list(constraint("userId", "IN", "user-7", "user-9")),
	})
	u.FlagWith(t, "by-address", rig.Object{
		"name": "remoteAddress", "parameters": rig.Object{"IPs": "10.1.0.0/16, 192.0.2.7"},
	})
	u.FlagWith(t, "segmented", rig.Object{"name": "default", "segments": list(segment)})
	u.FlagWith(t, "one-of-two", rig.Object{"name": "default", "constraints": list(constraint("plan", "IN", "gold"))},
		rollout("one-of-two", 30))
	operators := map[string]rig.Object{
		"not-in":      constraint("country", "NOT_IN", "no"),
		"starts":      constraint("email", "STR_STARTS_WITH", "ann@"),
		"ends":        constraint("email", "STR_ENDS_WITH", "@example.com"),
		"contains":    constraint("email", "STR_CONTAINS", "EXAMPLE"),
		"num-eq":      valued("age", "NUM_EQ", "30"),
		"num-gt":      valued("age", "NUM_GT", "29.5"),
		"num-lte":     valued("age", "NUM_LTE", "30"),
		"semver-gt":   valued("version", "SEMVER_GT", "1.2.3-rc.1"),
		"semver-eq":   valued("version", "SEMVER_EQ", "1.2.3"),
		"date-after":  valued("currentTime", "DATE_AFTER", "2020-01-01T00:00:00.000Z"),
		"date-before": valued("currentTime", "DATE_BEFORE", "2020-01-01T00:00:00.000Z"),
	}
	operators["contains"]["caseInsensitive"] = true
	for name, c := range operators {
		u.FlagWith(t, name, rig.Object{"name": "default", "constraints": list(c)})
		inverted := maps.Clone(c)
		inverted["inverted"] = true
		u.FlagWith(t, name+"-inverted", rig.Object{"name": "default", "constraints": list(inverted)})
	}
	u.FlagWith(t, "strategy-variants", rig.Object{
		"name": "flexibleRollout", "parameters": rolloutParameters("strategy-variants", 100),
		"variants": list(
			rig.Object{
				"name": "red", "weight": 300,
				"weightType": "variable", "stickiness": "default", "payload": rig.Object{
					"type":  "string",
					"value": "#d00",
				},
			},
			rig.Object{
				"name": "blue", "weight": 700,
				"weightType": "variable", "stickiness": "default", "payload": rig.Object{
					"type":  "json",
					"value": `{"größe":1}`,
				},
			},
		),
	})
	for child, on := range map[string]rig.Object{
		"child":                {"feature": "canary", "enabled": true},
		"child-of-variant":     {"feature": "strategy-variants", "enabled": true, "variants": list("blue")},
		"child-of-not-enabled": {"feature": "canary", "enabled": false},
	} {
		u.FlagWith(t, child, rollout(child, 100))
		u.Do(t, http.MethodPost, "/projects/default/features/"+child+"/dependencies", on)
	}
	u.CreateFlag(t, "off")
}

// list is a JSON list, an empty one too.
func list(items ...any) []any { return append([]any{}, items...) }

func constraint(field, operator string, values ...string) rig.Object {
	return rig.Object{
		"contextName": field, "operator": operator, "values": values, "inverted": false, "caseInsensitive": false,
	}
}

func valued(field, operator, value string) rig.Object {
	return rig.Object{
		"contextName": field, "operator": operator, "value": value, "values": list(), "inverted": false,
		"caseInsensitive": false,
	}
}

func rolloutParameters(group string, percent int) rig.Object {
	return rig.Object{"rollout": strconv.Itoa(percent), "stickiness": "default", "groupId": group}
}

func rollout(group string, percent int) rig.Object {
	return rig.Object{"name": "flexibleRollout", "parameters": rolloutParameters(group, percent)}
}
