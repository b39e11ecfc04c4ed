package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/examples/quickstart"
	"github.com/flagcast/flagcast/test/need"
)

const tourDocument = "../../docs/tour.md"

// TestTour: the captures in docs/tour.md are what the commands print.
func TestTour(t *testing.T) {
	need.Node(t)
	tour := &tour{t: t, dir: t.TempDir()}
	t.Chdir(tour.dir)
	t.Setenv(workerdVariable, "")
	captures := map[string]string{
		"serve": tour.serve(), "dev": tour.dev(), "plan": "", "apply": "", "eval": "", "reload": "",
	}
	captures["plan"], captures["apply"] = tour.plan()
	captures["eval"] = tour.run("eval", "new-checkout", "--from", "flagcast-demo/flags.json", "--context", "userId=7",
		"--explain")
	captures["reload"] = tour.reload()

	path := filepath.Join(need.Root(), "docs", filepath.Base(tourDocument))
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- capture: (\\w+) -->\n```text\n.*?```")
	found := 0
	now := block.ReplaceAllStringFunc(string(document), func(old string) string {
		found++
		name := block.FindStringSubmatch(old)[1]
		return "<!-- capture: " + name + " -->\n```text\n" + captures[name] + "```"
	})
	if found != len(captures) {
		t.Errorf("the document has %d captures, want %d", found, len(captures))
	}
	if *update {
		if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(document), now); diff != "" {
		t.Errorf("(-document +now) go test ./cmd/flagcast -run TestTour -update takes it over:\n%s", diff)
	}
}

// tour captures what commands print in a folder.
type tour struct {
	t   *testing.T
	dir string
}

// replaced are parts of an output that differ from run to run.
var replaced = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d\d:\d\d:\d\d `), ""},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`version=\S+`), "version=v0.1.0"},
	{regexp.MustCompile(`took=\S+`), "took=102ms"},
	{regexp.MustCompile(`\b54\d\b`), "548"}, // bytes: a time may end with zeros, which are left out
	{regexp.MustCompile(`Node\.js v[\d.]+`), "Node.js v22"},
	{regexp.MustCompile(`(?m)\s+$`), ""},
}

func normal(text string) string {
	for _, r := range replaced {
		text = r.pattern.ReplaceAllString(text, r.with)
	}
	return text + "\n"
}

func (c *tour) run(args ...string) string {
	c.t.Helper()
	var out, errs bytes.Buffer
	run(c.t.Context(), args, &out, &errs)
	return normal(out.String() + errs.String())
}

func (c *tour) edit(file, old, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, file)
	before, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(before), old) {
		c.t.Fatalf("%s has no %q: %v", file, old, err)
	}
	writeFile(c.t, path+".new", strings.Replace(string(before), old, text, 1))
	if err := os.Rename(path+".new", path); err != nil {
		c.t.Fatal(err)
	}
}

// begin writes the files of the demo, with any free port.
func (c *tour) begin() {
	c.t.Helper()
	if err := os.RemoveAll(filepath.Join(c.dir, demoFolder)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := quickstart.Write(filepath.Join(c.dir, demoFolder)); err != nil {
		c.t.Fatal(err)
	}
	c.edit("flagcast-demo/flagcast.yaml", "127.0.0.1:3063", "127.0.0.1:0")
}

// step is what is done after a line of the log.
type step struct {
	after string
	do    func(*child)
}

// watch starts a program and returns its log up to a line, which is the last.
func (c *tour) watch(steps []step, last string, args ...string) string {
	c.t.Helper()
	program := startChild(c.t, c.dir, args...)
	var lines []string
	log := bufio.NewScanner(program.stderr)
	for log.Scan() {
		lines = append(lines, log.Text())
		if len(steps) > 0 && strings.Contains(log.Text(), steps[0].after) {
			steps[0].do(program)
			steps = steps[1:]
		} else if len(steps) == 0 && strings.Contains(log.Text(), last) {
			break
		}
	}
	if err := program.Process.Kill(); err != nil {
		c.t.Error(err)
	}
	_ = program.Wait()
	if len(steps) > 0 || len(lines) == 0 {
		c.t.Fatalf("the log ends before %q: %s", last, strings.Join(lines, "\n"))
	}
	return normal(strings.Join(lines, "\n"))
}

func (c *tour) serve() string {
	c.begin()
	return c.watch(nil, "published", "serve", "--demo")
}

func (c *tour) dev() string {
	c.begin()
	return c.watch([]step{
		{"try: curl", func(*child) { c.edit("flagcast-demo/flags.json", `"rollout": "10"`, `"rollout": "25"`) }},
		{"runs with the change", func(*child) { c.edit("flagcast-demo/flags.json", `"version": 2,`, `"version": 2`) }},
	}, "cannot read", "dev", "--demo", "--listen", "127.0.0.1:0", "--engine", "node")
}

func (c *tour) plan() (plan, apply string) {
	c.begin()
	config := []string{"--config", "flagcast-demo/flagcast.yaml"}
	c.edit("flagcast-demo/flagcast.yaml", "evaluated/1", "rules/1")
	c.edit("flagcast-demo/flagcast.yaml", "context: { country: cn, userId: user-12 }", "context: {}")
	c.run(append([]string{"sync"}, config...)...)
	c.edit("flagcast-demo/flags.json", `"rollout": "10"`, `"rollout": "25"`)
	plan = c.run(append([]string{"sync", "--dry-run", "--out", "plan.json"}, config...)...)
	return plan, c.run(append([]string{"sync", "--plan", "plan.json"}, config...)...)
}

func (c *tour) reload() string {
	c.begin()
	whole := c.watch([]step{{"published", func(p *child) {
		c.edit("flagcast-demo/flagcast.yaml", "    sink: out", "    sink: outt")
		_ = p.Process.Signal(syscall.SIGHUP)
	}}}, "was not taken", "serve", "--demo")
	_, after, _ := strings.Cut(whole, "published")
	_, after, _ = strings.Cut(after, "\n")
	return after
}
