package dev

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/internal/printable"
)

// Engine runs workers.
type Engine interface {
	// Name is the name of the engine, for people.
	Name() string
	// start returns when the worker answers.
	start(ctx context.Context, j job) (*process, error)
}

// job is a worker to run.
type job struct {
	script   []byte
	platform bundles.Platform
	store    string   // its address, host:port
	bindings []string // names of the store in env
	vars     map[string]string
	log      *slog.Logger
}

// Engines that a person may ask for.
const (
	AnyEngine     = "auto"
	WorkerdEngine = "workerd"
	NodeEngine    = "node"
)

// Find returns an engine: workerd where there is one, else Node.js. named is the path of
// workerd, "" for none (FLAGCAST_WORKERD).
func Find(wanted, named string) (Engine, error) {
	path, err := measure.FindWorkerd(named, ".")
	if err != nil {
		return nil, err
	}
	// Its port comes by a pipe, which a process of Windows does not inherit.
	if path != "" && wanted != NodeEngine && runtime.GOOS != "windows" {
		return workerd{path}, nil
	}
	if wanted == WorkerdEngine {
		return nil, errors.New("there is no workerd: npm install workerd, or name it by FLAGCAST_WORKERD")
	}
	if path, err = exec.LookPath("node"); err != nil {
		return nil, errors.New("there is neither workerd nor Node.js: npm install workerd, " +
			"or install Node.js 20 or newer")
	}
	return node{path}, nil
}

// process is a worker that runs.
type process struct {
	proxy    http.Handler
	requests sync.WaitGroup
	ended    chan struct{} // closed when the process has ended
	cancel   context.CancelFunc
}

// startWithin is how long a worker may take until it listens.
const startWithin = 10 * time.Second

// listening is the line of JSON that an engine writes when a worker listens, as
// workerd does to its control file.
type listening struct {
	Event string `json:"event"` // "listen"
	Port  int    `json:"port"`
}

// program is a command line that runs a worker out of a folder.
type program struct {
	path string
	args []string
	dir  string // removed when the process has ended
	// control is true for a program that reports where it listens to file 3, false
	// for one that does on its standard output.
	control bool
}

// run starts a program and waits until it reports where it listens.
func (j *job) run(ctx context.Context, start program) (*process, error) {
	running, cancel := context.WithCancel(ctx)
	p := &process{ended: make(chan struct{}), cancel: cancel}
	c := exec.CommandContext(running, start.path, start.args...)
	c.WaitDelay = time.Second
	output := &console{log: j.log}
	c.Stderr = output
	reports, err := start.open(c, output)
	if err == nil {
		err = c.Start()
		for _, f := range c.ExtraFiles {
			f.Close()
		}
	}
	if err != nil {
		cancel()
		os.RemoveAll(start.dir)
		return nil, fmt.Errorf("start %s: %w", start.path, err)
	}
	ports := make(chan int, 1)
	go func() {
		defer close(p.ended)
		defer os.RemoveAll(start.dir)
		defer output.flush()
		readPort(reports, ports)
		_ = c.Wait() // its output says how it ended
	}()
	timer := time.NewTimer(startWithin)
	defer timer.Stop()
	select {
	case port := <-ports:
		p.proxy = newProxy(fmt.Sprintf("127.0.0.1:%d", port), j.platform, j.log)
		return p, nil
	case <-p.ended:
		err = errors.New("it ended at once; its output is above")
	case <-timer.C:
		err = fmt.Errorf("it did not listen within %s", startWithin)
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.stop()
	return nil, err
}

// open connects the output of a command, and returns what it reports.
func (s *program) open(c *exec.Cmd, output io.Writer) (io.Reader, error) {
	if !s.control {
		return c.StdoutPipe()
	}
	reports, control, err := os.Pipe()
	c.Stdout, c.ExtraFiles = output, []*os.File{control}
	return reports, err
}

// readPort sends the port of the first report, and reads the others.
func readPort(reports io.Reader, ports chan<- int) {
	lines := bufio.NewScanner(reports)
	for sent := false; lines.Scan(); {
		var l listening
		if !sent && json.Unmarshal(lines.Bytes(), &l) == nil && l.Event == "listen" {
			ports <- l.Port
			sent = true
		}
	}
	if closer, ok := reports.(io.Closer); ok {
		_ = closer.Close()
	}
}

// stop ends the process, and waits for its end.
func (p *process) stop() {
	p.cancel()
	<-p.ended
}

// finishWithin is how long the requests of a worker that is replaced may take.
const finishWithin = 5 * time.Second

// retire ends the process when its requests are answered.
func (p *process) retire() {
	timer := time.AfterFunc(finishWithin, p.cancel)
	defer timer.Stop()
	p.requests.Wait()
	p.stop()
}

// console logs the lines that a worker writes.
type console struct {
	log  *slog.Logger
	rest []byte
}

const maxLine = 8 << 10

func (c *console) Write(text []byte) (int, error) {
	for _, b := range text {
		if b == '\n' || len(c.rest) >= maxLine {
			c.flush()
		}
		if b != '\n' {
			c.rest = append(c.rest, b)
		}
	}
	return len(text), nil
}

func (c *console) flush() {
	if len(c.rest) > 0 {
		c.log.Info("console", "text", printable.Text(string(c.rest)))
		c.rest = c.rest[:0]
	}
}
