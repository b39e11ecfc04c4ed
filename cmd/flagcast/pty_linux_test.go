package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

// onTerminal runs a command whose output is a terminal, and returns what the
// terminal got, with its line ends as the command wrote them.
func onTerminal(t *testing.T, args ...string) (code int, shown string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	defer func() { _ = master.Close() }()
	var number, unlock int32
	for request, value := range map[uintptr]*int32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &unlock} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request,
			uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&got, master) // ends with EIO when the terminal is closed
	}()
	code = run(t.Context(), args, terminal, io.Discard)
	_ = terminal.Close()
	<-read
	return code, strings.ReplaceAll(got.String(), "\r\n", "\n")
}

// coloredText matches what a Painter colors.
var coloredText = regexp.MustCompile(`\x1b\[3[13]m([^\x1b\n]*)\x1b\[0m`)

const terminalConfig = `
upstream: { file: flags.json }
sinks: { out: { type: file, dir: out }, back: { type: file, dir: back }, taken: { type: file, dir: flags.json } }
targets:
  - { name: rules, sink: out, environment: default, format: rules/1, key: rules, history: { sink: back, keep: 3 } }
  - { name: bad, sink: taken, environment: default, format: rules/1, key: rules }
`

// TestColors: a terminal gets colors, unless it or its owner does not want
// them, and a pipe gets the same text without.
func TestColors(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	writeFile(t, "flagcast.yaml", terminalConfig)
	const flags = `{"version":1,"features":[{"name":"search","enabled":%t,"strategies":[]},
		{"name":"users","enabled":true,"strategies":[{"name":"wrong"},{"name":"default"}]}]}`
	writeFile(t, "flags.json", fmt.Sprintf(flags, true))
	if code := run(t.Context(), []string{"sync", "--target", "rules"}, io.Discard, io.Discard); code != exit.Done {
		t.Fatal(code)
	}
	if code := run(t.Context(), []string{
		"pin", "--target", "rules", "--current",
	}, io.Discard, io.Discard); code != exit.Done {
		t.Fatal(code)
	}
	_, history := onTerminal(t, "history")
	_, pinned := onTerminal(t, "status", "--stored")
	if code := run(t.Context(), []string{"unpin", "--target", "rules"}, io.Discard, io.Discard); code != exit.Done {
		t.Fatal(code)
	}
	writeFile(t, "flags.json", fmt.Sprintf(flags, false))
	_, plan := onTerminal(t, "sync", "--dry-run")
	_, check := onTerminal(t, "check")
	_, status := onTerminal(t, "status", "--stored")
	for _, test := range []struct{ what, got, want string }{
		{"history", history, "\n\x1b[33m    pinned: by hand\x1b[0m\n"},
		{"status", pinned, "\nrules   \x1b[33mpinned\x1b[0m   rules  "},
		{"status", status, "\nbad     \x1b[31mfailing\x1b[0m  rules  "},
		{"status", status, "\nrules   ok       rules  "},
		{"plan", plan, "\n  \x1b[31m!!\x1b[0m search on -> OFF for everyone\n"},
		{"plan", plan, "bad: \x1b[31mFAILED\x1b[0m (rules in taken)\n"},
		{"check", check, "\n\x1b[31mFAILED \x1b[0m  sink \"taken\": write\n"},
		{"check", check, "\x1b[33mWARNING\x1b[0m  upstream, environment \"default\""},
		{"check", check, "\nok       sink \"out\": read\n"},
	} {
		if !strings.Contains(test.got, test.want) {
			t.Errorf("%s: there is no %q in\n%q", test.what, test.want, test.got)
		}
	}
	var out bytes.Buffer
	run(t.Context(), []string{"sync", "--dry-run"}, &out, io.Discard)
	// The size depends on the time, which has fewer digits now and then.
	stable := func(text string) string { return regexp.MustCompile(`\d+ bytes`).ReplaceAllString(text, "N bytes") }
	piped := stable(out.String())
	if text := coloredText.ReplaceAllString(stable(plan), "$1"); text != piped {
		t.Errorf("a terminal shows\n%s\na pipe gets\n%s", text, piped)
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		before := os.Getenv(name)
		t.Setenv(name, value)
		if _, plain := onTerminal(t, "sync", "--dry-run"); stable(plain) != piped {
			t.Errorf("%s=%s: the terminal shows %q", name, value, plain)
		}
		t.Setenv(name, before)
	}
}

// TestForeignTextHasNoColors: on a terminal that shows colors, hostile names and
// answers bring about no escape sequence.
func TestForeignTextHasNoColors(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	writeFile(t, "flagcast.yaml", fmt.Sprintf(hostileConfig, quoted(hostile), quoted(hostile+"\x1b[31m")))
	writeFile(t, "flags.json", hostileFlags(true, 10))
	server := hostileServer(t)
	run(t.Context(), []string{"sync"}, io.Discard, io.Discard)
	run(t.Context(), []string{"pin", "--target", "rules", "--current", "--reason", hostile}, io.Discard, io.Discard)
	writeFile(t, "flags.json", hostileFlags(false, 20))
	colored := 0
	for _, args := range [][]string{
		{"sync", "--dry-run"}, {"check"}, {"status", "--stored"}, {"status", "--url", server.URL}, {"history"},
	} {
		_, shown := onTerminal(t, args...)
		colored += strings.Count(shown, "\x1b[3")
		plain := coloredText.ReplaceAllString(shown, "$1")
		checkPrintable(t, fmt.Sprintf("%q", args), plain)
		if !strings.Contains(plain, `\x1b[2J`) {
			t.Errorf("%q does not show the hostile name:\n%s", args, plain)
		}
	}
	if colored < 4 {
		t.Errorf("only %d texts have a color", colored)
	}
}
