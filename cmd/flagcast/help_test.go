package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestHelp: every command says what it is for, in sentences, and what each of
// its flags means; so does what --help prints.
func TestHelp(t *testing.T) {
	for _, c := range newRoot().Commands() {
		t.Run(c.Name(), func(t *testing.T) {
			help := helpOf(t, c.Name())
			if c.Short == "" || strings.HasSuffix(c.Short, ".") {
				t.Errorf("the line in the list of commands is %q", c.Short)
			}
			if !strings.Contains(help, c.Short) && !strings.Contains(help, c.Long) {
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
				if !strings.Contains(help, "--"+f.Name+" ") || !strings.Contains(help, meaning) {
					t.Errorf("--help does not tell what --%s means:\n%s", f.Name, help)
				}
			})
			if !strings.Contains(help, "--config file") {
				t.Errorf("--help does not name --config:\n%s", help)
			}
		})
	}
}

func helpOf(t *testing.T, command string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{command, "--help"}, &stdout, &stderr); code != exitDone || stderr.Len() > 0 {
		t.Fatalf("--help exits with %d: %s", code, &stderr)
	}
	return stdout.String()
}
