package flagdiff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/parse"
)

func TestLinesOfChanges(t *testing.T) {
	const same = "changed, with no effect on evaluation"
	some := func(sign, text string, from, to int) (list []flagdiff.Change) {
		for i := from; i < to; i++ {
			list = append(list, flagdiff.Change{Sign: sign, Flag: fmt.Sprintf("f%03d", i), Text: text})
		}
		return list
	}
	for name, c := range map[string]struct {
		changes []flagdiff.Change
		want    []string
	}{
		"none":                    {nil, nil},
		"one":                     {some("+", "on", 0, 1), []string{"+ f000 on"}},
		"as many as there may be": {some("+", "", 0, 5), []string{"+ f000", "+ f001", "+ f002", "+ f003", "+ f004"}},
		"more": {some("+", "", 0, 6), []string{
			"+ f000", "+ f001", "+ f002", "+ f003", "… and 2 more flags",
		}},
		"second looks first": {
			slices.Concat(some("+", "", 0, 300), some("!!", "on -> OFF for everyone", 300, 302)),
			[]string{
				"!! f300 on -> OFF for everyone", "!! f301 on -> OFF for everyone", "+ f000", "+ f001",
				"… and 298 more flags",
			},
		},
		"one without effect":     {some("~", same, 0, 1), []string{"~ f000 " + same}},
		"several without effect": {some("~", same, 0, 500), []string{"~ 500 flags " + same}},
		"others before no effect": {
			slices.Concat(some("~", same, 0, 2), some("-", "", 2, 3)),
			[]string{"- f002", "~ 2 flags " + same},
		},
		"more, and no effect": {
			slices.Concat(some("~", same, 0, 2), some("-", "", 2, 12)),
			[]string{"- f002", "- f003", "- f004", "… and 7 more flags", "~ 2 flags " + same},
		},
	} {
		before := slices.Clone(c.changes)
		if got := flagdiff.Lines(c.changes, 5); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if !slices.Equal(before, c.changes) {
			t.Errorf("%s: the changes were reordered", name)
		}
	}
}

// Another layout of the same document is one line, whatever the number of flags.
func TestLinesOfAnotherLayout(t *testing.T) {
	var flags []string
	for i := range 40 {
		flags = append(flags, fmt.Sprintf(`{"name":"f%d","enabled":true,"strategies":[]}`, i))
	}
	document := `{"features":[` + strings.Join(flags, ",") + `]}`
	before, err := parse.Definitions([]byte(document), "e")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parse.Definitions([]byte(strings.NewReplacer(`":`, `": `, "},{", "},\n  {").Replace(document)), "e")
	if err != nil {
		t.Fatal(err)
	}
	lines := flagdiff.Lines(flagdiff.Definitions(before, after), 20)
	if len(lines) != 1 || lines[0] != "~ 40 flags changed, with no effect on evaluation" {
		t.Errorf("%q", lines)
	}
}
