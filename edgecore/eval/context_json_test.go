package eval_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
)

func TestReadContext(t *testing.T) {
	c, err := eval.ReadContext([]byte(`{"userId":"7","properties":{"userId":"8","plan":"gold","n":null,"list":[1],"o":{}},"country":"no",
		"int":5.0,"big":1e21,"small":1e-7,"half":0.5,"huge":1e999,"negative":-0,"yes":true,"plan":null,"__proto__":"p","currentTime":"2026-01-31T13:00:00+01:00"}`))
	want := map[string]string{
		"userId": "7", "plan": "gold", "country": "no", "int": "5", "big": "1e+21", "small": "1e-7", "half": "0.5", "huge": "Infinity",
		"negative": "0", "yes": "true", "__proto__": "p", "currentTime": "2026-01-31T13:00:00+01:00",
	}
	if diff := cmp.Diff(want, c.Fields); err != nil || diff != "" || c.Time.Unix() != 1769860800 {
		t.Errorf("%v, %s: (-want +got)\n%s", err, c.Time, diff)
	}
	for _, bad := range []string{``, `[]`, `7`, `{"a"`, `{"currentTime":"soon"}`} {
		if _, err := eval.ReadContext([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a context", bad)
		}
	}
}
