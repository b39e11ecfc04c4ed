package parse_test

import (
	"testing"

	"github.com/flagcast/flagcast/edgecore/parse"
)

func TestReadBootstrap(t *testing.T) {
	body, simple := parse.Bootstrap(
		[]byte(`{"a":{"enabled":true,"variant":"blue \"x\""},"b":{"enabled":false},"c\u0064":{"enabled":true,` +
			`"variant":null}}`))
	d, err := parse.Definitions(body, "e")
	if !simple || err != nil || len(d.Features) != 3 || len(d.Problems) != 0 {
		t.Fatalf("%v %v: %s", simple, err, body)
	}
	a, b, c := d.Features[0], d.Features[1], d.Features[2]
	if a.Name != "a" || !a.Enabled || len(a.Variants) != 1 || a.Variants[0].Name != `blue "x"` ||
		a.Variants[0].Weight != 1000 {
		t.Errorf("%+v", a)
	}
	if b.Name != "b" || b.Enabled || c.Name != "cd" || !c.Enabled || len(c.Variants) != 0 {
		t.Errorf("%+v %+v", b, c)
	}
	for _, doc := range []string{
		``, `{`, `[]`, `{}`, `{"features":[]}`, `{"a":true}`, `{"a":{}}`, `{"a":{"enabled":"yes"}}`,
		`{"a":{"enabled":true},"version":1}`,
	} {
		if body, simple := parse.Bootstrap([]byte(doc)); simple || string(body) != doc {
			t.Errorf("%s is taken for a simple bootstrap: %s", doc, body)
		}
	}
}
