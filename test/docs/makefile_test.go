package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMakeHelp: every target of the Makefile has a line in make help, and the
// documents name no target that does not exist.
func TestMakeHelp(t *testing.T) {
	makefile := read(t, "Makefile")
	var targets []string
	for line := range strings.Lines(makefile) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok || !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(name) || strings.HasPrefix(rest, "=") {
			continue
		}
		targets = append(targets, name)
		if !strings.Contains(rest, " ## ") {
			t.Errorf("make %s has no line in make help: put it behind ## on its line", name)
		}
	}
	if len(targets) == 0 || targets[0] != "help" {
		t.Errorf("the default target is not help: %q", targets)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", ".ci/run"} {
		uses := regexp.MustCompile("(?m)(?:`|^|exec )make ([a-z0-9-]+)")
		for _, use := range uses.FindAllStringSubmatch(read(t, name), -1) {
			if !slices.Contains(targets, use[1]) {
				t.Errorf("%s names make %s, which does not exist", name, use[1])
			}
		}
	}
}

// TestWorkflowRunsEveryPart: the workflow runs all parts of make test.
func TestWorkflowRunsEveryPart(t *testing.T) {
	line := regexp.MustCompile(`(?m)^test: ([^#\n]*)`).FindStringSubmatch(read(t, "Makefile"))
	if line == nil {
		t.Fatal("the Makefile has no target test")
	}
	var want, got []string
	for _, part := range strings.Fields(line[1]) {
		if part != "deps" {
			want = append(want, part)
		}
	}
	parts := regexp.MustCompile(`(?m)^ +- ((?:test-[a-z0-9-]+ ?)+)$`)
	for _, m := range parts.FindAllStringSubmatch(read(t, ".github/workflows/test.yml"), -1) {
		got = append(got, strings.Fields(m[1])...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("the workflow runs %q, make test %q", got, want)
	}
}
