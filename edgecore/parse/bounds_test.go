package parse_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/need"
)

// many is a document of 1 MB and more with one flag that has n times a member.
func many(n int, member string) []byte {
	return []byte(`{"features":[{"name":"x","enabled":true,"strategies":[],` +
		strings.TrimSuffix(strings.Repeat(member+",", n), ",") + `}]}`)
}

func TestProblemsAreBounded(t *testing.T) {
	const n = 100_000
	doc := many(n, `"type":"a"`)
	d, err := parse.Definitions(doc, "e")
	if err != nil {
		t.Fatal(err)
	}
	last := d.Problems[len(d.Problems)-1]
	if len(d.Problems) != edgecore.MaxProblems+1 ||
		last.String() != fmt.Sprintf("document: %d more problems are not listed; repair those that are first",
			n-1-edgecore.MaxProblems) {
		t.Errorf("%d problems, the last is %q", len(d.Problems), last)
	}
	if d.Problems[0].Feature != "x" || len(d.Features) != 1 {
		t.Errorf("%+v", d.Problems[0])
	}
	// What had a problem that is not listed is read again.
	next, err := parse.Next(t.Context(), doc, "e", d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Problems, next.Problems); diff != "" {
		t.Errorf("(-Parse +ParseNext)\n%s", diff)
	}
}

// A problem is a line, however long what it names is.
func TestProblemsAreShort(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	p := edgecore.Problem{Feature: long, Where: long, What: long}
	if text := p.String(); len(text) > 1200 || !strings.Contains(text, "é…") || strings.Contains(text, "\ufffd") {
		t.Errorf("%d bytes: %.300s", len(text), text)
	}
}

func TestMembersBeyondAFew(t *testing.T) {
	parameters := `"rollout":"1"`
	for i := range 40 {
		parameters += fmt.Sprintf(`,"p%d":"%d"`, i, i)
	}
	d, err := parse.Definitions(
		[]byte(`{"features":[{"name":"x","enabled":true,"strategies":[{"name":"default","parameters":{`+parameters+
			`,"p3":"last","rollout":"2"}}]}]}`), "e")
	if err != nil {
		t.Fatal(err)
	}
	got := d.Features[0].Strategies[0].Parameters
	if len(got) != 41 || got["p3"] != "last" || got["rollout"] != "2" || got["p39"] != "39" {
		t.Errorf("%v", got)
	}
	want := []string{
		`flag "x": features[0].strategies[0].parameters.p3: is given twice; the last one counts`,
		`flag "x": features[0].strategies[0].parameters.rollout: is given twice; the last one counts`,
	}
	var problems []string
	for _, p := range d.Problems {
		problems = append(problems, p.String())
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
}

// ending is a context that ends when it has been asked some times.
type ending struct {
	context.Context
	left, after atomic.Int64
}

func (c *ending) Err() error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	c.after.Add(1)
	return context.Canceled
}

// What is read ends soon after its context, wherever it is.
func TestParseNextEndsWithItsContext(t *testing.T) {
	flags := strings.Repeat(`{"name":"a","enabled":true,"strategies":[{"name":"default","segments":[1,2,3]}]},`, 20_000)
	for name, doc := range map[string]string{
		"flags": `{"features":[` + strings.TrimSuffix(flags, ",") + `]}`,
		"parameters": `{"features":[` + strategies(`{"name":"default","parameters":{`+numbered(200_000, `"p%d":""`)+
			`}}`) + `]}`,
		"values": `{"features":[` +
			strategies(`{"name":"default","constraints":[{"contextName":"x","operator":"IN","values":[`+
				numbered(200_000, `"%d"`)+`]}]}`) + `]}`,
		"variants": `{"features":[{"name":"x","enabled":true,"strategies":[],"variants":[` +
			numbered(100_000, `{"name":"v%d"}`) + `]}]}`,
		"segments": `{"features":[],"segments":[` + numbered(100_000, `{"id":%d}`) + `]}`,
		"others":   `{"features":[],` + numbered(100_000, `"m%d":[]`) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &ending{Context: t.Context()}
			ctx.left.Store(5)
			used := need.Allocated(func() {
				if d, err := parse.Next(ctx, doc, "e", nil); !errors.Is(err, context.Canceled) || d != nil {
					t.Errorf("%v", err)
				}
			})
			// A list that is long has been given its memory before.
			if most := int64(len(doc))*8 + 1<<20; ctx.after.Load() > 10 || used > most {
				t.Errorf("asked %d times after the end; %d bytes allocated for %d", ctx.after.Load(), used, len(doc))
			}
			last, err := parse.Next(t.Context(), doc, "e", nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx.left.Store(0)
			if d, err := parse.Next(ctx, doc+" ", "e", last); len(last.Features) == 0 &&
				!errors.Is(err, context.Canceled) {
				t.Errorf("after the end: %v, %v", d, err)
			}
		})
	}
}

func strategies(list string) string {
	return `{"name":"x","enabled":true,"strategies":[` + list + `]}`
}

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestMemoryIsAMultipleOfTheBytes: lists of nothing do not take forty times the
// memory that they have bytes. Their flag is left out, and the others stay.
func TestMemoryIsAMultipleOfTheBytes(t *testing.T) {
	const size = 1 << 20
	for name, flag := range map[string]string{
		"strategies":   `{"name":"x","enabled":true,"strategies":[%s]}`,
		"constraints":  strategies(`{"name":"default","constraints":[%s]}`),
		"variants":     `{"name":"x","enabled":true,"strategies":[],"variants":[%s]}`,
		"overrides":    `{"name":"x","enabled":true,"strategies":[],"variants":[{"name":"a","overrides":[%s]}]}`,
		"dependencies": `{"name":"x","enabled":true,"strategies":[],"dependencies":[%s]}`,
		"nested":       strategies(`{"name":"default"}],"variants":[{"overrides":[%s]}`),
	} {
		for _, element := range []string{"0", "{}", "[]", `""`} {
			list := strings.TrimSuffix(strings.Repeat(element+",", size/(len(element)+1)), ",")
			doc := []byte(`{"features":[{"name":"before","enabled":true,"strategies":[]},` + fmt.Sprintf(flag, list) +
				`,{"name":"after","enabled":true,"strategies":[]}]}`)
			var d *edgecore.Definitions
			used := need.Allocated(func() {
				var err error
				if d, err = parse.Definitions(doc, "e"); err != nil {
					t.Fatal(err)
				}
			})
			if used > 8*size {
				t.Errorf("%s of %s: %d bytes allocated for %d", name, element, used, size)
			}
			if len(d.Features) != 2 || d.Features[1].Name != "after" ||
				!strings.Contains(fmt.Sprint(d.Problems), "have fewer than 16 bytes each") {
				t.Errorf("%s of %s: %d flags, %.300v", name, element, len(d.Features), d.Problems)
			}
		}
	}
	// Segments, and what is in the other lists of the document.
	doc := []byte(`{"features":[` + strings.Repeat("0,", size/4) +
		`{"name":"x","enabled":true,"strategies":[]}],"segments":[{"id":1,"constraints":[` +
		strings.Repeat("{},", size/6) + `{}]},{"id":2}]}`)
	used := need.Allocated(func() {
		d, err := parse.Definitions(doc, "e")
		if err != nil || len(d.Segments) != 1 || d.Segments[0].ID != 2 {
			t.Errorf("%+v, %v", d, err)
		}
	})
	if used > 8*size {
		t.Errorf("%d bytes allocated for %d", used, size)
	}
}

// What is as dense as definitions can be is read.
func TestDenseDefinitionsAreRead(t *testing.T) {
	doc := []byte(`{"features":[{"strategies":[` + strings.Repeat(`{"name":"default"},`, 999) +
		`{"name":"default"}],"dependencies":[` + strings.Repeat(`{"feature":"a"},`, 999) +
		`{"feature":"a"}],"variants":[` + numbered(1000, `{"name":"%d"}`) + `],"enabled":true,"name":"x"}]}`)
	d, err := parse.Definitions(doc, "e")
	if err != nil || len(d.Features) != 1 || len(d.Problems) != 0 || len(d.Features[0].Dependencies) != 1000 {
		t.Errorf("%.500v, %v", d.Problems, err)
	}
}
