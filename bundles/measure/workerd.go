package measure

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Workerd measures in workerd, the engine of Cloudflare Workers, on Linux. Its
// clock does not move within a request, so the kernel's accounting of its
// threads counts.
type Workerd struct{ Path string }

// Measure runs two processes with as many isolates each, one of empty workers,
// and asks them in turn.
func (w Workerd) Measure(ctx context.Context, job Job) (*Result, error) {
	dir, err := os.MkdirTemp("", "flagcast-measure-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := job.prepare(dir); err != nil {
		return nil, err
	}
	// The text stays text: what a script imports from Node is there.
	compatible := bytes.Contains(job.Script, []byte("node:"))
	isolates := job.Isolates * len(job.Kinds)
	subject, err := w.start(ctx, &job, dir, "script.mjs", compatible)
	if err != nil {
		return nil, err
	}
	defer subject.stop()
	base, err := w.start(ctx, &job, dir, "empty.mjs", compatible)
	if err != nil {
		return nil, err
	}
	defer base.stop()

	version, err := exec.CommandContext(ctx, w.Path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask workerd for its version: %w", err)
	}
	r := &Result{Engine: strings.TrimSpace(string(version)), Isolates: job.Isolates}
	startup := max(subject.startup-base.startup, 0) / time.Duration(isolates)
	r.Startup = Cost{Least: startup, Median: startup, Worst: startup}
	for kind := range job.Kinds {
		f := Figure{Kind: job.Kinds[kind].Name}
		var costs, empties []time.Duration
		for i := range job.Isolates {
			isolate := kind*job.Isolates + i
			for p, to := range map[*process]*[]time.Duration{subject: &costs, base: &empties} {
				cost, err := p.cost(ctx, isolate, kind, i*len(job.Kinds[kind].Requests)/job.Isolates, 1)
				if err != nil {
					return nil, err
				}
				*to = append(*to, cost)
			}
		}
		f.First = over(costs, empties)
		costs, empties = nil, nil
		times := warmRequests(f.First.Worst)
		for i := range coldBatches + warmBatches {
			for p, to := range map[*process]*[]time.Duration{subject: &costs, base: &empties} {
				cost, err := p.cost(ctx, kind*job.Isolates, kind, i*times, times)
				if err != nil {
					return nil, err
				}
				if i >= coldBatches {
					*to = append(*to, cost/time.Duration(times))
				}
			}
		}
		f.Warm = over(costs, empties)
		r.Figures = append(r.Figures, f)
	}
	return r, nil
}

// process is a running workerd with a worker in many isolates.
type process struct {
	cmd     *exec.Cmd
	client  *http.Client
	ports   []int
	startup time.Duration // CPU until all isolates listen
	output  *output
	endless error // what it is when a request is not answered
}

// output is what a process has printed, of which no more is needed than the
// begin.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(text []byte) (int, error) {
	const most = 4096
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, text[:min(len(text), most-len(o.text))]...)
	return len(text), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(string(o.text))
}

func (w Workerd) start(ctx context.Context, job *Job, dir, script string, compatible bool) (*process, error) {
	isolates := job.Isolates * len(job.Kinds)
	name := script + ".capnp"
	if err := os.WriteFile(filepath.Join(dir, name), config(script, isolates, compatible), 0o600); err != nil {
		return nil, err
	}
	told, tells, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer told.Close()
	p := &process{
		output: &output{}, ports: make([]int, isolates), client: &http.Client{Timeout: job.Patience},
		endless: job.endless(),
	}
	p.cmd = exec.CommandContext(ctx, w.Path, "serve", filepath.Join(dir, name), "--control-fd", "3")
	p.cmd.ExtraFiles = []*os.File{tells}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	err = p.cmd.Start()
	tells.Close()
	if err != nil {
		return nil, fmt.Errorf("start workerd: %w", err)
	}
	// A pipe of this process has deadlines.
	_ = told.SetReadDeadline(time.Now().Add(job.Patience))
	events := bufio.NewScanner(told)
	for left := isolates; left > 0 && events.Scan(); {
		var event struct {
			Event, Socket string
			Port          int
		}
		if json.Unmarshal(events.Bytes(), &event) != nil || event.Event != "listen" {
			continue
		}
		if i, err := strconv.Atoi(strings.TrimPrefix(event.Socket, "s")); err == nil && i < isolates &&
			p.ports[i] == 0 {
			p.ports[i] = event.Port
			left--
		}
	}
	if errors.Is(events.Err(), os.ErrDeadlineExceeded) {
		p.stop()
		return nil, p.endless
	}
	if p.startup, err = p.cpu(); err != nil || p.ports[isolates-1] == 0 {
		p.stop()
		return nil, &ScriptError{What: p.output.String()}
	}
	return p, nil
}

// config has one socket for each isolate.
func config(script string, isolates int, compatible bool) []byte {
	var b bytes.Buffer
	flags, date := "", "2024-01-01"
	if compatible {
		flags, date = `"nodejs_compat"`, "2025-10-01" // from then on most of Node is there
	}
	b.WriteString("using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  services " +
		"= [(name = \"none\", worker = .none)")
	for i := range isolates {
		fmt.Fprintf(&b, ",\n    (name = \"w%d\", worker = .worker)", i)
	}
	b.WriteString("],\n  sockets = [")
	for i := range isolates {
		fmt.Fprintf(&b, "\n    (name = \"s%d\", address = \"127.0.0.1:0\", http = (), service = \"w%d\"),", i, i)
	}
	fmt.Fprintf(&b, `
  ]
);
const worker :Workerd.Worker = (
  modules = [
    (name = "main.mjs", esModule = embed "main.mjs"), (name = "stubs.mjs", esModule = embed "stubs.mjs"),
    (name = "cloudflare.mjs", esModule = embed "cloudflare.mjs"),
    (name = "script.mjs", esModule = embed %q), (name = "job.json", json = embed "job.json")
  ],
  compatibilityDate = %q, compatibilityFlags = [%s], globalOutbound = "none"
);
const none :Workerd.Worker = (modules = [(name = "empty.mjs", esModule = embed "empty.mjs")],
  compatibilityDate = "2024-01-01");
`, script, date, flags)
	return b.Bytes()
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.client.CloseIdleConnections()
}

// cost is the CPU time of some requests in a row to one isolate.
func (p *process) cost(ctx context.Context, isolate, kind, from, times int) (time.Duration, error) {
	before, err := p.idleCPU(ctx)
	if err != nil {
		return 0, err
	}
	if err := p.ask(ctx, isolate, kind, from, times); err != nil {
		return 0, err
	}
	after, err := p.idleCPU(ctx)
	return after - before, err
}

func (p *process) ask(ctx context.Context, isolate, kind, from, times int) error {
	url := fmt.Sprintf("http://127.0.0.1:%d/?kind=%d&from=%d&times=%d", p.ports[isolate], kind, from, times)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if timeout := (interface{ Timeout() bool })(nil); errors.As(err, &timeout) && timeout.Timeout() &&
		ctx.Err() == nil {
		return p.endless
	} else if err != nil {
		return fmt.Errorf("ask workerd: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask workerd: %w", err)
	}
	var answer struct {
		Status int
		Error  string
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return &ScriptError{What: "it has hung, or ended its isolate: workerd gives the request up"}
	}
	if answer.Status >= http.StatusInternalServerError {
		what := answer.Error
		if what == "" {
			what = fmt.Sprintf("it answers with status %d", answer.Status)
		}
		return &ScriptError{What: what}
	}
	return nil
}

// idleCPU is the CPU time of all threads once they do nothing more: what a
// request leaves to other threads, such as the collection of garbage, is its.
func (p *process) idleCPU(ctx context.Context) (time.Duration, error) {
	const pause, noise, patience = 2 * time.Millisecond, 20 * time.Microsecond, 50
	now, err := p.cpu()
	for range patience {
		if err != nil {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
		var later time.Duration
		if later, err = p.cpu(); later-now < noise {
			return later, err
		}
		now = later
	}
	return now, err
}

// cpu sums what the kernel has counted for each thread.
func (p *process) cpu() (time.Duration, error) {
	tasks := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of workerd: %w", err)
	}
	var sum time.Duration
	for _, e := range entries {
		of, err := cpuOf(filepath.Join(tasks, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of workerd: %w", err)
		}
		sum += of
	}
	return sum, nil
}

// cpuOf reads the time of a thread. Kernels have one of the two files.
func cpuOf(task string) (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(task, "schedstat"))
	if err == nil {
		ns, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		return time.Duration(n), err
	}
	text, err = os.ReadFile(filepath.Join(task, "sched"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "se.sum_exec_runtime" {
			ms, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return time.Duration(ms * float64(time.Millisecond)), err
		}
	}
	return 0, fmt.Errorf("%s has no se.sum_exec_runtime", filepath.Join(task, "sched"))
}
