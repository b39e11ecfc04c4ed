package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

// TestHelp: every command says what it is for, in sentences, and what each of
// its flags means; so does what --help prints.
func TestHelp(t *testing.T) {
	for _, c := range newRoot().Commands() {
		t.Run(c.Name(), func(t *testing.T) {
			help := oneLine(helpOf(t, c.Name()))
			if c.Short == "" || strings.HasSuffix(c.Short, ".") {
				t.Errorf("the line in the list of commands is %q", c.Short)
			}
			if !strings.Contains(help, c.Short) && !strings.Contains(help, oneLine(c.Long)) {
				t.Errorf("--help does not say what it is for:\n%s", help)
			}
			c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
				if f.Hidden {
					return
				}
				_, meaning := pflag.UnquoteUsage(f)
				if meaning == "" {
					t.Errorf("--%s has no meaning", f.Name)
				}
				if !strings.Contains(help, "--"+f.Name+" ") || !strings.Contains(help, oneLine(meaning)) {
					t.Errorf("--help does not tell what --%s means:\n%s", f.Name, help)
				}
			})
			if !strings.Contains(help, "--config file") {
				t.Errorf("--help does not name --config:\n%s", help)
			}
		})
	}
}

// oneLine is a text without its line breaks and indents.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestHelpIsReadable: no line of --help repeats a word before a colon, shows how
// a switch is parsed, or is wider than a terminal.
func TestHelpIsReadable(t *testing.T) {
	flagLine := regexp.MustCompile(`^ +(?:-\w, |    )--[a-z0-9-]+(?: (\w+))?   +(.*)$`)
	names, lines := []string{"help", "completion"}, 0
	for _, c := range newRoot().Commands() {
		names = append(names, c.Name())
	}
	for _, name := range names {
		for line := range strings.Lines(helpOf(t, name)) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
			if strings.Contains(line, "[=") {
				t.Errorf("%s: %s", name, line)
			}
			found := flagLine.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			lines++
			if first, _, ok := strings.Cut(found[2], ":"); ok && first == found[1] {
				t.Errorf("%s: the meaning repeats the name of the value: %s", name, line)
			}
			if regexp.MustCompile(`^(of|for|from) `).MatchString(found[2]) {
				t.Errorf("%s: the meaning begins in the middle of a sentence: %s", name, line)
			}
		}
	}
	if lines < 100 {
		t.Errorf("only %d lines of flags were looked at", lines)
	}
}

// TestHelpOfEdge compares some lines whole: a flag with a value, a switch, one
// with a long name.
func TestHelpOfEdge(t *testing.T) {
	for command, want := range map[string][]string{
		"edge": {
			"  -t, --tokens tokens             backend tokens, separated by commas (TOKENS)\n",
			"      --tls-enable                serve TLS, too (TLS_ENABLE)\n",
			"  -f, --features-refresh-interval-seconds seconds\n" +
				"                                  time between two polls\n" +
				"                                  (FEATURES_REFRESH_INTERVAL_SECONDS)\n",
		},
		"offline": {"  -c, --client-tokens tokens      tokens of the client API (CLIENT_TOKENS)\n"},
	} {
		help := helpOf(t, command)
		for _, lines := range want {
			if !strings.Contains(help, lines) {
				t.Errorf("%s --help does not have\n%sit is\n%s", command, lines, help)
			}
		}
	}
}

func helpOf(t *testing.T, command string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{command, "--help"}, &stdout, &stderr); code != exit.Done || stderr.Len() > 0 {
		t.Fatalf("--help exits with %d: %s", code, &stderr)
	}
	return stdout.String()
}
