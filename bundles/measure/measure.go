// Package measure runs a finished worker script in V8 and says what CPU time it
// takes over a worker that does nothing. Subrequests are stubbed. It has
// scripts and requests, and no flags.
package measure

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Job is what to measure.
type Job struct {
	// Script is a module that exports its handler, or a script that registers
	// a listener.
	Script []byte
	// Stored is what a KV of the worker has under every key.
	Stored []byte
	Kinds  []Kind
	// Isolates is how many fresh ones each kind is asked in. 0 means 10.
	Isolates int
	// Patience is how long one step may take: the start, or a batch of
	// requests. 0 means 10 s.
	Patience time.Duration
}

// Kind is requests whose costs are one figure.
type Kind struct {
	Name     string
	Requests []Request
}

// Request is one, as the worker gets it.
type Request struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	CF      map[string]string `json:"cf,omitempty"` // request.cf of Cloudflare
}

// Engine runs scripts.
type Engine interface {
	// Measure fails when the engine cannot run, and when the script does not
	// answer.
	Measure(ctx context.Context, job Job) (*Result, error)
}

// Result is what a job has cost.
type Result struct {
	Engine   string   `json:"engine"` // with its version
	Isolates int      `json:"isolates"`
	Startup  Cost     `json:"startup"` // of the script, before the first request
	Figures  []Figure `json:"figures"`
}

// Figure is the costs of a kind.
type Figure struct {
	Kind  string `json:"kind"`
	First Cost   `json:"first"` // the first request of an isolate
	Warm  Cost   `json:"warm"`  // one of many later ones
}

// Cost is CPU time over that of an empty worker.
type Cost struct {
	Least  time.Duration `json:"leastNs"`
	Median time.Duration `json:"medianNs"`
	Worst  time.Duration `json:"worstNs"`
}

// ScriptError says that the engine runs and the script does not.
type ScriptError struct {
	What    string
	Endless bool // it does not come to an end
}

// Error returns what the script has failed with.
func (e *ScriptError) Error() string {
	line, _, _ := strings.Cut(e.What, "\n") // the rest is a stack of minified code
	return "the script fails: " + line
}

func (j *Job) endless() error {
	return &ScriptError{What: fmt.Sprintf("it is not done within %s", j.Patience), Endless: true}
}

const (
	usualIsolates = 10
	usualPatience = 10 * time.Second
	coldBatches   = 4 // they make it warm, and are not counted
	warmBatches   = 5
	// A batch has at most this number of requests, and takes about this time.
	mostWarm  = 50
	warmBatch = 30 * time.Millisecond
)

// warmRequests is how many requests of a cost make a batch.
func warmRequests(cost time.Duration) int {
	return min(max(int(warmBatch/max(cost, 1)), 2), mostWarm)
}

//go:embed harness
var harness embed.FS

// empty is the worker that costs are over.
const empty = "export default { fetch: () => new Response('') }\n"

// prepare fills a folder with what an engine reads.
func (j *Job) prepare(dir string) error {
	if j.Isolates == 0 {
		j.Isolates = usualIsolates
	}
	if j.Patience == 0 {
		j.Patience = usualPatience
	}
	kinds := make([][]Request, len(j.Kinds))
	for i, k := range j.Kinds {
		kinds[i] = k.Requests
	}
	job, err := json.Marshal(map[string]any{
		"stored": string(j.Stored), "kinds": kinds, "isolates": j.Isolates, "coldBatches": coldBatches,
		"batches": warmBatches, "mostWarm": mostWarm, "warmBatch": warmBatch.Microseconds(),
		"patience": j.Patience.Milliseconds(),
	})
	if err != nil {
		return fmt.Errorf("write the requests: %w", err)
	}
	// Bindings that a script imports are stubs, too.
	script := bytes.ReplaceAll(j.Script, []byte(`from"cloudflare:workers"`), []byte(`from"./cloudflare.mjs"`))
	files := map[string][]byte{"job.json": job, "script.mjs": script, "empty.mjs": []byte(empty)}
	for _, name := range []string{"stubs.mjs", "cloudflare.mjs", "main.mjs", "node.mjs"} {
		if files[name], err = harness.ReadFile("harness/" + name); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// over is the smallest, the median and the largest of some costs, less the
// median of what the empty worker costs; never below 0.
func over(costs, empty []time.Duration) Cost {
	if len(costs) == 0 || len(empty) == 0 {
		return Cost{}
	}
	base := median(empty)
	return Cost{
		Least: max(slices.Min(costs)-base, 0), Median: max(median(costs)-base, 0),
		Worst: max(slices.Max(costs)-base, 0),
	}
}

func median(costs []time.Duration) time.Duration {
	sorted := slices.SortedFunc(slices.Values(costs), cmp.Compare)
	return sorted[len(sorted)/2]
}
