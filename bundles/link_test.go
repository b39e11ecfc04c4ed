package bundles_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// update writes the golden files again: go test ./bundles -update.
var update = flag.Bool("update", false, "write the golden files anew")

// encode makes a snapshot of testdata/flags.json.
func encode(t testing.TB, format snapshot.Format) *snapshot.Snapshot {
	t.Helper()
	document, err := os.ReadFile("testdata/flags.json")
	if err != nil {
		t.Fatal(err)
	}
	return encodeDocument(t, document, format)
}

func encodeDocument(t testing.TB, document []byte, format snapshot.Format) *snapshot.Snapshot {
	t.Helper()
	d, err := parse.Definitions(document, "production")
	if err != nil {
		t.Fatal(err)
	}
	program, problems := compile.Program(d)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := snapshot.Encode(d, program, snapshot.Spec{Format: format, Environment: "production"}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func link(t testing.TB, s *snapshot.Snapshot, script bundles.Script) *bundles.Linked {
	t.Helper()
	linked, err := bundles.Link(s, script)
	if err != nil {
		t.Fatal(err)
	}
	return linked
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), go test ./bundles -update takes it over:\n%s", path, diff)
	}
}

// TestSameBytes: scripts of every platform are the golden ones, however often
// they are made, wherever the worker lies.
func TestSameBytes(t *testing.T) {
	var table bytes.Buffer
	fmt.Fprintf(&table, "%-12s %-7s %-12s %6s %6s  %s\n", "platform", "worker", "flags", "bytes", "gzip", "SHA-256")
	for _, platform := range bundles.Platforms() {
		for _, format := range []snapshot.Format{snapshot.Rules1, snapshot.Evaluated1} {
			for _, entry := range []string{"", own(platform)} {
				var first *bundles.Linked
				for range 5 {
					linked := link(t, encode(t, format), bundles.Script{
						Platform: platform, Entry: entry, Dir: ownDir(t), Output: "out/worker.js", SourceMap: true,
					})
					if first == nil {
						first = linked
					}
					if !bytes.Equal(linked.Code, first.Code) || !bytes.Equal(linked.Map, first.Map) {
						t.Fatalf("%s: the same files give two scripts", platform)
					}
				}
				what := "stock"
				if entry != "" {
					what = "own"
				}
				fmt.Fprintf(&table, "%-12s %-7s %-12s %6d %6d  %x\n", platform, what, format, len(first.Code),
					gzipped(first.Code), sha256.Sum256(first.Code))
			}
		}
	}
	golden(t, "scripts.txt", table.Bytes())
}

// own names the worker of testdata/own for a platform.
func own(p bundles.Platform) string {
	if p.Listener() {
		return "listener.js"
	}
	return "module.ts"
}

// ownDir copies testdata/own, and adds what git would not take.
func ownDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/own")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "node_modules/package/package.json"),
		`{"name":"package","version":"1.0.0","main":"index.js"}`)
	write(t, filepath.Join(dir, "node_modules/package/index.js"), "exports.text = 'from the package'\n")
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// gzipped is about what a platform counts that counts compressed bytes.
func gzipped(text []byte) int {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Len()
}

// TestReadable keeps one script of each platform as it reads before it is
// minified, without the runtime between.
func TestReadable(t *testing.T) {
	for _, platform := range bundles.Platforms() {
		code := string(link(t, encode(t, snapshot.Rules1), bundles.Script{Platform: platform, Readable: true}).Code)
		begin, runtime, found := strings.Cut(code, "// flagcast:")
		constant := strings.Index(runtime, "// flagcast-bundle:")
		if !found || constant < 0 {
			t.Fatalf("%s: the parts are not marked:\n%s", platform, code)
		}
		golden(t, string(platform)+".txt", []byte(begin+"  … the runtime …\n"+runtime[constant:]))
	}
}

// TestOwnWorker: a worker of the user's, in TypeScript, with a module of its
// own and a package from node_modules, is counted by its parts.
func TestOwnWorker(t *testing.T) {
	linked := link(t, encode(t, snapshot.Rules1), bundles.Script{
		Platform: bundles.ESA, Entry: "module.ts", Dir: ownDir(t), Output: "worker.js", SourceMap: true,
	})
	code := string(linked.Code)
	for _, part := range []string{
		"from the package", "from a module", "node:crypto", "//# sourceMappingURL=worker.js.map",
	} {
		if !strings.Contains(code, part) {
			t.Errorf("the script has no %q", part)
		}
	}
	if strings.Contains(code, "edgekv") {
		t.Error("the script has parts of the runtime that nobody imports")
	}
	for _, source := range []string{
		`"node_modules/package/index.js"`, `"module.ts"`, `"lib/answer.ts"`, `"flagcast:flags.js"`,
	} {
		if !bytes.Contains(linked.Map, []byte(source)) {
			t.Errorf("the map does not name %s", source)
		}
	}
	s := linked.Size
	if s.Total != len(linked.Code) || s.Yours == 0 || s.Flags < len(encode(t, snapshot.Rules1).Content()) ||
		s.Runtime < 5000 || s.Yours+s.Runtime+s.Flags > s.Total {
		t.Errorf("the sizes are %+v of %d bytes", s, len(linked.Code))
	}
}

func TestLinkFaults(t *testing.T) {
	rules := encode(t, snapshot.Rules1)
	for _, tc := range []struct {
		name, text, want string
	}{
		{
			"syntax", "const a = 1\n\tlet b c\n",
			"worker.js:2:8: Expected \";\" but found \"c\"\n     2 | \tlet b c\n       | \t      ^\n",
		},
		{
			"missing module", "import './nowhere.js'\n",
			"worker.js:1:8: Could not resolve \"./nowhere.js\"\n     1 | import './nowhere.js'\n       |        " +
				"^^^^^^^^^^^^^^\n",
		},
		{
			"no default", "console.log(1)\n",
			"worker.js: it exports no default: a worker for esa is export default { fetch(request, env, ctx) { … } " +
				"}\n",
		},
		{
			"missing part", "import { nothing } from 'flagcast'\nnothing()\n",
			"worker.js:1:10: No matching export in \"flagcast:index.js\" for import \"nothing\"\n     1 | import { " +
				"nothing } from 'flagcast'\n       |          ^^^^^^^\n",
		},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "worker.js"), tc.text)
		_, err := bundles.Link(rules, bundles.Script{Platform: bundles.ESA, Entry: "worker.js", Dir: dir})
		var faults *bundles.LinkError
		if !errors.As(err, &faults) {
			t.Errorf("%s: the error is %v", tc.name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, faults.Report()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	_, err := bundles.Link(rules, bundles.Script{Platform: bundles.EdgeRoutine, Entry: "module.js", Dir: exporting(t)})
	if want := "module.js: it has no addEventListener: a worker for edgeroutine is addEventListener('fetch', event " +
		"=> event.respondWith(…))"; err == nil || err.Error() != want {
		t.Errorf("a module for EdgeRoutine: %v", err)
	}
	if _, err := bundles.Link(rules, bundles.Script{Platform: "fastly"}); err == nil ||
		!strings.Contains(err.Error(), `"fastly" is not one of`) {
		t.Errorf("an unknown platform: %v", err)
	}
	if _, err := bundles.Link(encode(t, snapshot.Definitions1), bundles.Script{Platform: bundles.ESA}); err == nil {
		t.Error("definitions were linked")
	}
}

// exporting is a folder with a worker in the form of other platforms.
func exporting(t *testing.T) string {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "module.js"), "export default { fetch: () => new Response('hi') }\n")
	return dir
}

// TestBypassWorker: a worker for a route of ESA in bypass mode exports no fetch,
// and links; docs/workers.md says that it is not measured.
func TestBypassWorker(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "worker.js"), `import { bundle, createViews } from 'flagcast'
import constant from 'flagcast/bundle'
const flags = createViews({ source: bundle(constant) })
export default { async bypass(request) {
  return new ResponseBypass((await flags.view({ url: request.url })).isEnabled('checkout')) } }
`)
	linked := link(t, encode(t, snapshot.Rules1), bundles.Script{Platform: bundles.ESA, Entry: "worker.js", Dir: dir})
	if code := string(linked.Code); !strings.Contains(code, "async bypass(") ||
		!strings.Contains(code, "ResponseBypass") {
		t.Errorf("the script has lost its handler:\n%s", code)
	}
}
