package flagdiff_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// What a rules snapshot would change, in terms of flags, is read from what is
// stored alone.
func TestDiffStoredRules(t *testing.T) {
	rules := snapshot.Spec{Format: snapshot.Rules1}
	static := rules
	static.Static = eval.Context{Fields: map[string]string{"country": "cn"}}
	selected := rules
	selected.Flags = []string{"canary", "all"}
	selectedWithParent := rules
	selectedWithParent.Flags = []string{"on"}
	child := rules
	child.Flags = []string{"child"}
	for _, tc := range []struct {
		name     string
		before   snapshot.Spec
		old, new string // replaced in the document
		after    snapshot.Spec
		want     string
	}{
		{"nothing", rules, "", "", rules, ""},
		{"what does not count", rules, `{"x":1}`, `{"x":2}`, rules, ""},
		{"rollout", rules, `"rollout":"10"`, `"rollout":"25"`, rules, "~ canary 10 % -> 25 %"},
		{"group", rules, `"groupId":"canary"`, `"groupId":"g"`, rules, "~ canary group canary -> g"},
		{
			"switched off", rules, `"name":"on","enabled":true`, `"name":"on","enabled":false`, rules,
			"!! child on -> OFF for everyone\n!! on on -> OFF for everyone",
		},
		{"weights", rules, `"red","weight":500`, `"red","weight":1500`, rules, "~ all red:blue 50:50 -> 75:25"},
		{"payload", rules, `"value":"r"`, `"value":"s"`, rules, "~ all payload of red changed"},
		{"values", rules, `["cn"]`, `["cn","sg"]`, rules, "~ local country IN cn -> cn, sg"},
		{"operator", rules, `"operator":"IN"`, `"operator":"NOT_IN"`, rules, "~ local country IN cn -> NOT_IN cn"},
		{
			"impressions", rules, `"impressionData":true`, `"impressionData":false`, rules,
			"~ on impression data on -> off",
		},
		{
			"parent", rules, `[{"feature":"on"}]`, `[{"feature":"on","enabled":false}]`, rules,
			"!! child on -> OFF for everyone",
		},
		{"renamed", rules, `"name":"off"`, `"name":"gone"`, rules, "+ gone off\n- off"},
		{"another static context", rules, "", "", static, "~ local on if country IN cn -> on for everyone"},
		{
			"a parent that is published no more", rules, "", "", child,
			"!! all removed while it was on\n!! canary removed while it was on for some\n!! local removed while it " +
				"was on for some\n- off\n!! on removed while it was on",
		},
		{"a parent that is published", child, "", "", selectedWithParent, "!! child removed while it was on\n+ on on"},
		{
			"fewer flags", rules, "", "", selected,
			"!! child removed while it was on\n!! local removed while it was on for some\n- off\n!! on removed while " +
				"it was on",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old, next := encode(t, document, tc.before),
				encode(t, strings.Replace(document, tc.old, tc.new, 1), tc.after)
			var lines []string
			for _, c := range flagdiff.Stored(&next, old.Seal(1, now)) {
				lines = append(lines, c.String())
			}
			if diff := cmp.Diff(tc.want, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	s := encode(t, document, rules)
	for what, stored := range map[string][]byte{"nothing": nil, "another format": nil, "HTML": []byte("<html>")} {
		if what == "another format" {
			evaluated := encode(t, document, snapshot.Spec{})
			stored = evaluated.Seal(1, now)
		}
		if n := len(flagdiff.Stored(&s, stored)); n != 6 {
			t.Errorf("over %s: %d changes, want all 6 flags", what, n)
		}
	}
}
