package rig_test

import (
	"testing"

	"github.com/flagcast/flagcast/test/rig"
)

func TestUnleashStarts(t *testing.T) {
	u := rig.StartUnleash(t)
	u.CreateFlag(t, "a")
	id := u.AddStrategy(t, "a", rig.Object{
		"name": "flexibleRollout", "parameters": rig.Object{"rollout": "100", "stickiness": "default", "groupId": "a"},
	})
	u.Switch(t, "a", true)
	if id == "" {
		t.Error("the strategy has no id")
	}
}
