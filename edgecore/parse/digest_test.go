package parse_test

import (
	"fmt"
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
)

func digestOf(t *testing.T, value string) edgecore.Digest {
	t.Helper()
	d, err := parse.Definitions(fmt.Appendf(nil, `{"features":[{"name":"f","enabled":true,"strategies":[],"x":%s}]}`,
		value), "e")
	if err != nil {
		t.Fatal(err)
	}
	return d.Features[0].Digest
}

func TestDigestIsOfTheMeaning(t *testing.T) {
	for _, same := range [][]string{
		{
			`{"a":1,"b":{"c":[1,2],"d":null}}`, `{ "b" : {"d":null,"c":[1 , 2]},"a":1}`,
			`{"\u0061":1,"b":{"c":[1,2],"d":null}}`,
		},
		{`"é"`, `"\u00e9"`},
		{`"a/b"`, `"a\/b"`},
		{`{}`, `{ }`},
	} {
		for _, other := range same[1:] {
			if digestOf(t, same[0]) != digestOf(t, other) {
				t.Errorf("%s and %s have digests of their own", same[0], other)
			}
		}
	}
	different := []string{
		`null`, `true`, `false`, `1`, `1.0`, `"1"`, `""`, `"null"`, `[]`, `{}`, `[1,2]`, `[2,1]`, `[12]`, `["1","2"]`,
		`["12"]`, `[[1],2]`, `[[1,2]]`, `[[],1]`, `{"a":1}`, `{"a":"1"}`, `{"a":2}`, `{"b":1}`, `{"a":1,"b":2}`,
		`{"a":2,"b":1}`, `{"a":{"b":1}}`, `{"a":{},"b":1}`, `["a",1]`, `{"a":1,"a":2}`, `{"a":2,"a":1}`, `"t1a"`,
		`"a]"`,
	}
	seen := map[edgecore.Digest]string{}
	for _, value := range different {
		digest := digestOf(t, value)
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have one digest", value, other)
		}
		seen[digest] = value
	}
}
