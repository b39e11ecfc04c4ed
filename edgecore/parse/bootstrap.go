package parse

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// Bootstrap turns a simple bootstrap of Unleash Edge,
// {"name": {"enabled": true, "variant": "blue"}}, into the body of GET
// /api/client/features: a flag is on or off for everybody, with the variant or
// with none. simple is false for any other document, which it returns as it is.
func Bootstrap(doc []byte) (body []byte, simple bool) {
	if untrusted.CheckJSON(doc, untrusted.DocumentDepth) != nil {
		return doc, false
	}
	root := gjson.ParseBytes(doc)
	if !root.IsObject() || root.Get("features").Exists() {
		return doc, false
	}
	var out strings.Builder
	out.WriteString(`{"version":2,"features":[`)
	simple = true
	n := 0
	root.ForEach(func(name, flag gjson.Result) bool {
		enabled, variant := flag.Get("enabled"), flag.Get("variant")
		if simple = flag.IsObject() && enabled.IsBool(); !simple {
			return false
		}
		if n++; n > 1 {
			out.WriteByte(',')
		}
		out.WriteString(`{"name":` + name.Raw + `,"enabled":` + enabled.Raw + `,"strategies":[]`)
		if variant.Type == gjson.String {
			text, _ := json.Marshal(variant.Str)
			out.WriteString(`,"variants":[{"name":` + string(text) + `,"weight":1000,"stickiness":"default"}]`)
		}
		out.WriteByte('}')
		return true
	})
	if !simple || n == 0 {
		return doc, false
	}
	out.WriteString("]}")
	return []byte(out.String()), true
}
