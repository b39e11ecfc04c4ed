package app

import (
	"os/exec"
	"strings"
	"testing"
)

// A shell reads what a printed command names as the path that was given.
func TestConfigArgumentIsOneWordOfAShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	for path, want := range map[string]string{
		"flagcast.yaml":            " --config flagcast.yaml",
		"/etc/flag-cast/a_1.yaml":  " --config /etc/flag-cast/a_1.yaml",
		"":                         " --config ''",
		"a b.yaml":                 " --config 'a b.yaml'",
		"it's.yaml":                ` --config 'it'\''s.yaml'`,
		"~/a.yaml":                 " --config '~/a.yaml'",
		"$HOME/`id`/a;b&c|d*.yaml": " --config '$HOME/`id`/a;b&c|d*.yaml'",
		"ü.yaml":                   " --config 'ü.yaml'",
	} {
		got := ConfigFile{Path: path, flag: true}.Argument()
		if got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
		read, err := exec.Command(shell, "-c", "printf '%s|'"+got).Output()
		if err != nil || strings.TrimPrefix(string(read), "--config|") != path+"|" {
			t.Errorf("a shell reads %q as %q (%v)", got, read, err)
		}
	}
	if got := (ConfigFile{Path: "a.yaml"}).Argument(); got != "" {
		t.Errorf("a file that --config does not name is printed as %q", got)
	}
}
