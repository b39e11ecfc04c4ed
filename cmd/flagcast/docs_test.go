package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const commandsDocument = "../../docs/commands.md"

// docSections splits docs/commands.md by its headings of the second level.
func docSections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(commandsDocument))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for part := range strings.SplitSeq("\n"+string(text), "\n## ") {
		title, body, _ := strings.Cut(part, "\n")
		found[title] = body
	}
	return found
}

// TestCommandsAreDocumented: each command has a section whose table holds its
// flags, with shorthands and defaults, and which names no others.
func TestCommandsAreDocumented(t *testing.T) {
	documented := docSections(t)
	root := newRoot()
	root.InitDefaultHelpFlag()
	if diff := cmp.Diff(flagRows(root.Flags(), root.PersistentFlags()),
		docRows(documented["All commands"])); diff != "" {
		t.Errorf("flags of all commands (-code +document):\n%s", diff)
	}
	known := []string{"", "# Commands", "All commands", "Exit codes"}
	for _, c := range root.Commands() {
		known = append(known, c.Name())
		section, ok := documented[c.Name()]
		if !ok {
			t.Errorf("the command %q has no section", c.Name())
			continue
		}
		if diff := cmp.Diff(flagRows(visibleFlags(c)), docRows(section)); diff != "" {
			t.Errorf("flags of %s (-code +document):\n%s", c.Name(), diff)
		}
		for _, alias := range c.Aliases {
			if !strings.Contains(section, "`"+alias+"`") {
				t.Errorf("%s: the alias %q is missing", c.Name(), alias)
			}
		}
		for _, flag := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(section, -1) {
			if name := flag[2:]; c.Flag(name) == nil && name != "help" {
				t.Errorf("%s: the section names %s, which the command does not have", c.Name(), flag)
			}
		}
	}
	for title := range documented {
		if !slices.Contains(known, title) {
			t.Errorf("the section %q is of no command", title)
		}
	}
}

// flagRows gives the first two cells of a row for each flag, but --help, which
// cobra adds to every command.
func flagRows(sets ...*pflag.FlagSet) map[string]string {
	rows := map[string]string{}
	for _, set := range sets {
		set.VisitAll(func(f *pflag.Flag) {
			names, value := "`--"+f.Name+"`", "`"+f.DefValue+"`"
			if f.Shorthand != "" {
				names += ", `-" + f.Shorthand + "`"
			}
			if f.DefValue == "" || f.DefValue == "[]" {
				value = "—"
			}
			rows[names] = value
		})
	}
	return rows
}

func docRows(section string) map[string]string {
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`--[^|]*) \\| ([^|]*) \\|").FindAllStringSubmatch(section, -1) {
		rows[row[1]] = row[2]
	}
	return rows
}

// TestExamplesParse: the lines in shell blocks are commands with flags that
// there are.
func TestExamplesParse(t *testing.T) {
	examples := 0
	for title, body := range docSections(t) {
		for i, block := range strings.Split(body, "```") {
			lines, isShell := strings.CutPrefix(block, "sh\n")
			if i%2 == 0 || !isShell {
				continue
			}
			for line := range strings.Lines(lines) {
				_, arguments, found := strings.Cut(" "+line, " flagcast ")
				if !found {
					t.Errorf("%s: %q does not call flagcast", title, line)
					continue
				}
				examples++
				c, rest, err := newRoot().Find(strings.Fields(arguments))
				if err == nil {
					err = parseExample(c, rest)
				}
				if err != nil || c.Name() != title {
					t.Errorf("%s: %q is not of this command: %v", title, line, err)
				}
			}
		}
	}
	if examples == 0 {
		t.Error("the document has no examples")
	}
}

func parseExample(c *cobra.Command, arguments []string) error {
	if err := c.ParseFlags(arguments); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// TestExitCodesAreDocumented compares the constants of package exit with the
// table, and with what the help text of sync says.
func TestExitCodesAreDocumented(t *testing.T) {
	var codes []string
	file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash("exit/exit.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok && value.Kind == token.INT {
			codes = append(codes, value.Value)
		}
		return true
	})
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(docSections(t)["Exit codes"], -1) {
		documented = append(documented, row[1])
	}
	if diff := cmp.Diff(codes, documented); diff != "" || len(codes) == 0 {
		t.Errorf("exit codes (-code +document):\n%s", diff)
	}
	// Between them the two commands that have more than three list all.
	var listed []string
	for _, name := range []string{"sync", "export"} {
		c, _, err := newRoot().Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		_, help, _ := strings.Cut(c.Long, "Exit codes:")
		listed = append(listed, regexp.MustCompile(`\b\d+\b`).FindAllString(help, -1)...)
	}
	slices.Sort(listed)
	slices.Sort(codes)
	if listed = slices.Compact(listed); !slices.Equal(listed, codes) {
		t.Errorf("the help texts of sync and export list the exit codes %v, there are %v", listed, codes)
	}
}

// visibleFlags are those that documents of a command list: flags of Unleash
// Edge are in a table of their own.
func visibleFlags(c *cobra.Command) *pflag.FlagSet {
	set := pflag.NewFlagSet(c.Name(), pflag.ContinueOnError)
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if _, ofEdge := f.Value.(*edgeValue); !ofEdge {
			set.AddFlag(f)
		}
	})
	return set
}

// TestCommandLinesOfDocuments: each line of a shell block that calls flagcast is a
// command with flags that there are, in every document.
func TestCommandLinesOfDocuments(t *testing.T) {
	var documents []string
	for _, pattern := range []string{
		"*.md", "docs/*.md", "docs/*/*.md", "examples/workers/*.md", "examples/workers/*/*.md",
	} {
		found, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```")
	call := regexp.MustCompile(`(?:^|[ |])flagcast ([a-z].*)$`)
	lines := 0
	for _, path := range documents {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(strings.ReplaceAll(found[1], "\\\n", " ")) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
				m := call.FindStringSubmatch(line)
				if m == nil || strings.HasPrefix(line, "#") || strings.Contains(line, "kubectl") ||
					strings.Contains(line, "docker") || strings.Contains(line, "helm") {
					continue
				}
				lines++
				arguments, _, _ := strings.Cut(m[1], " | ")
				c, rest, err := newRoot().Find(shellWords(arguments))
				if err == nil {
					err = parseExample(c, rest)
				}
				if err != nil || !c.HasParent() {
					t.Errorf("%s: %q: %v", path, line, err)
				}
			}
		}
	}
	if lines < 40 {
		t.Errorf("%d lines call flagcast", lines)
	}
}

// shellWords splits a command line at blanks outside of quotes.
func shellWords(line string) []string {
	var list []string
	for _, word := range regexp.MustCompile(`(?:[^ "']|"[^"]*"|'[^']*')+`).FindAllString(line, -1) {
		if strings.ContainsAny(word, "<>&;") {
			break
		}
		list = append(list, strings.Trim(word, `"'`))
	}
	return list
}
