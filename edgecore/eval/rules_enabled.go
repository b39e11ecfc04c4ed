package eval

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// EnabledInRules names the flags that are not off for everybody in what
// EncodeRules has written, without those that are hidden. It reads no more than
// it needs, and accepts some of what DecodeRules refuses.
func EnabledInRules(document []byte) ([]string, error) {
	root := gjson.ParseBytes(document)
	names := strings.Split(root.Get("names").Str, endOfText)
	hidden, on := map[int]bool{}, []string{}
	for _, i := range root.Get("hidden").Array() {
		hidden[int(i.Int())] = true
	}
	flags := root.Get("flags").Array()
	if len(flags) > len(names) {
		return nil, fmt.Errorf("read rules: names: there are %d for %d flags", len(names), len(flags))
	}
	for i, f := range flags {
		if f.Raw != "0" && !hidden[i] {
			on = append(on, names[i])
		}
	}
	return on, nil
}
