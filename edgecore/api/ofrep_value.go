package api

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/internal/plainjson"
)

// enabledSuffix makes a key of the boolean of a flag: a flag with a payload has that as
// its value. No flag of Unleash has a colon in its name.
const enabledSuffix = ":enabled"

// flagOfKey returns the flag that a key of OFREP is of, and whether its boolean is asked
// for.
func flagOfKey(key string) (name string, boolean bool) {
	return strings.CutSuffix(key, enabledSuffix)
}

// appendEvaluation writes the success of one evaluation, or returns why the value cannot
// be written. Providers need value and variant always:
//
//	off                        false, "disabled", DISABLED
//	on, no variant             true, "enabled", TARGETING_MATCH
//	a variant without payload  true, its name, SPLIT
//	a payload                  by its type: text for string and csv, number, json; its name, SPLIT
func appendEvaluation(
	b []byte, key string, boolean bool, f *eval.Flag, r eval.Result,
) ([]byte, *ofrepError) {
	variant, reason := "disabled", "DISABLED"
	switch {
	case r.Enabled && r.Variant.Enabled:
		variant, reason = r.Variant.Name, "SPLIT"
	case r.Enabled:
		variant, reason = "enabled", "TARGETING_MATCH"
	}
	value := strconv.FormatBool(r.Enabled)
	if p := r.Variant.Payload; r.Enabled && p != nil && !boolean {
		var ok bool
		if value, ok = payloadValue(p); !ok {
			return b, &ofrepError{key, parseError, "the payload of variant " + strconv.Quote(r.Variant.Name) +
				" is not of its type, " + strconv.Quote(p.Type)}
		}
	}
	b = append(b, `{"key":`...)
	b = appendText(b, key)
	b = append(b, `,"value":`...)
	b = append(b, value...)
	b = append(b, `,"reason":"`...)
	b = append(b, reason...)
	b = append(b, `","variant":`...)
	b = appendText(b, variant)
	b = append(b, `,"metadata":{"enabled":`...)
	b = strconv.AppendBool(b, r.Enabled)
	b = append(b, `,"impressionData":`...)
	b = strconv.AppendBool(b, f.ImpressionData)
	return append(b, "}}"...), nil
}

// payloadValue returns the JSON of a payload. ok is false for one that is not of its type.
func payloadValue(p *edgecore.Payload) (value string, ok bool) {
	switch p.Type {
	case "json":
		return p.Value, json.Valid([]byte(p.Value))
	case "number":
		text := strings.TrimSpace(p.Value)
		var number json.Number
		return text, json.Unmarshal([]byte(text), &number) == nil && text[0] != '"'
	default:
		return string(plainjson.Must(p.Value)), true
	}
}

func appendFault(b []byte, fault *ofrepError) []byte { return append(b, plainjson.Must(*fault)...) }

// payloadsOf returns the flags of a state that have a variant with a payload, by name. It
// is found once for each version of the flags.
func (a *api) payloadsOf(st *state.State) map[string]bool {
	env := st.Definitions.Environment
	if known, ok := a.payloads.Load(env); ok && known.(*payloads).version == st.Version {
		return known.(*payloads).names
	}
	found := &payloads{version: st.Version, names: map[string]bool{}}
	for i := range st.Definitions.Features {
		f := &st.Definitions.Features[i]
		if hasPayload(f.Variants) {
			found.names[f.Name] = true
		}
		for j := range f.Strategies {
			if hasPayload(f.Strategies[j].Variants) {
				found.names[f.Name] = true
			}
		}
	}
	a.payloads.Store(env, found)
	return found.names
}

// payloads are the flags of one version that have a payload.
type payloads struct {
	version uint64
	names   map[string]bool
}

func hasPayload(variants []edgecore.Variant) bool {
	for i := range variants {
		if variants[i].Payload != nil {
			return true
		}
	}
	return false
}
