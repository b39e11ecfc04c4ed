package plainjson_test

import (
	"math"
	"testing"

	"github.com/flagcast/flagcast/internal/plainjson"
)

func TestMarshal(t *testing.T) {
	text, err := plainjson.Marshal(map[string]any{"b": "<a> & \u2028\n", "a": 1})
	if want := `{"a":1,"b":"<a> & \u2028\n"}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	if text, err := plainjson.Marshal(math.NaN()); err == nil {
		t.Errorf("NaN is %s", text)
	}
	defer func() {
		if recover() == nil {
			t.Error("Must did not panic")
		}
	}()
	plainjson.Must(math.Inf(1))
}
