package measure_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/test/need"
)

// engines are the two, as far as they are installed.
func engines(t *testing.T) map[string]measure.Engine {
	t.Helper()
	need.Module(t, "workerd")
	workerd, err := measure.Find("", filepath.Join(need.Root(), "test"))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]measure.Engine{"workerd": workerd, "node": measure.Node{Path: need.Node(t)}}
}

// spin is work of some milliseconds that no compiler drops.
const spin = `
const spin = n => { let x = 1; for (let i = 0; i < n; i++) x = Math.imul(x, 31) + i | 0; return x }
`

// Scripts of both forms with work at known places: at the top level, in the
// first request, in every request.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	listener := spin + `
const start = spin(2e7)
let first = 1.2e7
addEventListener('fetch', event => event.respondWith((async () => {
  const kv = await new EdgeKV({ namespace: 'n' }).get('key', { type: 'text' })
  const origin = await fetch('https://origin.example/')
  const country = new URL(event.request.url).searchParams.get('country') + event.request.headers.get('cookie') +
    event.request.cf.country
  if (kv !== 'stored' || origin.status !== 200 || country !== 'cncountry=cncn') throw new Error('stubs: ' + kv +
    origin.status + country)
  event.waitUntil(Promise.resolve())
  const done = spin(first)
  first = 6e4
  return new Response(String(done + start))
})()))`
	module := strings.Replace(
		strings.Replace(listener, "addEventListener('fetch', event => event.respondWith((async () => {",
			"export default { fetch: async (request, env, ctx) => { const event = { request, waitUntil: p => "+
				"ctx.waitUntil(p) }", 1), "})()))", "} }", 1)
	module = strings.Replace(module, "new EdgeKV({ namespace: 'n' }).get('key', { type: 'text' })",
		"env.FLAGS.get('key', 'text')", 1)
	class := `import{env as bound,WorkerEntrypoint}from"cloudflare:workers";const handler = {` +
		strings.TrimPrefix(module[strings.Index(module, "{ fetch:"):], "{") + `
export default class extends WorkerEntrypoint { fetch(request) { return handler.fetch(request, bound, this.ctx) } }`
	class = spin + "const start = spin(2e7)\nlet first = 1.2e7\n" + class
	request := measure.Request{
		URL: "https://flags.example/?country=cn", Headers: map[string]string{"cookie": "country=cn"},
		CF: map[string]string{"country": "cn"},
	}
	for name, engine := range engines(t) {
		for form, script := range map[string]string{
			"listener": "(() => {" + listener + "})()", "module": module, "class": class,
		} {
			r, err := engine.Measure(t.Context(), measure.Job{
				Script: []byte(script), Stored: []byte("stored"), Isolates: 2,
				Kinds: []measure.Kind{
					{Name: "one", Requests: []measure.Request{request}}, {
						Name: "all", Requests: []measure.Request{request, request},
					},
				},
			})
			if err != nil {
				t.Errorf("%s, %s: %v", name, form, err)
				continue
			}
			t.Logf("%s, %s: %+v", name, form, *r)
			if !strings.HasPrefix(r.Engine, name) || r.Isolates != 2 || len(r.Figures) != 2 ||
				r.Figures[1].Kind != "all" {
				t.Errorf("%s, %s: %+v", name, form, r)
			}
			// Far apart, so that no machine confuses them.
			for _, f := range r.Figures {
				if f.First.Median < 3*time.Millisecond || f.First.Worst < f.First.Median ||
					f.Warm.Median > f.First.Median/2 {
					t.Errorf("%s, %s: the costs of %s are %+v", name, form, f.Kind, f)
				}
			}
			if r.Startup.Median < 2*time.Millisecond {
				t.Errorf("%s, %s: the start takes %+v", name, form, r.Startup)
			}
		}
	}
}

func TestScriptsThatFail(t *testing.T) {
	for name, engine := range engines(t) {
		for want, script := range map[string]string{
			"nothing works": "export default { fetch() { throw new Error('nothing works') } }",
			"status 503":    "export default { fetch: () => new Response('', { status: 503 }) }",
			"neither":       "export const a = 1",
			"no Response":   "export default { fetch: () => 'text' }",
			"hung":          "export default { fetch: () => new Promise(() => {}) }",
			"top level":     "throw new Error('top level')",
		} {
			_, err := engine.Measure(t.Context(), measure.Job{
				Script: []byte(script), Isolates: 1,
				Kinds: []measure.Kind{{Requests: []measure.Request{{URL: "https://flags.example/"}}}},
			})
			var fails *measure.ScriptError
			if !errors.As(err, &fails) || !strings.Contains(fails.What, want) {
				t.Errorf("%s: the error of %q is %v", name, script, err)
			}
		}
	}
}

// TestEndless: a script that does not come to an end is distinguished from one that
// fails, at its start and in a request.
func TestEndless(t *testing.T) {
	for name, engine := range engines(t) {
		for _, script := range []string{
			"for (;;);\nexport default {}",
			"export default { fetch() { for (;;); } }",
		} {
			_, err := engine.Measure(t.Context(), measure.Job{
				Script: []byte(script), Isolates: 1, Patience: time.Second,
				Kinds: []measure.Kind{{Requests: []measure.Request{{URL: "https://flags.example/"}}}},
			})
			var fails *measure.ScriptError
			if !errors.As(err, &fails) || !fails.Endless {
				t.Errorf("%s: the error of %q is %v", name, script, err)
			}
		}
	}
}

func TestFind(t *testing.T) {
	if _, err := measure.Find(filepath.Join(t.TempDir(), "workerd"), "."); err == nil ||
		!strings.Contains(err.Error(), "there is no program") {
		t.Errorf("what is named and not there: %v", err)
	}
	dir := t.TempDir()
	file := func(text string, path ...string) string {
		name := filepath.Join(append([]string{dir}, path...)...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777),
			os.WriteFile(name, []byte(text), 0o777)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	binary := file("\x7fELF", "bin", "workerd")
	if engine, err := measure.Find(binary, "."); err != nil || engine != (measure.Workerd{Path: binary}) {
		t.Errorf("what is named: %v, %v", engine, err)
	}
	t.Setenv("PATH", "")
	if engine, err := measure.Find("", dir); err != nil || engine != nil {
		t.Errorf("nothing: %v, %v", engine, err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the threads of workerd cannot be measured")
	}
	t.Setenv("PATH", filepath.Dir(binary))
	if engine, _ := measure.Find("", dir); engine != (measure.Workerd{Path: binary}) {
		t.Errorf("on the PATH: %v", engine)
	}
	// npm puts a script before the program, which lies beside it.
	t.Setenv("PATH", "")
	file("#!/usr/bin/env node", "project", "node_modules", ".bin", "workerd")
	if engine, _ := measure.Find("", dir); engine != nil {
		t.Errorf("a script without its program: %v", engine)
	}
	arch := map[string]string{"amd64": "64", "arm64": "arm64"}[runtime.GOARCH]
	program := file("\x7fELF", "project", "node_modules", "@cloudflare", "workerd-linux-"+arch, "bin", "workerd")
	if engine, _ := measure.Find("", filepath.Join(dir, "project", "src")); engine != (measure.Workerd{Path: program}) {
		t.Errorf("in node_modules: %v", engine)
	}
}
