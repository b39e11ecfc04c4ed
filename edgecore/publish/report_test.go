package publish_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// manyFlags is a document of flags of which the first are on, with a text in each.
func manyFlags(flags, on int, text string) string {
	var features []string
	for i := range flags {
		features = append(features, fmt.Sprintf(`{"name":"f%03d",%s"enabled":%v,"strategies":[]}`, i, text, i < on))
	}
	return `{"features":[` + strings.Join(features, ",") + `]}`
}

// infos returns what is logged at the level of information from a position on.
func (w *world) infos(from int) (lines []string) {
	for line := range strings.Lines(w.log.String()[from:]) {
		if strings.Contains(line, "level=INFO") {
			lines = append(lines, line)
		}
	}
	return lines
}

// A pass over many flags is one record, which lists at most twenty lines, those
// for a second look first. Flags that are written in another way, with the same meaning,
// are not record, or one line where the target gets them.
func TestManyChangesAreOneRecord(t *testing.T) {
	const described = `"description":"other",`
	const same = `change="~ 500 flags changed, with no effect on evaluation" sink=s`
	for format, other := range map[snapshot.Format][]string{snapshot.Rules1: nil, snapshot.Definitions1: {same}} {
		t.Run(string(format), func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.target.Schedule = nil
				w.target.Outputs[0].Spec.Format = format
				defer w.run(t)()
				for _, step := range []struct {
					document string
					records  []string // parts of each
					lines    int      // that end in a change
				}{
					{manyFlags(500, 300, ""), []string{
						`msg=published target=t sink=s revision=0 took=100ms changed=500 changes="[+ f000 `,
					}, 19},
					{manyFlags(500, 299, ""), []string{
						`msg=published target=t change="!! f299 on -> OFF for everyone" sink=s `,
					}, 1},
					{manyFlags(501, 298, ""), []string{`changes="[!! f298 on -> OFF for everyone + f500 off]`}, 2},
					{manyFlags(500, 400, ""), []string{`changed=103 changes="[~ f298 off -> on `}, 19},
					{manyFlags(500, 400, " "), nil, 0},
					{manyFlags(500, 400, described), other, 0},
				} {
					before := len(w.log.String())
					w.put(t, step.document)
					after(time.Minute)
					records := w.infos(before)
					if len(records) != len(step.records) {
						t.Fatalf("%d records, want %q: %q", len(records), step.records, records)
					}
					for i, part := range step.records {
						if !strings.Contains(records[i], part) {
							t.Errorf("%q, want %q", records[i], part)
						}
						if n := len(regexp.MustCompile(` f\d+ `).FindAllString(records[i], -1)); n != step.lines {
							t.Errorf("%d lines, want %d: %s", n, step.lines, records[i])
						}
					}
				}
			})
		})
	}
}

// Of what a target cannot hold twenty are logged at once, and how many more.
func TestManyProblemsOfATarget(t *testing.T) {
	const pattern = "^[a-z]{1,999}-[a-z]{1,999}-[a-z]{1,999}-[a-z]{1,999}-[a-z]{1,999}-[a-z]{1,999}-"
	var features []string
	for i := range 25 {
		features = append(features,
			fmt.Sprintf(`{"name":"f%02d","enabled":true,"strategies":[{"name":"default","constraints":[`+
				`{"contextName":"x","operator":"REGEX","value":%q}]}]}`, i, pattern))
	}
	within(t, func(t *testing.T, w *world) {
		w.target.Schedule = nil
		w.target.Outputs[0].Spec.Format = snapshot.Rules1
		defer w.run(t)()
		w.put(t, `{"features":[`+strings.Join(features, ",")+`]}`)
		after(time.Minute)
		if n := strings.Count(w.log.String(), "a rules snapshot holds"); n != 20 ||
			!strings.Contains(w.log.String(),
				"more problems of flags are not logged; repair those that are first\" target=t problems=5") {
			t.Errorf("%d problems are logged:\n%s", n, w.log)
		}
	})
}
