package api_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/internal/secret"
)

type operation struct {
	Responses  map[string]json.RawMessage
	Parameters []json.RawMessage
}

type document struct {
	Paths      map[string]map[string]operation
	Components map[string]map[string]json.RawMessage
}

func readDocument(t *testing.T) *document {
	t.Helper()
	var d document
	if err := json.Unmarshal(api.OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// everything serves every path that there can be.
func everything(o *api.Options) {
	o.Backstage.Features, o.Backstage.Tokens = true, true
	o.Targets = func() any { return map[string]any{} }
	o.WebhookSecret, o.Trigger = secret.New("hook"), func() {}
}

// TestDocumentHasEveryRoute, and no others. Preflight requests are not part of it.
func TestDocumentHasEveryRoute(t *testing.T) {
	_, h := with(t, everything)
	var served, documented []string
	for _, pattern := range h.Routes() {
		if !strings.HasPrefix(pattern, "OPTIONS ") {
			served = append(served, pattern)
		}
	}
	for path, operations := range readDocument(t).Paths {
		for method := range operations {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(documented)
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("(-routes +document):\n%s", diff)
	}
}

func TestDocumentIsWhole(t *testing.T) {
	d := readDocument(t)
	used := map[string]bool{}
	for _, match := range regexp.MustCompile(`"\$ref": "#/components/([^/"]+)/([^"]+)"`).FindAllSubmatch(api.OpenAPI(),
		-1) {
		kind, name := string(match[1]), string(match[2])
		used[kind+"/"+name] = true
		if d.Components[kind][name] == nil {
			t.Errorf("there is no %s %q", kind, name)
		}
	}
	for kind, parts := range d.Components {
		for name := range parts {
			if kind != "securitySchemes" && !used[kind+"/"+name] {
				t.Errorf("nobody uses %s %q", kind, name)
			}
		}
	}
	for path, operations := range d.Paths {
		for method, o := range operations {
			if len(o.Responses) == 0 {
				t.Errorf("%s %s answers nothing", method, path)
			}
			if strings.Contains(path, "{name}") && !slices.ContainsFunc(o.Parameters, func(p json.RawMessage) bool {
				return bytes.Contains(p, []byte(`"in": "path"`))
			}) {
				t.Errorf("%s %s does not say what its name is", method, path)
			}
		}
	}
}

// TestAnswersAreAsDocumented: status and body of real answers.
func TestAnswersAreAsDocumented(t *testing.T) {
	f, _ := with(t, everything)
	d := readDocument(t)
	compiler := jsonschema.NewCompiler()
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for path, operations := range d.Paths {
		for method := range operations {
			for _, token := range []string{"", backend, frontend, frontendB, "*:elsewhere.x", "hook"} {
				for _, name := range []string{"on", "for-7", "none"} {
					for _, body := range []string{"", "{", `{"context":{"userId":"7"},"tokens":["` + backend + `"]}`} {
						if name != "on" && !strings.Contains(path, "{name}") || method == "get" && body != "" {
							continue
						}
						r := f.ask(strings.ToUpper(method), strings.Replace(path, "{name}", name, 1)+"?userId=7", token,
							body)
						asked++
						pointer := "#/paths/" + escape(path) + "/" + method + "/responses/" + strconv.Itoa(r.StatusCode)
						response := d.Paths[path][method].Responses[strconv.Itoa(r.StatusCode)]
						if response == nil {
							t.Errorf("%s %s answers %d, which the document does not know", method, path, r.StatusCode)
							continue
						}
						var reference struct {
							Ref string `json:"$ref"`
						}
						if err := json.Unmarshal(response, &reference); err != nil {
							t.Fatal(err)
						}
						if reference.Ref != "" {
							pointer = reference.Ref
						}
						answer := text(t, r)
						if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
							if answer != "" && !strings.Contains(string(response), `"`+kind+`"`) {
								t.Errorf("%s %s: %q", method, path, r.Header.Get("Content-Type"))
							}
							continue
						}
						schema, err := compiler.Compile("openapi.json" + pointer + "/content/application~1json/schema")
						if err != nil {
							t.Fatal(err)
						}
						value, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
						if err == nil {
							err = schema.Validate(value)
						}
						if err != nil {
							t.Errorf("%s %s (%d): %v\n%s", method, path, r.StatusCode, err, answer)
						}
					}
				}
			}
		}
	}
	if asked < 300 {
		t.Errorf("only %d requests", asked)
	}
}

// TestRefusedBodiesAreDocumented: a path that reads a body refuses one that is too
// large, packed by something else, or too much at once, and the document says so
// of these paths and no others.
func TestRefusedBodiesAreDocumented(t *testing.T) {
	f, _ := with(t, func(o *api.Options) {
		everything(o)
		o.MaxBodies = 1
		o.Access = access.New(access.Options{
			Backend: tokens(t, backend), Frontend: tokens(t, frontend), Anonymous: "production",
		})
	})
	for path, operations := range readDocument(t).Paths {
		o, posts := operations["post"]
		if !posts {
			continue
		}
		reads := o.Responses["413"] != nil
		for _, tc := range []struct {
			what, encoding string
			size, code     int
		}{
			{"too large", "", 1<<20 + 1, 413},
			{"packed otherwise", "br", 10, 415},
			{"too much at once", "", 5_000, 503},
		} {
			token := frontend
			if strings.HasPrefix(path, "/api/client") {
				token = backend
			}
			r := f.ask("POST", strings.Replace(path, "{name}", "on", 1), token, strings.Repeat(" ", tc.size),
				"Content-Encoding", tc.encoding)
			if (r.StatusCode == tc.code) != reads || reads && o.Responses[strconv.Itoa(tc.code)] == nil {
				t.Errorf("POST %s, %s: %d; the document has 413: %v", path, tc.what, r.StatusCode, reads)
			}
			if r.StatusCode == 503 && r.Header.Get("Retry-After") == "" {
				t.Errorf("POST %s: 503 without Retry-After", path)
			}
		}
	}
}

func escape(path string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path)
}

func TestDocumentIsServed(t *testing.T) {
	f := newFixture(t, "")
	r := f.ask("GET", "/base/docs/openapi.json", "", "")
	if got := text(t, r); r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" ||
		got != string(api.OpenAPI()) {
		t.Errorf("%d %s", r.StatusCode, got)
	}
}
