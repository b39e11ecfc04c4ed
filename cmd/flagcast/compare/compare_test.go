package compare

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/secret"
)

// TestDefinitions: what a difference is and what is none, of one member at a
// time.
func TestDefinitions(t *testing.T) {
	flag := func(members string) string { return `{"features":[{"name":"f"` + members + `}]}` }
	strategy := func(members string) string { return flag(`,"strategies":[{"name":"default"` + members + `}]`) }
	for _, tc := range []struct{ name, a, b, want string }{
		{"null", flag(`,"description":null`), flag(``), ""},
		{"an empty list", flag(`,"variants":[]`), flag(``), ""},
		{"false by default", flag(`,"stale":false`), flag(``), ""},
		{
			"true by default", flag(`,"dependencies":[{"feature":"p","enabled":false}]`),
			flag(`,"dependencies":[{"feature":"p"}]`), "dependencies[].enabled false -",
		},
		{"an unknown member", flag(`,"later":{"x":1}`), flag(``), `later {"x":1} -`},
		{
			"an unknown member within", flag(`,"later":{"x":[1,2]}`), flag(`,"later":{"x":[2,1]}`),
			`later.x[0] 1 2; later.x[1] 2 1`,
		},
		{"another type", flag(`,"later":"1"`), flag(`,"later":1`), `later "1" 1`},
		{"a number", flag(`,"later":1.50`), flag(`,"later":15e-1`), ""},
		{
			"a large number", flag(`,"later":9007199254740993`), flag(`,"later":9007199254740992`),
			"later 9007199254740993 9007199254740992",
		},
		{
			"order of strategies", strategy(`},{"name":"x"`), flag(`,"strategies":[{"name":"x"},{"name":"default"}]`),
			`strategies[0].name "default" "x"; strategies[1].name "x" "default"`,
		},
		{"order of segments", strategy(`,"segments":[1,2]`), strategy(`,"segments":[2,1]`), ""},
		{
			"order of a dependency's variants", flag(`,"dependencies":[{"feature":"p","variants":["a","b"]}]`),
			flag(`,"dependencies":[{"feature":"p","variants":["b","a"]}]`), "",
		},
		{
			"order of variants", flag(`,"variants":[{"name":"a"},{"name":"b"}]`),
			flag(`,"variants":[{"name":"b"},{"name":"a"}]`), `variants[0].name "a" "b"; variants[1].name "b" "a"`,
		},
		{
			"a constraint more", strategy(`,"constraints":[{"contextName":"a"},{"contextName":"b"}]`),
			strategy(`,"constraints":[{"contextName":"b"}]`), `strategies[0].constraints [{"contextName":"a"}] -`,
		},
		{
			"values", strategy(`,"constraints":[{"values":["a","b","c"]}]`),
			strategy(`,"constraints":[{"values":["c","d","b"]}]`), `strategies[0].constraints[].values ["a"] ["d"]`,
		},
		{
			"a value twice", strategy(`,"constraints":[{"values":["a","a"]}]`),
			strategy(`,"constraints":[{"values":["a"]}]`), `strategies[0].constraints[].values ["a"] -`,
		},
		{
			"where it comes from", `{"features":[],"meta":{"revisionId":1},"query":{"project":["a"]}}`,
			`{"features":[],"meta":{"etag":"x"}}`, "",
		},
		{"version", `{"features":[],"version":2}`, `{"features":[],"version":1}`, "version 2 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := parseDefinitions([]byte(tc.a))
			if err != nil {
				t.Fatal(err)
			}
			b, err := parseDefinitions([]byte(tc.b))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range definitions(a, b) {
				text := func(v any) string {
					if v == nil {
						return "-"
					}
					return string(encode(v))
				}
				got = append(got, d.Field+" "+text(d.A)+" "+text(d.B))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if back := definitions(b, a); len(back) != len(got) {
				t.Errorf("%d differences, and %d the other way round", len(got), len(back))
			}
		})
	}
	for _, bad := range []string{"", "[]", "{}", `{"features":{}}`, `{"features":[{}]}`, `{"features":[1]}`} {
		if _, err := parseDefinitions([]byte(bad)); err == nil {
			t.Errorf("%s is taken for definitions", bad)
		}
	}
}

// TestSegments: those that no flag uses do not count, whichever side has them.
func TestSegments(t *testing.T) {
	document := func(segments string) *document {
		d, err := parseDefinitions([]byte(`{"features":[{"name":"f","strategies":[{"segments":[1]}]}],"segments":[` +
			segments + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := document(`{"id":1,"name":"x","constraints":[{"value":"5"}]},{"id":2}`)
	for segments, want := range map[string]int{
		`{"id":1,"constraints":[{"value":"5"}]}`:          0,
		`{"id":1,"constraints":[{"value":"6"}]}`:          1,
		`{"id":2}`:                                        1,
		`{"id":1,"constraints":[{"value":"5"}]},{"id":3}`: 0,
	} {
		if got := definitions(a, document(segments)); len(got) != want {
			t.Errorf("%s: %v, want %d differences", segments, got, want)
		}
	}
}

// TestAnswersOfTwoKinds: what only some servers write is not a difference.
func TestAnswersOfTwoKinds(t *testing.T) {
	toggle := func(text string) any {
		var v any
		if err := decode([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return clean("", v)
	}
	edge := `{"name":"f","enabled":true,"variant":{"name":"red","enabled":true,"payload":null},` +
		`"impression_data":false,"impressionData":false}`
	server := `{"name":"f","enabled":true,"variant":{"name":"red","enabled":true,"feature_enabled":true,` +
		`"featureEnabled":true},"impressionData":false}`
	if a, b := common(toggle(edge), toggle(server)); !equal(a, b) {
		t.Errorf("%s, %s", encode(a), encode(b))
	}
	for _, change := range []struct{ old, now string }{
		{`"red"`, `"blue"`},
		{`"enabled":true,"variant"`, `"enabled":false,"variant"`},
		{`"impressionData":false`, `"impressionData":true`},
		{`"payload":null`, `"payload":{"type":"string","value":""}`},
		{`"name":"f",`, `"name":"f","later":1,`},
	} {
		d := AnswerDifference{}
		d.A, d.B = common(toggle(strings.Replace(edge, change.old, change.now, 1)), toggle(server))
		if a, b := d.texts(); equal(d.A, d.B) || a == b {
			t.Errorf("%s: a reader sees %q and %q", change.now, a, b)
		}
	}
	if d := (AnswerDifference{A: toggle(server)}); answer(d.B) != "not listed" {
		t.Error(answer(d.B))
	}
}

// unleash answers as the Unleash server does: no /all, and an environment and
// an appName of its own.
func unleash(t *testing.T, definitions string, context map[string]string) *Server {
	t.Helper()
	parsed, err := parse.Definitions([]byte(definitions), "e")
	if err != nil {
		t.Fatal(err)
	}
	program, _ := compile.Program(parsed)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/client/features", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "backend" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(definitions))
	})
	mux.HandleFunc("/api/frontend", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "frontend" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		c := eval.Context{Fields: map[string]string{}}
		for name, values := range r.URL.Query() {
			c.Fields[strings.TrimSuffix(strings.TrimPrefix(name, "properties["), "]")] = values[0]
		}
		if r.Method == http.MethodPost {
			var body struct{ Context json.RawMessage }
			_ = json.NewDecoder(r.Body).Decode(&body)
			c, _ = eval.ReadContext(body.Context)
		}
		for name, value := range context {
			c.Fields[name] = value
		}
		list := []any{}
		for _, f := range program.Flags() {
			if result := program.Evaluate(f.Name, &c); result.Enabled {
				list = append(list, map[string]any{"name": f.Name, "enabled": true})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"toggles": list})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &Server{
		URL: server.URL, Client: server.Client(), Tokens: []secret.Secret{
			secret.New("frontend"), secret.New("backend"),
		},
	}
}

const few = `{"features":[
 {"name":"here","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"environment",
 	"operator":"IN","values":["here"]}]}]},
 {"name":"child","enabled":true,"strategies":[],"dependencies":[{"feature":"here"}]},
 {"name":"odd","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"a[b]","operator":"IN",
 	"values":["1"]}]}]},
 {"name":"users","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"ann"}}]}
]}`

// TestUnleashItself: what the Unleash server decides by values of its own is
// left out, and reported.
func TestUnleashItself(t *testing.T) {
	run := func(there map[string]string) *Report {
		r, err := Run(t.Context(), Options{
			A: unleash(t, few, map[string]string{"environment": "here"}), B: unleash(t, few, there), Samples: 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run(map[string]string{"environment": "there"})
	if !r.Equal || r.Frontend.Path != "/api/frontend" || r.Frontend.Answers != 40 ||
		r.Frontend.Branches.Taken != r.Frontend.Branches.Total {
		t.Errorf("%+v, %+v", r, r.Frontend)
	}
	if diff := cmp.Diff([]LeftOut{{"child", fixed, 20}, {"here", fixed, 20}}, r.Frontend.LeftOut); diff != "" {
		t.Errorf("left out (-want +got)\n%s", diff)
	}
	// A server that sees another user has other answers for some.
	r = run(map[string]string{"userId": "bob"})
	if r.Equal || r.Frontend.Different == 0 || r.Frontend.Differences[0].Flag != "users" ||
		r.Frontend.Differences[0].Context["userId"] != "ann" {
		t.Errorf("%+v", r.Frontend)
	}
}

// TestContexts: they hold what would else be drawn or be the peer's, they take
// the branches of the flags, and the seed decides the rest.
func TestContexts(t *testing.T) {
	d, err := parse.Definitions([]byte(few), "e")
	if err != nil {
		t.Fatal(err)
	}
	program, _ := compile.Program(d)
	draw := func(n int, seed uint64) []eval.Context {
		s := sampler{programs: []*eval.Program{program}, random: rand.New(rand.NewPCG(seed, seed))}
		list, _ := s.draw(n)
		return list
	}
	for _, n := range []int{1, 2, 50} {
		list := draw(n, 1)
		if len(list) != n {
			t.Errorf("%d contexts, want %d", len(list), n)
		}
		for _, c := range list {
			if c.Fields["sessionId"] == "" || c.Fields["remoteAddress"] == "" {
				t.Errorf("%v", c.Fields)
			}
		}
	}
	if diff := cmp.Diff(draw(50, 1), draw(50, 1)); diff != "" {
		t.Errorf("one seed, two draws:\n%s", diff)
	}
	if cmp.Equal(draw(50, 1), draw(50, 2)) {
		t.Error("the seed does not matter")
	}
	for _, name := range []string{"ann", "here", "1"} {
		if !slices.ContainsFunc(draw(50, 1), func(c eval.Context) bool {
			return c.Fields["userId"] == name || c.Fields["environment"] == name || c.Fields["a[b]"] == name
		}) {
			t.Errorf("no context has %q", name)
		}
	}
}

// TestWorker: a worker has the frontend API alone, and its 404 for definitions
// is not a failure: the answers are compared, in contexts of the core's flags.
func TestWorker(t *testing.T) {
	const document = `{"version":2,"features":[
		{"name":"plain","enabled":true,"strategies":[]},
		{"name":"some","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"7"}}]}]}`
	toggles := func(plain bool) string {
		return `{"toggles":[{"name":"plain","enabled":` + strconv.FormatBool(plain) +
			`,"variant":{"name":"disabled","enabled":false},"impressionData":false}]}`
	}
	serve := func(features string, known func(token string) bool, plain bool) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/api/client/features" && features != "" && r.Header.Get("Authorization") == "backend":
				_, _ = io.WriteString(w, features)
			case r.URL.Path == "/api/client/features" && features == "":
				w.WriteHeader(http.StatusNotFound)
			case strings.HasPrefix(r.URL.Path, "/api/frontend") && known(r.Header.Get("Authorization")):
				_, _ = io.WriteString(w, toggles(plain))
			case strings.HasPrefix(r.URL.Path, "/api/"):
				w.WriteHeader(http.StatusUnauthorized)
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		t.Cleanup(server.Close)
		return server
	}
	frontend := func(token string) bool { return token == "frontend" }
	anyone := func(string) bool { return true }
	core := serve(document, frontend, true)
	for name, tc := range map[string]struct {
		worker *httptest.Server
		equal  bool
		err    string
	}{
		"with tokens":    {serve("", frontend, true), true, ""},
		"without tokens": {serve("", anyone, true), true, ""},
		"that differs":   {serve("", frontend, false), false, ""},
		"of other tokens": {serve("", func(string) bool {
			return false
		}, true), false, "/api/client/features: 404 Not Found"},
		"nothing but a page": {
			httptest.NewServer(http.NotFoundHandler()), false,
			"/api/client/features: 404 Not Found",
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer tc.worker.Close()
			server := func(url string) *Server {
				return &Server{
					URL: url, Tokens: []secret.Secret{secret.New("backend"), secret.New("frontend")},
					Client: http.DefaultClient,
				}
			}
			report, err := Run(t.Context(), Options{
				A: server(core.URL), B: server(tc.worker.URL), Samples: 10, Seed: 1,
			})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("the error is %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if report.Equal != tc.equal || report.Features != nil || report.Frontend == nil ||
				report.Frontend.Branches == nil {
				t.Errorf("the report is %+v", report)
			}
			var text strings.Builder
			if err := report.Print(&text); err != nil ||
				!strings.Contains(text.String(), "definitions: not compared, not served by "+tc.worker.URL+"\n") {
				t.Errorf("%v:\n%s", err, text.String())
			}
		})
	}
}
