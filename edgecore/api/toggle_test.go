package api

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

// toggle is what appendToggle writes, for encoding/json.
type toggle struct {
	Name            string  `json:"name"`
	Enabled         bool    `json:"enabled"`
	Variant         variant `json:"variant"`
	ImpressionData  bool    `json:"impressionData"`
	ImpressionData2 bool    `json:"impression_data"`
}

type variant struct {
	Name            string            `json:"name"`
	Enabled         bool              `json:"enabled"`
	Payload         *edgecore.Payload `json:"payload,omitempty"`
	FeatureEnabled  bool              `json:"feature_enabled"`
	FeatureEnabled2 bool              `json:"featureEnabled"`
}

// TestToggleBytes: the same bytes as encoding/json writes, for any text, valid
// UTF-8 or not.
func TestToggleBytes(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z.<>&"\\ /~\x00-\x1f\x7f-\x{a0}\x{2028}\x{2029}]*`),
		rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }))
	rapid.Check(t, func(t *rapid.T) {
		f := eval.Flag{Name: text.Draw(t, "name"), ImpressionData: rapid.Bool().Draw(t, "impressions")}
		r := eval.Result{Enabled: rapid.Bool().Draw(t, "enabled"), Variant: &eval.Variant{
			Name: text.Draw(t, "variant"), Enabled: rapid.Bool().Draw(t, "chosen"),
		}}
		if rapid.Bool().Draw(t, "payload") {
			r.Variant.Payload = &edgecore.Payload{Type: text.Draw(t, "type"), Value: text.Draw(t, "value")}
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(toggle{
			Name: f.Name, Enabled: r.Enabled, ImpressionData: f.ImpressionData, ImpressionData2: f.ImpressionData,
			Variant: variant{
				Name: r.Variant.Name, Enabled: r.Variant.Enabled, Payload: r.Variant.Payload,
				FeatureEnabled: r.Enabled, FeatureEnabled2: r.Enabled,
			},
		}); err != nil {
			t.Fatal(err)
		}
		if got := string(appendToggle(nil, &f, r)) + "\n"; got != want.String() {
			t.Fatalf("%q\nnot %q", got, want.String())
		}
	})
}
