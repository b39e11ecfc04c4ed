package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

// child is a flagcast in a process of its own.
type child struct {
	*exec.Cmd
	stdout, stderr io.ReadCloser
}

func startChild(t *testing.T, dir string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command("flagcast", args...)} // see TestMain
	c.Dir = dir
	c.Env = append(os.Environ(), recordVariable+"="+filepath.Join(t.TempDir(), "record"), "GORACE=atexit_sleep_ms=0")
	var err, err2 error
	c.stdout, err = c.StdoutPipe()
	c.stderr, err2 = c.StderrPipe()
	if err := errors.Join(err, err2, c.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c
}

// end waits for the process, and returns its exit code, -1 for a signal.
func (c *child) end(t *testing.T) (code int, by syscall.Signal) {
	t.Helper()
	timer := time.AfterFunc(waitLimit, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	_ = c.Wait()
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		by = status.Signal()
	}
	return c.ProcessState.ExitCode(), by
}

// flagsFile is a document with a number of flags that are on.
func flagsFile(n int) string {
	flags := make([]string, n)
	for i := range flags {
		flags[i] = fmt.Sprintf(`{"name":"flag-%06d","enabled":true,"strategies":[]}`, i)
	}
	return `{"version":2,"features":[` + strings.Join(flags, ",") + `]}`
}

// serving starts flagcast serve, and returns its address and the lines of its
// log.
func serving(t *testing.T) (c *child, url string, log *bufio.Scanner) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "flags.json"), flagsFile(1))
	writeFile(t, filepath.Join(dir, "flagcast.yaml"),
		"upstream: { file: flags.json }\napi: { listen: 127.0.0.1:0, anonymous_environment: default }\nlog: { level: "+
			"debug }\n")
	c = startChild(t, dir, "serve")
	log = bufio.NewScanner(c.stderr)
	url = nextMatch(t, log, `frontend API: (http://[^/\s]+)`)
	nextMatch(t, log, `try: curl`)
	for deadline := time.Now().Add(waitLimit); status(t, url) != http.StatusOK; time.Sleep(waitPause) {
		if time.Now().After(deadline) {
			t.Fatal("it has no flags")
		}
	}
	return c, url, log
}

func nextMatch(t *testing.T, log *bufio.Scanner, pattern string) string {
	t.Helper()
	for log.Scan() {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(log.Text()); found != nil {
			return found[len(found)-1]
		}
	}
	t.Fatalf("the log ends without %q", pattern)
	return ""
}

func status(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url + "/api/frontend")
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func answers(t *testing.T, url string) {
	t.Helper()
	if code := status(t, url); code != http.StatusOK {
		t.Errorf("GET /api/frontend: %d", code)
	}
}

// TestServeOutlivesTheReaderOfItsLog: it goes on when the other end of its output
// is closed, and ends in order.
func TestServeOutlivesTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	c, url, _ := serving(t)
	_ = c.stderr.Close()
	_ = c.stdout.Close()
	for range 20 { // each writes a line at the level debug
		answers(t, url)
	}
	if err := c.Process.Signal(syscall.SIGHUP); err != nil { // one more line
		t.Fatal(err)
	}
	answers(t, url)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, by := c.end(t); code != exit.Done {
		t.Errorf("it ended with %d, signal %q", code, by)
	}
}

// TestReloadLosesNoRequest: while SIGHUP reloads the configuration again and again,
// every request is answered.
func TestReloadLosesNoRequest(t *testing.T) {
	t.Parallel()
	c, url, log := serving(t)
	var asking sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		asking.Go(func() {
			for !over.Load() {
				answers(t, url)
			}
		})
	}
	for range 5 {
		if err := c.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
		nextMatch(t, log, `INF configuration reloaded reason=SIGHUP`)
	}
	over.Store(true)
	asking.Wait()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for log.Scan() { // to its end
	}
	if code, by := c.end(t); code != exit.Done {
		t.Errorf("it ended with %d, signal %q", code, by)
	}
}

// TestCommandEndsWithItsReader: what prints a list behind "| head" ends when
// head does, without an error.
func TestCommandEndsWithItsReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "flags.json"), flagsFile(20_000)) // more than a pipe holds
	c := startChild(t, dir, "eval", "--from", "flags.json")
	line, err := bufio.NewReader(c.stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "flag-") {
		t.Fatalf("%q, %v", line, err)
	}
	_ = c.stdout.Close()
	said, _ := io.ReadAll(c.stderr)
	if _, by := c.end(t); by != syscall.SIGPIPE || strings.Contains(string(said), "panic") {
		t.Errorf("it ended by %q and said %s", by, said)
	}
}
