// Package rig starts the real parts that the tests run against: PostgreSQL,
// the Unleash server, workers in workerd. Everything listens on loopback, has
// a port of its own, and ends with the test.
package rig

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds the start of one part on a slow machine. Nothing waits
// for it when the part is ready.
const startTimeout = 3 * time.Minute

// Process is a child process with what it has printed.
type Process struct {
	Command *exec.Cmd
	out     output
	done    chan struct{}
	stop    func()
}

// output is written by the process and read by the test.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// Output returns what the process has printed so far.
func (p *Process) Output() string {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	return p.out.b.String()
}

// Start runs a command in a process group of its own. It is killed at the end
// of the test; its output is shown if the test has failed.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Command: cmd, done: make(chan struct{})}
	cmd.Stderr = &p.out
	if cmd.Stdout == nil {
		cmd.Stdout = &p.out
	}
	ownGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is seen in its output
		close(p.done)
	}()
	p.stop = sync.OnceFunc(func() {
		endGroup(cmd, false)
		select {
		case <-p.done:
		case <-time.After(15 * time.Second):
		}
		endGroup(cmd, true)
		<-p.done
	})
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", cmd.Path, tail(p.Output()))
		}
	})
	return p
}

// Stop ends the process and what it has started.
func (p *Process) Stop() { p.stop() }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

func tail(text string) string {
	const most = 8 << 10
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

// Until polls until a condition holds. It fails the test when the process
// ends first, or after a time that is long on any machine.
func (p *Process) Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	poll(t, what, p.done, holds)
}

// Eventually polls until a condition holds, for at most a minute.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	poll(t, what, nil, holds)
}

func poll(t testing.TB, what string, ended <-chan struct{}, holds func() bool) {
	t.Helper()
	deadline := time.After(startTimeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ended:
			t.Fatalf("%s: the process has ended", what)
		case <-deadline:
			t.Fatalf("%s: not within %s", what, startTimeout)
		case <-tick.C:
		}
	}
}

// FreePort returns a port of loopback that is free.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Answers reports whether a URL answers with status 200.
func Answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// TempDir is like testing.TB.TempDir, readable by other users of the machine:
// PostgreSQL does not run as root.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "flagcast-rig-") //nolint:usetesting // t.TempDir lies below a folder of mode 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// environment is the process's own with more variables.
func environment(more map[string]string) []string {
	list := os.Environ()
	for name, value := range more {
		list = append(list, fmt.Sprintf("%s=%s", name, value))
	}
	return list
}
