package docs_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/test/need"
)

const workersDocument = "docs/workers.md"

// words returns what a pattern finds in a text, each once, sorted.
func words(pattern, text string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// firstCells returns the names in code in the first cells of all tables.
func firstCells(text string) string {
	return strings.Join(words("(?m)^\\| (`[^|]*) \\|", text), " ")
}

// members lists what an interface of index.d.ts has, with what it extends.
func members(t *testing.T, name string) []string {
	t.Helper()
	found := regexp.MustCompile(`export interface ` + name +
		`(?:<[^>]*>)?(?: extends (\w+)\S*)? \{\n([^}]*\n)\}`).FindStringSubmatch(read(t, "workers/src/index.d.ts"))
	if found == nil {
		t.Fatalf("index.d.ts has no interface %s", name)
	}
	names := words(`(?m)^  (?:readonly )?(\w+)\??[<:(]`, found[2])
	if found[1] != "" {
		names = append(names, members(t, found[1])...)
		slices.Sort(names)
	}
	return names
}

func TestWorkersDocument(t *testing.T) {
	document := read(t, workersDocument)
	own := section(t, document, "## Your own worker")
	tables := strings.Split(own, "\n\n| ")
	if len(tables) != 4 {
		t.Fatalf("%d tables in \"Your own worker\", want exports, options and members", len(tables)-1)
	}
	table := func(i int) string { return firstCells("\n| " + tables[i]) }
	for _, tc := range []struct {
		what      string
		want, got []string
	}{
		{
			"exports", words(`\b(\w+)\b`,
				strings.Join(words(`export \{([^}]*)\}`, read(t, "workers/src/index.js")), " ")),
			words("`(\\w+)", table(1)),
		},
		{"options", members(t, "Options"), words("`(\\w+)`", table(2))},
		{"members", members(t, "Flags"), words("`(\\w+)\\(", table(3))},
		{"members of a view", members(t, "View"), words("`view\\.(\\w+)\\(", table(3))},
		{"usage", members(t, "Usage"), words("`(\\w+)`", firstCells(section(t, document, "## Usage")))},
		{"status", members(t, "Status"), words("`(\\w+)`", firstCells(section(t, document, "## Status")))},
		{
			"variables", words(`env\.(FLAGCAST_\w+)`, read(t, "workers/src/entries/cloudflare.js")),
			words(`(FLAGCAST_\w+)`, section(t, document, "### Cloudflare Workers")),
		},
		{"bindings", []string{"FLAGS"}, words(`binding = "(\w+)"`, document)},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-code +document):\n%s", tc.what, diff)
		}
	}
	if !strings.Contains(read(t, "workers/src/entries/cloudflare.js"), "env.FLAGS") {
		t.Error("the entry for Cloudflare reads another binding than FLAGS")
	}
}

// TestSizes: the stock entries are as small as the document says.
func TestSizes(t *testing.T) {
	document := read(t, workersDocument)
	stated := regexp.MustCompile(`under (\d+) kB, ([\d.]+) kB after gzip`).FindStringSubmatch(
		strings.Join(strings.Fields(document), " "))
	if stated == nil {
		t.Fatal("the document states no sizes")
	}
	limit, err := strconv.Atoi(stated[1])
	if err != nil {
		t.Fatal(err)
	}
	esbuild := filepath.Join(need.Module(t, "esbuild"), "bin", "esbuild")
	entries, err := filepath.Glob(filepath.Join(need.Root(), "workers", "src", "entries", "*.js"))
	if err != nil || len(entries) == 0 {
		t.Fatal("no entries", err)
	}
	for _, entry := range entries {
		if name := "workers/src/entries/" + filepath.Base(entry); !strings.Contains(document, "`"+name+"`") {
			t.Errorf("the document does not name %s", name)
		}
		format := "esm"
		if filepath.Base(entry) == "edgeroutine.js" {
			format = "iife"
		}
		script, err := exec.CommandContext(t.Context(), esbuild, entry, "--bundle", "--minify", "--target=es2020",
			"--format="+format).Output()
		if err != nil {
			t.Fatal(err)
		}
		if len(script) >= limit*1000 {
			t.Errorf("%s has %d bytes, the document says under %d kB", entry, len(script), limit)
		}
		var small bytes.Buffer
		z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression)
		_, _ = z.Write(script)
		_ = z.Close()
		if kB := fmt.Sprintf("%.1f", float64(small.Len())/1000); filepath.Base(entry) == "cloudflare.js" &&
			kB != stated[2] {
			t.Errorf("%s has %s kB after gzip, the document says %s", entry, kB, stated[2])
		}
	}
}

// TestOneKeyForRules: README's targets store rules under the key that every
// stock entry and the document's own workers read.
func TestOneKeyForRules(t *testing.T) {
	keys := words(`format: rules/1,.* key: ([\w-]+)`, read(t, "README.md"))
	if len(keys) != 1 {
		t.Fatalf("the README stores rules under %q, want one key", keys)
	}
	entries, err := filepath.Glob(filepath.Join(need.Root(), "workers", "src", "entries", "*.js"))
	if err != nil || len(entries) < 3 {
		t.Fatal(entries, err)
	}
	for _, entry := range entries {
		if read := words(`'(unleash-[\w-]+)'`, read(t, "workers/src/entries/"+filepath.Base(entry))); !slices.Equal(
			read, keys) {
			t.Errorf("%s reads %q, the README stores %q", filepath.Base(entry), read, keys)
		}
	}
	document := read(t, workersDocument)
	if stated := words("\\| `FLAGCAST_KEY` \\| `([\\w-]+)` \\|", document); !slices.Equal(stated, keys) {
		t.Errorf("the document says %q", stated)
	}
	if read := words(`(?:kv\(env\.FLAGS, |edgekv\(\{ namespace: 'flags', key: )'([\w-]+)'`,
		document); !slices.Equal(read, keys) {
		t.Errorf("workers of the document read %q", read)
	}
}

// TestCompatibilityDates: documents name the date that the tests of the runtime
// run with, and the build of the Cloudflare example has a folder of its own, which
// wrangler dev watches.
func TestCompatibilityDates(t *testing.T) {
	read := func(elements ...string) string {
		content, err := os.ReadFile(filepath.Join(append([]string{need.Root()}, elements...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	tested := regexp.MustCompile(`date = '(\d{4}-\d\d-\d\d)'`).FindStringSubmatch(read("workers", "test", "workerd.js"))
	if tested == nil {
		t.Fatal("workers/test/workerd.js has no date")
	}
	wrangler := read("examples", "workers", "cloudflare", "wrangler.toml")
	for name, text := range map[string]string{
		"docs/workers.md": read("docs", "workers.md"), "wrangler.toml": wrangler,
	} {
		if !strings.Contains(text, `compatibility_date = "`+tested[1]+`"`) {
			t.Errorf("%s does not name the compatibility date %s", name, tested[1])
		}
	}
	if !strings.Contains(wrangler, `main = "dist/`) {
		t.Error("wrangler watches the folder of main, which must be one of its own")
	}
}
