package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
	"github.com/flagcast/flagcast/test/rig"
)

// TestParity: the real Unleash server and the core give the same answers to the
// same requests, over hundreds of generated flags and contexts.
func TestParity(t *testing.T) {
	u := rig.StartUnleash(t)
	parity(t, u, startBehind(t, rig.Build(t), u), 400, 400, exceptions{})
}

// startBehind runs a core whose upstream is a server of Unleash.
func startBehind(t *testing.T, binary string, u *rig.Unleash) *rig.Flagcast {
	t.Helper()
	config := filepath.Join(t.TempDir(), "flagcast.yaml")
	text := fmt.Sprintf("upstream: { url: %q, tokens: [%q], poll_interval: 1s }\napi: { listen: \"127.0.0.1:0\" }\n",
		u.URL, u.Backend)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return rig.StartFlagcast(t, binary, config, nil)
}

// exceptions are what is not compared with a server, and why.
type exceptions struct {
	operators []string // of constraints
	context   bool     // values of contexts: see plain
	why       []string
}

// plain leaves out of a context what Unleash 5 takes otherwise: empty values,
// builds of versions, blanks at the ends, and addresses that are not IPv4.
func plain(context map[string]string) {
	if address, err := netip.ParseAddr(context["remoteAddress"]); err != nil || !address.Is4() {
		context["remoteAddress"] = "10.0.0.1"
	}
	for name, value := range context {
		value, _, _ = strings.Cut(value, "+")
		if value = strings.Trim(value, "\ufeff\u2028\u2029\u3000\u1680\u00a0 \t\r\n\v\f"); value != "" {
			context[name] = value
		} else {
			delete(context, name)
		}
	}
	if context["sessionId"] == "" {
		context["sessionId"] = "none"
	}
}

// parity imports generated flags into Unleash, and compares the definitions
// and the answers of the core with those of Unleash.
func parity(t *testing.T, u *rig.Unleash, core *rig.Flagcast, flags, contexts int, old exceptions) {
	t.Helper()
	s := rand.New(rand.NewPCG(need.Seed(t), 3))
	state := gen.Definitions(s, gen.Options{Flags: flags, Without: gen.Classes()})
	importDefinitions(t, u, state.Document, append(old.operators, "REGEX", "IN_CIDR"))
	u.FlagWith(t, "last", rollout("last", 100))
	for name, url := range map[string]string{"Unleash": u.URL, "the core": core.URL} {
		rig.Eventually(t, name+" shows all flags", func() bool {
			toggles, err := rig.AskToggles(url, u.Frontend, query(static))
			return err == nil && toggles["last"] != nil
		})
	}

	definitions, got := fetchDefinitions(t, u.URL, u.Backend), fetchDefinitions(t, core.URL, u.Backend)
	for _, answer := range []rig.Object{definitions, got} {
		// They are about the request and the whole environment, and not the
		// same for a core that asks once for everybody.
		delete(answer, "meta")
		delete(answer, "query")
		byName(answer["features"], "name") // the core lists them so
		byName(answer["segments"], "id")
	}
	if n := len(definitions["features"].([]any)); n != flags+1 {
		t.Errorf("Unleash has %d flags, want %d", n, flags+1)
	}
	if diff := cmp.Diff(definitions, got); diff != "" {
		t.Errorf("the definitions differ (-Unleash +core):\n%s", diff)
	}

	on, variants := 0, 0
	for range contexts {
		context := frontendContext(state.Context(s))
		if old.context {
			plain(context)
		}
		want, got := rig.Toggles(t, u.URL, u.Frontend, query(context)),
			rig.Toggles(t, core.URL, u.Frontend, query(context))
		for _, toggle := range got {
			delete(toggle, "impression_data") // Unleash Edge's spelling, beside the server's
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the answers differ for %q (-Unleash +core):\n%s\n%s", context, diff,
				describe(definitions, want, got))
		}
		on += len(want)
		for _, toggle := range want {
			if toggle["variant"].(rig.Object)["enabled"] == true {
				variants++
			}
		}
	}
	answers := contexts * (flags + 1)
	if share := on * 100 / answers; share < 10 || share > 90 || variants < answers/100 {
		t.Errorf("%d of %d answers are on, %d with a variant: the flags are one-sided", on, answers, variants)
	}
	t.Logf("the core and Unleash are equal: %d flags, %d contexts; %d of %d answers on, %d with a variant", flags+1,
		contexts, on, answers, variants)
}

// byName sorts a list of objects by one of their members.
func byName(list any, member string) {
	slices.SortFunc(list.([]any), func(a, b any) int {
		return strings.Compare(fmt.Sprint(a.(rig.Object)[member]), fmt.Sprint(b.(rig.Object)[member]))
	})
}

// fetchDefinitions asks the client API as an SDK does that supports segments.
func fetchDefinitions(t *testing.T, url, token string) rig.Object {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/client/features", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	request.Header.Set("Unleash-Client-Spec", "5.2.0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer rig.Object
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, response.Status, err)
	}
	return answer
}

// describe shows the definitions of the flags that one of two answers has on
// and the other has not.
func describe(definitions rig.Object, want, got map[string]rig.Object) string {
	var text strings.Builder
	for _, f := range objects(definitions["features"]) {
		if name := f["name"].(string); !cmp.Equal(want[name], got[name]) {
			line, _ := json.Marshal(f) // it was JSON
			text.Write(append(line, '\n'))
		}
	}
	return text.String()
}

// fieldNames are names that a server takes for fields of the context, instead
// of the generated ones. Unleash's frontend API fixes the environment, the
// appName and the time.
var fieldNames = map[string]string{
	"environment": "stage", "appName": "shop", "currentTime": "moment", "größe": "size", "日本": "origin", "a b": "a-b",
	"__proto__":   "region",
	"constructor": "device", "toString": "channel", "random": "tier", "default": "level", "featureToggle": "toggle",
}

func fieldName(name string) string {
	if other, ok := fieldNames[name]; ok {
		return other
	}
	return name
}

// frontendContext is a context as both frontend APIs take it. It has ids in
// ASCII, since Unleash hashes the low bytes of UTF-16 units, and a session, for
// which Unleash draws one otherwise.
func frontendContext(c gen.Context) map[string]string {
	context := map[string]string{"sessionId": "none", "remoteAddress": "10.0.0.1"}
	for name, value := range c.Fields {
		if name != "userId" && name != "sessionId" || value != "" && ascii(value) {
			context[fieldName(name)] = value
		}
	}
	return context
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e })
}

// importDefinitions brings generated definitions into an Unleash server, as
// far as that accepts them, by its import of exports.
func importDefinitions(t *testing.T, u *rig.Unleash, document []byte, without []string) {
	t.Helper()
	var d struct{ Features, Segments []rig.Object }
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	segments := map[float64]rig.Object{}
	for _, s := range d.Segments {
		name := s["name"].(string)
		u.CreateSegment(t, name, importConstraints(s, without)...)
		segments[s["id"].(float64)] = rig.Object{"id": s["id"], "name": name}
	}
	fields := list()
	for _, name := range append([]string{"country", "plan", "userId", "sessionId", "remoteAddress", "currentTime"},
		slices.Sorted(maps.Values(fieldNames))...) {
		fields = append(fields, rig.Object{"name": name})
	}
	names, children, off := map[string]string{}, map[string]bool{}, map[string]bool{}
	for i, f := range d.Features {
		name := "f" + strconv.Itoa(i)
		names[f["name"].(string)], off[name] = name, f["enabled"] == false
	}
	var has struct{ Strategies []struct{ Name string } }
	if err := json.Unmarshal(u.Do(t, http.MethodGet, "/strategies", nil), &has); err != nil {
		t.Fatal(err)
	}
	u.LogIn(t)
	for _, name := range []string{"userWithId", "gradualRolloutUserId", "gradualRolloutSessionId"} {
		// New servers make none of them any more, but evaluate those that older ones have made.
		if !slices.ContainsFunc(has.Strategies, func(s struct{ Name string }) bool { return s.Name == name }) {
			u.Do(t, http.MethodPost, "/strategies", rig.Object{"name": name, "parameters": list()})
		}
	}
	for chunk := range slices.Chunk(d.Features, 40) { // 100 kB at most
		data := importData{
			Segments: slices.AppendSeq([]rig.Object{}, maps.Values(segments)), ContextFields: fields,
			Dependencies: []rig.Object{},
		}
		for _, f := range chunk {
			data.add(f, names, children, off, segments, without)
		}
		u.Do(t, http.MethodPost, "/features-batch/import", rig.Object{
			"project": "default", "environment": "development", "data": data,
		})
	}
}

// importData is the part of an export that the tests use.
type importData struct {
	Features            []rig.Object `json:"features"`
	FeatureStrategies   []rig.Object `json:"featureStrategies"`
	FeatureEnvironments []rig.Object `json:"featureEnvironments"`
	ContextFields       []any        `json:"contextFields"`
	FeatureTags         [0]string    `json:"featureTags"`
	Segments            []rig.Object `json:"segments"`
	TagTypes            [0]string    `json:"tagTypes"`
	Dependencies        []rig.Object `json:"dependencies"`
}

func (d *importData) add(
	f rig.Object, names map[string]string, children, off map[string]bool, segments map[float64]rig.Object,
	without []string,
) {
	name := names[f["name"].(string)]
	d.Features = append(d.Features, rig.Object{
		"name": name, "type": f["type"], "project": "default", "stale": f["stale"],
		"impressionData": f["impressionData"] == true, "description": "",
	})
	d.FeatureEnvironments = append(d.FeatureEnvironments, rig.Object{
		"name": name, "featureName": name, "environment": "development", "enabled": f["enabled"],
		"variants": importVariants(f),
	})
	for i, s := range objects(f["strategies"]) {
		if strategy := importStrategy(s, name, segments, without); strategy != nil {
			strategy["sortOrder"] = i // else the two APIs of Unleash have two orders
			d.FeatureStrategies = append(d.FeatureStrategies, strategy)
		}
	}
	for _, parent := range objects(f["dependencies"]) {
		of := names[parent["feature"].(string)]
		if of == "" || of == name || children[of] || children[name] {
			continue // one parent, which has none
		}
		on := rig.Object{"feature": of, "enabled": parent["enabled"] != false}
		if on["enabled"] == false && off[of] {
			// The frontend API of Unleash loads flags that are on, does not find
			// the parent, and says off; its SDKs and the core say on.
			continue
		}
		if on["enabled"] == true && parent["variants"] != nil {
			variants := list()
			for _, variant := range listOf(parent["variants"]) {
				variants = append(variants, variantName(variant.(string)))
			}
			on["variants"] = variants
		}
		children[name] = true
		d.Dependencies = append(d.Dependencies, rig.Object{"feature": name, "dependencies": list(on)})
	}
}

// importStrategy is nil for a strategy that Unleash no longer has, and for one
// that chance decides.
func importStrategy(s rig.Object, flag string, segments map[float64]rig.Object, without []string) rig.Object {
	kind := s["name"].(string)
	switch kind {
	case "default", "flexibleRollout", "remoteAddress", "userWithId", "applicationHostname", "gradualRolloutUserId",
		"gradualRolloutSessionId":
	default:
		return nil
	}
	parameters := rig.Object{}
	if given, ok := s["parameters"].(rig.Object); ok {
		for name, value := range given {
			parameters[name] = fmt.Sprint(value)
		}
	}
	if group, _ := parameters["groupId"].(string); !ascii(group) || group == "" {
		parameters["groupId"] = flag
	}
	if kind == "flexibleRollout" {
		stickiness, _ := parameters["stickiness"].(string)
		parameters["stickiness"] = sticky(stickiness)
	}
	used := list()
	for _, id := range listOf(s["segments"]) {
		if known := segments[id.(float64)]; known != nil && !slices.Contains(used, id) {
			used = append(used, id)
		}
	}
	return rig.Object{
		"name": kind, "featureName": flag, "parameters": parameters, "constraints": importConstraints(s, without),
		"segments": used,
		"variants": importVariants(s), "title": "", "disabled": false,
	}
}

// sticky is what every context of the test decides: an id that is in ASCII.
func sticky(stickiness string) string {
	if stickiness == "userId" || stickiness == "sessionId" {
		return stickiness
	}
	return "default"
}

func importConstraints(of rig.Object, without []string) []rig.Object {
	constraints := []rig.Object{}
	for _, c := range objects(of["constraints"]) {
		operator, name := c["operator"].(string), fieldName(c["contextName"].(string))
		if slices.Contains(without, operator) {
			continue
		}
		if strings.HasPrefix(operator, "DATE_") {
			name = "currentTime"
		}
		values := filled(c["values"])
		if c["value"] == nil && len(values) == 0 {
			values = list("none")
		}
		out := rig.Object{
			"contextName": name, "operator": operator, "values": values, "inverted": c["inverted"] == true,
			"caseInsensitive": c["caseInsensitive"] == true,
		}
		if value := c["value"]; value != nil {
			text := fmt.Sprint(value)
			if number, err := strconv.ParseFloat(text, 64); strings.HasPrefix(operator, "NUM_") &&
				(err != nil || math.Abs(number) > 1<<53-1 || strconv.FormatFloat(number, 'f', -1, 64) != text) {
				text = "5" // the server takes one spelling only
			}
			if strings.HasPrefix(operator, "SEMVER_") {
				text, _, _ = strings.Cut(text, "+") // servers before 8 take no build
			}
			out["value"] = text
		}
		constraints = append(constraints, out)
	}
	return constraints
}

func importVariants(of rig.Object) []rig.Object {
	variants := []rig.Object{}
	for _, v := range objects(of["variants"]) {
		out := rig.Object{
			"name": variantName(v["name"].(string)), "weight": v["weight"],
			"weightType": "variable", "stickiness": "default",
		}
		if payload, _ := v["payload"].(rig.Object); payload != nil && payload["value"] != "null" &&
			payload["value"] != "" {
			out["payload"] = payload
		}
		if _, strategy := of["parameters"]; !strategy && v["overrides"] != nil {
			overrides := list()
			for _, o := range objects(v["overrides"]) {
				overrides = append(overrides, rig.Object{
					"contextName": fieldName(o["contextName"].(string)), "values": filled(o["values"]),
				})
			}
			out["overrides"] = overrides
		}
		variants = append(variants, out)
	}
	return variants
}

// variantName: names go into addresses, so that the server takes ASCII only.
func variantName(name string) string {
	if ascii(name) {
		return name
	}
	return fmt.Sprintf("%x", name)
}

// filled is a list without empty texts.
func filled(v any) []any {
	return slices.DeleteFunc(listOf(v), func(v any) bool { return v == "" })
}

func listOf(v any) []any {
	items, _ := v.([]any)
	return append([]any{}, items...)
}

func objects(v any) []rig.Object {
	var out []rig.Object
	for _, one := range listOf(v) {
		out = append(out, one.(rig.Object))
	}
	return out
}
