package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// chinese are the pages in Chinese, with the page in English that each one follows.
var chinese = map[string]string{
	"README.zh-CN.md": "README.md", "docs/zh/start.md": "README.md", "docs/zh/workers.md": "docs/workers.md",
	"docs/zh/deploying.md": "docs/deploying.md", "docs/zh/runbook.md": "docs/runbook.md",
}

// TestChinesePages: every key, command, header and metric of a page in Chinese is one of
// the pages in English, and each page leads to the one in English.
func TestChinesePages(t *testing.T) {
	var english strings.Builder
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/workers/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(need.Root(), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, "README.zh-CN.md") {
				english.Write(text)
			}
		}
	}
	all := english.String()
	word := regexp.MustCompile(`[A-Za-z][\w.-]*[A-Za-z0-9]`)
	fence := regexp.MustCompile("(?s)```.*?```")
	spans := 0
	for page, original := range chinese {
		text := read(t, page)
		if !strings.Contains(text, "[English](") {
			t.Errorf("%s does not lead to %s", page, original)
		}
		for _, span := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(fence.ReplaceAllString(text, ""),
			-1) {
			spans++
			for _, one := range word.FindAllString(span[1], -1) {
				if !strings.Contains(all, one) {
					t.Errorf("%s names %q in `%s`, which no page in English has", page, one, span[1])
				}
			}
		}
	}
	if spans < 80 {
		t.Errorf("%d names", spans)
	}
}

// TestChineseTables: the options of the worker are those of the page in English, with
// the same defaults.
func TestChineseTables(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\|")
	defaults := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(section(t, read(t, "docs/workers.md"), "## Your own worker"), -1) {
		defaults[m[1]] = strings.TrimSpace(m[2])
	}
	found := 0
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/zh/workers.md"), -1) {
		found++
		if defaults[m[1]] != strings.TrimSpace(m[2]) {
			t.Errorf("%s: default %s, in English %s", m[1], m[2], defaults[m[1]])
		}
	}
	if found != 8 {
		t.Errorf("%d options, want 8", found)
	}
}
