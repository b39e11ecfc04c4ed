package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
)

// hostile is a name that would begin commands of GitHub Actions, move the
// cursor, forge a line of the log, and turn the direction of what follows.
const hostile = "x\n::error title=forged::y\r\x1b[2J\u202e\u009b1m##[add-mask]z\tw\u2028::set-output::|`<b>"

// shown is the same as it is printed.
const shown = `x\n::error title=forged::y\r\x1b[2J\u202e\u009b1m#\x23[add-mask]z\tw\u2028::set-output::|` + "`<b>"

// quoted is the same in JSON and in the double-quoted strings of YAML.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// checkPrintable fails for output that acts on a terminal or on a workflow.
// allowed are lines that begin with "::" and are ours.
func checkPrintable(t *testing.T, what, output string, allowed ...string) {
	t.Helper()
	if !utf8.ValidString(output) {
		t.Errorf("%s is not UTF-8: %q", what, output)
	}
	for line := range strings.Lines(output) {
		line = strings.TrimSuffix(line, "\n")
		for _, r := range line {
			if !unicode.IsGraphic(r) || r != ' ' && unicode.IsSpace(r) {
				t.Errorf("%s has %U in %q", what, r, line)
			}
		}
		ours := false
		for _, a := range allowed {
			ours = ours || strings.HasPrefix(line, a)
		}
		if !ours && strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("%s has the command %q", what, line)
		}
	}
}

// hostileFlags is a document whose names are all hostile: on says whether its
// flag is on.
func hostileFlags(on bool, rollout int) string {
	name := quoted(hostile)
	return fmt.Sprintf(`{"version":2,"features":[
		{"name":%[1]s,"project":%[1]s,"type":"release","enabled":%[2]t,"strategies":[{"name":"flexibleRollout",
			"title":%[1]s,
			"parameters":{"rollout":"%[3]d","stickiness":%[1]s,"groupId":%[1]s},"segments":[1],
			"constraints":[{"contextName":%[1]s,"operator":"IN","values":[%[1]s]}],
			"variants":[{"name":%[1]s,"weight":1000,"payload":{"type":"string","value":%[1]s},"stickiness":%[1]s}]}],
			"variants":[],"dependencies":[{"feature":%[1]s}]},
		{"name":"::error::first","enabled":%[2]t,"strategies":[{"name":%[1]s,"parameters":{%[1]s:1}}]},
		{"name":"wrong","enabled":%[1]s,"strategies":[]},
		{"name":"plain","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"%[3]d"}}]}],
		"segments":[{"id":1,"name":%[1]s,"constraints":[{"contextName":%[1]s,"operator":%[1]s,
			"values":[]}]}]}`, name, on, rollout)
}

const hostileConfig = `
upstream: { file: flags.json }
log: { level: debug }
sinks: { out: { type: file, dir: out }, back: { type: file, dir: back } }
targets:
  - { name: rules, sink: out, environment: default, format: rules/1, key: rules, history: { sink: back, keep: 3 },
      context: { %[1]s: %[1]s } }
  - { name: answers, sink: out, environment: default, format: evaluated/1, key: answers, context: { %[1]s: %[1]s } }
  - { name: %[2]s, sink: out, environment: default, format: definitions/1, key: sdk }
`

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNamesArePrintable runs every command that prints names, over an upstream
// and a sink that are full of hostile ones.
func TestNamesArePrintable(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", "summary.md")
	writeFile(t, "flagcast.yaml", fmt.Sprintf(hostileConfig, quoted(hostile), quoted("::warning::"+hostile)))
	writeFile(t, "flags.json", hostileFlags(true, 10))
	writeFile(t, "worker.js", "import { x } from "+quoted(hostile)+"\n  x(\x1b[2J \u202e)\n")
	writeFile(t, "types.ts", "x: \x1b[2J\u202e\n::error::in a file\n")
	writeFile(t, "broken.json", "{\"features\":[\n ::error::broken\x1b[2J]}")
	writeFile(t, "bad.yaml", "upstream: { file: flags.json }\ntargets:\n  - { name: "+quoted(hostile)+", "+
		quoted("::error::"+hostile)+": 1, sink: "+quoted(hostile)+" }\n")
	server := hostileServer(t)

	for i, tc := range []struct {
		args  []string
		names bool // the hostile name is shown
		code  int
	}{
		{args: []string{"sync", "--dry-run"}, names: true},
		{args: []string{"sync"}, names: true},
		{args: []string{"check"}, names: true},
		{args: []string{"pin", "--target", "rules", "--current", "--reason", hostile}},
		{args: []string{"pin", "--target", hostile, "--current"}, names: true, code: -1},
		{args: []string{"sync"}, names: true},
		{args: []string{"status"}, names: true},
		{args: []string{"history"}},
		{args: []string{"unpin", "--target", "rules"}},
		{args: []string{"unpin", "--target", "::warning::" + hostile}, names: true, code: -1},
		{args: []string{"permissions"}},
		{args: []string{"permissions", "--sink", hostile}, code: -1},
		{args: []string{"eval", "--from", "flags.json"}, names: true},
		{
			args:  []string{"eval", "--from", "flags.json", "--explain", "--context", hostile + "=" + hostile},
			names: true,
		},
		{args: []string{"eval", "--from", "flags.json", "::error::missing\n" + hostile}, names: true, code: -1},
		{args: []string{"eval", "--from", "broken.json"}, code: -1},
		{args: []string{"eval", "--from", hostile}, names: true, code: -1},
		{args: []string{"export", "--from", "flags.json", "--format", "evaluated", "-o", "flags.js"}, names: true},
		{args: []string{
			"export", "--from", "flags.json", "--as", "script", "--platform", "esa", "--budget",
			"size=10B,cpu=off,startup=off", "-o", "w.js",
		}, names: true, code: -1},
		{args: []string{
			"export", "--from", "flags.json", "--as", "script", "--platform", "esa", "--entry", "worker.js", "-o",
			"w.js",
		}, code: -1},
		{args: []string{"types", "--from", "flags.json", "-o", "types.ts", "--check"}, names: true, code: -1},
		{
			args: []string{"compare", server.URL + "/a", server.URL + "/b", "--token", "*:default.token"}, names: true,
			code: -1,
		},
		{args: []string{"status", "--url", server.URL}, names: true},
		{args: []string{"ready", "--edge-url", server.URL}, names: true, code: -1},
		{args: []string{"serve", "--config", "bad.yaml"}, names: true, code: -1},
		{args: []string{hostile}, names: true, code: -1},
		{args: []string{"sync", "--" + hostile}, code: -1},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), tc.args, &stdout, &stderr)
			if tc.code == 0 && code != 0 || tc.code < 0 && code == 0 {
				t.Errorf("%q ends with %d:\n%s", tc.args, code, stderr.String())
			}
			checkPrintable(t, fmt.Sprintf("%q", tc.args), stdout.String(), "::error title=flagcast%3A target")
			checkPrintable(t, fmt.Sprintf("%q", tc.args), stderr.String(), "::error title=flagcast%3A target")
			if found := strings.Contains(stdout.String()+stderr.String(), `x\n::error title=forged::y`); tc.names &&
				!found {
				t.Errorf("%q does not show the name:\n%s%s", tc.args, stdout.String(), stderr.String())
			}
		})
	}
	summary, err := os.ReadFile("summary.md")
	if err != nil {
		t.Fatal(err)
	}
	checkPrintable(t, "the summary", string(summary))
	for line := range strings.Lines(string(summary)) {
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); strings.HasPrefix(line, "|") && n != 7 {
			t.Errorf("a row of the summary has %d bars: %s", n, line)
		}
	}

	// JSON has escapes of its own.
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"eval", "--from", "flags.json", "--json"}, &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	var flags []evaluated
	if err := json.Unmarshal(stdout.Bytes(), &flags); err != nil || len(flags) != 3 || flags[2].Flag != hostile {
		t.Errorf("%v, %+v", err, flags)
	}
}

// hostileServer answers as two upstreams, /a and /b, and as a core.
func hostileServer(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	toggles := func(enabled bool) string {
		return fmt.Sprintf(`{"toggles":[{"name":%[1]s,"enabled":%[2]t,"variant":{"name":%[1]s,"enabled":true}}]}`,
			quoted(hostile), enabled)
	}
	mux.Handle("/a/api/client/features", answer(200, hostileFlags(true, 10)))
	mux.Handle("/b/api/client/features", answer(200, hostileFlags(false, 20)))
	mux.Handle("/a/api/frontend/all", answer(200, toggles(true)))
	mux.Handle("/b/api/frontend/all", answer(200, toggles(false)))
	mux.Handle("/internal-backstage/ready", answer(503, fmt.Sprintf(`{"status":%[1]s,"error":%[1]s}`, quoted(hostile))))
	mux.Handle("/internal-backstage/targets", answer(200, fmt.Sprintf(`{"from":%[1]s,"targets":[{"target":"rules",
		"state":%[1]s,"lastError":%[1]s,"hint":%[1]s,
		"keys":[{"key":%[1]s,"digest":%[1]s,"pinned":%[1]s}],
		"seen":[{"probe":%[1]s,"error":%[1]s}]}]}`, quoted(hostile))))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// TestLogIsPrintable: no text of a record leaves its line, in either format,
// and on a terminal only the colors of the handler act.
func TestLogIsPrintable(t *testing.T) {
	log := func(format string) string {
		var out bytes.Buffer
		l := app.NewLogger(&out, config.Log{Format: format, Level: slog.LevelDebug}).With("environment", hostile)
		l.Info(hostile, "key", hostile, "plain", "##[error]\xffcut\ufffdoff", "err", errors.New(hostile),
			"list", []string{hostile}, "n", 7)
		l.WithGroup("g").Warn("::error::first", "several", "a\nb", "any", struct{ Name string }{hostile})
		return out.String()
	}
	text := log("text")
	checkPrintable(t, "the log", text)
	if n := strings.Count(text, "\n"); n != 2 {
		t.Errorf("two records are %d lines:\n%s", n, text)
	}
	for _, want := range []string{
		" INF " + shown + ": " + shown + " environment=", `plain=#\x23[error]\xffcut\ufffdoff`, " n=7\n",
		` WRN \x3a:error::first environment=`, `g.several="a\nb"`,
		`\\x1b[2J\\u202e\\u009b1m`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not have %q:\n%s", want, text)
		}
	}
	for line := range strings.Lines(log("json")) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil || record["environment"] != hostile {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// Changes of one record are indented lines below it, or a list in JSON.
func TestLogListsChanges(t *testing.T) {
	log := func(format string) string {
		var out bytes.Buffer
		l := app.NewLogger(&out, config.Log{Format: format}).With("target", "web")
		l.Info("published", "took", "3ms", "changed", 7, "changes", []string{
			"!! a on -> OFF for everyone", "+ b\nERR forged", "… and 5 more flags",
		})
		return out.String()
	}
	text := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `).ReplaceAllString(log("text"), "")
	want := "INF published target=web took=3ms changed=7\nINF   !! a on -> OFF for everyone target=web\n" +
		"INF   + b\\nERR forged target=web\nINF   … and 5 more flags target=web\n"
	if text != want {
		t.Errorf("the text is\n%s\nwant\n%s", text, want)
	}
	var record struct {
		Msg     string
		Changes []string
	}
	if err := json.Unmarshal([]byte(log("json")), &record); err != nil || record.Msg != "published" ||
		len(record.Changes) != 3 {
		t.Errorf("%v: %s", err, log("json"))
	}
}

// TestOutputIsMadePrintable: commands print through package printable. What is
// printed by fmt alone has no text from elsewhere in it.
func TestOutputIsMadePrintable(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !prints(call) {
				return true
			}
			for _, arg := range call.Args[1:] {
				if !harmless(arg) {
					t.Errorf("%s: print it by printable.Fprintf", set.Position(arg.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil || files < 30 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestOnlyPaintersColor: the program has no escape sequence of its own. Those of
// package printable are put around text that is printable.
func TestOnlyPaintersColor(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil && strings.ContainsAny(text, "\x1b\u009b") {
					t.Errorf("%s: color it by printable.Painter", set.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// prints reports whether a call writes text to where a command writes, and not
// into a builder.
func prints(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	from, _ := f.X.(*ast.Ident)
	if from == nil {
		return false
	}
	formats := from.Name == "fmt" && strings.HasPrefix(f.Sel.Name, "Fprint")
	if writes := from.Name == "io" && f.Sel.Name == "WriteString"; !formats && !writes {
		return false
	}
	into, builder := call.Args[0].(*ast.UnaryExpr)
	return !builder || into.Op != token.AND
}

// harmless reports whether an argument is a constant, or was made printable.
func harmless(arg ast.Expr) bool {
	switch arg := arg.(type) {
	case *ast.BasicLit:
		return true
	case *ast.BinaryExpr:
		return harmless(arg.X) && harmless(arg.Y)
	case *ast.CallExpr:
		name := ""
		switch f := arg.Fun.(type) {
		case *ast.SelectorExpr:
			if from, ok := f.X.(*ast.Ident); ok && from.Name == "printable" {
				return true
			}
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		// They make texts of several lines, and are tested above.
		return name == "Report" || name == "Text" || name == "githubProperty" || name == "githubData" ||
			name == "githubTable"
	}
	return false
}

func TestHostileGitHub(t *testing.T) {
	summary := filepath.Join(t.TempDir(), "summary.md")
	rows := []report.GitHubRow{{Target: "::warning::" + hostile, Action: hostile, Key: hostile, Err: hostile}}
	variables := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": summary}
	var out bytes.Buffer
	if err := report.GitHub(&out, rows, func(name string) string { return variables[name] }); err != nil {
		t.Fatal(err)
	}
	const began = "::error title=flagcast%3A target "
	checkPrintable(t, "the annotation", out.String(), began)
	if text, _, _ := strings.Cut(strings.TrimPrefix(out.String(), began), "::"); strings.ContainsAny(text, ":,") ||
		strings.Count(out.String(), "\n") != 1 {
		t.Errorf("the annotation is %q", out.String())
	}
	table, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	checkPrintable(t, "the summary", string(table))
	for _, raw := range []string{"`<b>", "[add-mask]z", "::warning"} {
		if strings.Contains(strings.ReplaceAll(string(table), `\`+raw[:1], ""), raw) {
			t.Errorf("the summary has %q: %s", raw, table)
		}
	}
}

// TestReport: an error is one line, and each of several that were joined has
// its own.
func TestReport(t *testing.T) {
	for want, err := range map[string]error{
		"flagcast: error: one\n":            errors.New("one"),
		"flagcast: error: x\\n::error::y\n": errors.New("x\n::error::y"),
		"flagcast: error: open: a\n  b\\n::error::c\nflagcast: hint: mend it\\n\n": exit.With(1,
			fmt.Errorf("open: %w", errors.Join(errors.New("a"), errors.New("b\n::error::c"))), "mend it\n"),
		"flagcast: error: a.json:1:2: no\n  text\\x1b\n   ^\n": errors.New("a.json:1:2: no\n  text\x1b\n   ^"),
	} {
		var out bytes.Buffer
		if exit.Report(&out, err); out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}
