package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// TestLinks: what the documents link to, and the paths of this repository that
// they name, are there.
func TestLinks(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(need.Root(), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	for _, name := range []string{"README.md", "README.zh-CN.md", "CHANGELOG.md", "SECURITY.md"} {
		documents = append(documents, filepath.Join(need.Root(), name))
	}
	for _, path := range documents {
		document, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(document), -1) {
			if !strings.Contains(link[1], "://") {
				checkLink(t, path, link[1])
			}
		}
		for _, named := range regexp.MustCompile("`([a-z]+/[A-Za-z0-9_./-]*)`").FindAllStringSubmatch(string(document),
			-1) {
			top, _, _ := strings.Cut(named[1], "/")
			if !exists(filepath.Join(need.Root(), top)) || strings.Contains(named[1], "NAME") {
				continue // evaluated/1, and patterns
			}
			if named[1] == "examples/quickstart/out" {
				continue // serve makes it
			}
			if !exists(filepath.Join(need.Root(), filepath.FromSlash(named[1]))) {
				t.Errorf("%s names %s, which does not exist", filepath.Base(path), named[1])
			}
		}
	}
}

func checkLink(t *testing.T, from, link string) {
	t.Helper()
	file, anchor, _ := strings.Cut(link, "#")
	target := from
	if file != "" {
		target = filepath.Join(filepath.Dir(from), filepath.FromSlash(file))
	}
	text, err := os.ReadFile(target)
	if err != nil {
		t.Errorf("%s links to %s: %v", filepath.Base(from), link, err)
		return
	}
	if anchor == "" {
		return
	}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		if strings.ReplaceAll(strings.ToLower(strings.Trim(heading[1], "`")), " ", "-") == anchor {
			return
		}
	}
	t.Errorf("%s links to %s, which has no such heading", filepath.Base(from), link)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
