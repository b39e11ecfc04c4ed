package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Node measures in Node.js, which has V8 and some of a worker's globals.
type Node struct{ Path string }

// Measure runs one process; each isolate is a thread in it.
func (n Node) Measure(ctx context.Context, job Job) (*Result, error) {
	dir, err := os.MkdirTemp("", "flagcast-measure-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := job.prepare(dir); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, n.Path, filepath.Join(dir, "node.mjs"), dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run node: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var told struct {
		Engine, Failure       string
		Startup, EmptyStartup []micros
		Kinds                 []struct {
			First, EmptyFirst, Warm, EmptyWarm []micros
			Failure                            string
		}
	}
	if err := json.Unmarshal(output, &told); err != nil {
		return nil, fmt.Errorf("read what node reports: %w", err)
	}
	if told.Failure == "endless" {
		return nil, job.endless()
	}
	if told.Failure != "" {
		return nil, &ScriptError{What: told.Failure}
	}
	if len(told.Kinds) != len(job.Kinds) {
		return nil, errors.New("read what node reports: figures are missing")
	}
	r := &Result{
		Engine: told.Engine, Isolates: job.Isolates,
		Startup: over(durations(told.Startup), durations(told.EmptyStartup)),
	}
	for i, k := range told.Kinds {
		if k.Failure != "" {
			return nil, &ScriptError{What: k.Failure}
		}
		r.Figures = append(r.Figures, Figure{
			Kind:  job.Kinds[i].Name,
			First: over(durations(k.First), durations(k.EmptyFirst)),
			Warm:  over(durations(k.Warm), durations(k.EmptyWarm)),
		})
	}
	return r, nil
}

type micros float64

func durations(list []micros) []time.Duration {
	out := make([]time.Duration, len(list))
	for i, us := range list {
		out[i] = time.Duration(float64(us) * float64(time.Microsecond))
	}
	return out
}
