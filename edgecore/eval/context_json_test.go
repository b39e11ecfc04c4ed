package eval_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

func TestReadContext(t *testing.T) {
	c, err := eval.ReadContext([]byte(`{"userId":"7","properties":{"userId":"8","plan":"gold","n":null,"list":[1],
		"o":{}},"country":"no",
		"int":5.0,"big":1e21,"small":1e-7,"half":0.5,"huge":1e999,"negative":-0,"yes":true,"plan":null,"__proto__":"p",
			"currentTime":"2026-01-31T13:00:00+01:00"}`))
	want := map[string]string{
		"userId": "7", "plan": "gold", "country": "no", "int": "5", "big": "1e+21", "small": "1e-7", "half": "0.5",
		"huge":     "Infinity",
		"negative": "0", "yes": "true", "__proto__": "p", "currentTime": "2026-01-31T13:00:00+01:00",
	}
	if diff := cmp.Diff(want, c.Fields); err != nil || diff != "" || c.Time.Unix() != 1769860800 {
		t.Errorf("%v, %s: (-want +got)\n%s", err, c.Time, diff)
	}
	for _, bad := range []string{``, `[]`, `7`, `{"a"`} {
		if _, err := eval.ReadContext([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a context", bad)
		}
	}
}

// FuzzReadContext: a context is any JSON object, and is read as encoding/json reads it.
func FuzzReadContext(f *testing.F) {
	f.Add([]byte(`{"userId":"7","properties":{"userId":"8","plan":"gold","n":null},"x":1.5,"yes":true}`))
	f.Add([]byte(`{"a":"\ud800\u0041","\udc00":"\ud83d\ude00","properties":7,"properties":{"b":-0.0},"a":null}`))
	f.Add([]byte(strings.Repeat(`{"properties":`, 16) + "{}" + strings.Repeat("}", 16)))
	f.Add([]byte(strings.Repeat("[", 1<<20)))
	f.Fuzz(func(t *testing.T, document []byte) {
		c, err := eval.ReadContext(document)
		if !need.Valid(document, untrusted.RequestDepth) {
			if err == nil {
				t.Errorf("%.80q is accepted as a context", document)
			}
			return
		}
		var all, properties map[string]any
		if json.Unmarshal(document, &all) != nil || all == nil {
			var numbers map[string]json.RawMessage // some are not a float64
			if json.Unmarshal(document, &numbers) != nil || numbers == nil {
				if err == nil {
					t.Errorf("%s is taken for a context", document)
				}
			}
			return
		}
		properties, _ = all["properties"].(map[string]any)
		want := map[string]string{}
		for _, fields := range []map[string]any{properties, all} {
			for name, value := range fields {
				switch value := value.(type) {
				case string:
					want[name] = value
				case bool:
					want[name] = fmt.Sprint(value)
				case float64:
					if value == math.Trunc(value) && math.Abs(value) < 1e15 {
						want[name] = fmt.Sprint(int64(value))
					} else {
						want[name] = c.Fields[name] // as JavaScript writes it: see the table
					}
				}
			}
		}
		if err != nil || !maps.Equal(want, c.Fields) {
			t.Errorf("%v (-want +got)\n%s", err, cmp.Diff(want, c.Fields))
		}
	})
}
