package api

import (
	"strconv"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/plainjson"
)

// appendToggle writes a flag as the frontend API shows it. Unleash Edge writes
// impressionData in both spellings, and so does this. It is written by hand:
// encoding/json would take most of the time of an answer.
func appendToggle(b []byte, f *eval.Flag, r eval.Result) []byte {
	b = append(b, `{"name":`...)
	b = appendText(b, f.Name)
	b = append(b, `,"enabled":`...)
	b = strconv.AppendBool(b, r.Enabled)
	b = append(b, `,"variant":{"name":`...)
	b = appendText(b, r.Variant.Name)
	b = append(b, `,"enabled":`...)
	b = strconv.AppendBool(b, r.Variant.Enabled)
	if p := r.Variant.Payload; p != nil {
		b = append(b, `,"payload":{"type":`...)
		b = appendText(b, p.Type)
		b = append(b, `,"value":`...)
		b = appendText(b, p.Value)
		b = append(b, '}')
	}
	b = append(b, `,"feature_enabled":`...)
	b = strconv.AppendBool(b, r.Enabled)
	b = append(b, `,"featureEnabled":`...)
	b = strconv.AppendBool(b, r.Enabled)
	b = append(b, `},"impressionData":`...)
	b = strconv.AppendBool(b, f.ImpressionData)
	b = append(b, `,"impression_data":`...)
	b = strconv.AppendBool(b, f.ImpressionData)
	return append(b, '}')
}

// appendText writes a JSON string as encoding/json does without EscapeHTML.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			return append(b, plainjson.Must(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
