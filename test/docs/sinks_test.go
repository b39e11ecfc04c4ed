// Package docs_test compares what the documents state with what the code does,
// where no single package has both. Documents of one package are tested
// there: docs/configuration.md in cmd/flagcast/config, docs/commands.md in
// cmd/flagcast, docs/snapshot-format.md in edgecore/snapshot.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
	"github.com/flagcast/flagcast/sinks/cloudflare"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/file"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/test/need"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(need.Root(), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns the text under a heading, up to the next of its level or
// above.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(document, "\n"+heading+"\n")
	if !found {
		t.Fatalf("there is no heading %q", heading)
	}
	level := len(heading) - len(strings.TrimLeft(heading, "#"))
	for i := 2; i <= level; i++ {
		text, _, _ = strings.Cut(text, "\n"+strings.Repeat("#", i)+" ")
	}
	return text
}

// rows returns the cells of the rows whose first cell begins with code, by
// that code.
func rows(text string) map[string][]string {
	found := map[string][]string{}
	for _, line := range regexp.MustCompile("(?m)^\\| `([^`]+)`.*\\|$").FindAllStringSubmatch(text, -1) {
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line[0], "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		found[line[1]] = cells
	}
	return found
}

// open makes a sink of each type, of settings that it takes.
func open(t *testing.T, kind string) sinks.Sink {
	t.Helper()
	settings, _ := all.Settings(kind)
	switch c := settings.(type) {
	case *cloudflare.Config:
		c.Account, c.Namespace, c.APIToken = "account", "namespace", secret.New("token")
	case *edgekv.Config:
		c.Namespace, c.Credentials.AccessKeyID, c.Credentials.AccessKeySecret = "namespace", "id", secret.New("secret")
	case *file.Config:
		c.Dir = "dir"
	case *oss.Config:
		c.Bucket, c.Region, c.Credentials.AccessKeyID, c.Credentials.AccessKeySecret = "bucket", "cn-hangzhou", "id",
			secret.New("secret")
	}
	sink, err := all.New(kind, settings)
	if err != nil {
		t.Fatalf("%s: %v: the test has to know what it needs", kind, err)
	}
	return sink
}

// TestPropagation: the times in docs/cdn.md are those of Limits.
func TestPropagation(t *testing.T) {
	documented := rows(section(t, read(t, "docs/cdn.md"), "## How fresh"))
	want := map[string][]string{}
	for _, kind := range all.Types() {
		limits := open(t, kind).Limits()
		usual, worst := seconds(limits.Propagation), seconds(limits.PropagationMax)
		if limits.Propagation > 0 && limits.PropagationMax == 0 {
			worst = "no promise"
		}
		want[kind] = []string{"`" + kind + "`", usual, worst}
		if len(documented[kind]) > 3 {
			documented[kind] = documented[kind][:3] // the source is for people
		}
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("(-code +document):\n%s", diff)
	}
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "at once"
	}
	return strings.TrimSuffix(time.Duration(d.Seconds()).String(), "ns") + " s"
}

// TestEverySinkRunsTheSuite, as docs/adding-a-sink.md asks for.
func TestEverySinkRunsTheSuite(t *testing.T) {
	for _, kind := range all.Types() {
		tests, err := filepath.Glob(filepath.Join(need.Root(), "sinks", kind, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		tested := slices.ContainsFunc(tests, func(path string) bool {
			text, err := os.ReadFile(path)
			return err == nil && strings.Contains(string(text), "sinktest.Run(")
		})
		if !tested {
			t.Errorf("no test of the sink %q calls sinktest.Run", kind)
		}
	}
}
