package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare"
	"github.com/flagcast/flagcast/sinks/memory"
)

const benchEnvironment edgecore.Environment = "production"

// arrival is a memory sink that says when something has been stored.
type arrival struct {
	*memory.Sink
	puts chan int // how many objects
}

func (a *arrival) Put(ctx context.Context, o sinks.Object) error {
	err := a.Sink.Put(ctx, o)
	a.puts <- 1
	return err
}

func (a *arrival) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	errs := make([]error, len(objects))
	for i, o := range objects {
		errs[i] = a.Sink.Put(ctx, o)
	}
	a.puts <- len(objects)
	return errs
}

// publishing measures the way from changed definitions to bytes in a sink. The
// sink shows writes at once and nothing waits for more changes.
func publishing(rounds int) []figure {
	return []figure{
		toSink(rounds/10, 1000, 1, "10 ms", 10_000),
		toSink(rounds/30, 20_000, 1, "100 ms", 100_000),
		toSink(rounds/60, 1000, 200, "1 s", 1_000_000),
		bulk(rounds / 30),
	}
}

// bulk puts 10,000 objects of 1 kB into Workers KV, whose API answers at once:
// what is measured is the encoding, in our code and in the SDK.
func bulk(rounds int) figure {
	writes := 0
	service := roundTripper(func(r *http.Request) *http.Response {
		writes++
		_, _ = io.Copy(io.Discard, r.Body)
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(
				strings.NewReader(
					`{"success":true,"errors":[],"messages":[],"result":{"successful_key_count":10000,` +
						`"unsuccessful_keys":[]}}`)),
		}
	})
	c := cloudflare.DefaultConfig()
	c.Account, c.Namespace, c.APIToken = strings.Repeat("a", 32), strings.Repeat("b", 32), secret.New("token")
	sink, err := cloudflare.New(c, service)
	check(err)
	const keys = 10_000
	body := []byte(`{"toggles":["` + strings.Repeat("größe ", 140) + `"]}`)
	objects := make([]sinks.Object, keys)
	for i := range objects {
		objects[i] = sinks.Object{
			Key: sinks.Key(fmt.Sprint("key-", i)), Body: body, Meta: map[string]string{
				"seq": fmt.Sprint(i), "digest": strings.Repeat("d", 64),
			},
		}
	}
	rounds = max(rounds, 3)
	times := race(rounds, 1, func(int) {
		for _, err := range sinks.PutAll(context.Background(), sink, objects) {
			check(err)
		}
	})
	calls := writes / rounds
	return figure{
		What: fmt.Sprintf("10,000 keys of 1 kB to Workers KV, %d write calls", calls), Unit: "us", Ours: times[0],
		Bar: "at most 2 calls, 0.2 s", Met: calls <= 2 && times[0].Median <= 200_000,
	}
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func toSink(rounds, flags, keys int, bar string, limit float64) figure {
	rounds = max(rounds, 3)
	log := slog.New(slog.DiscardHandler)
	store := state.New(state.Options{Log: log})
	sink := &arrival{memory.WithLimit(0), make(chan int, 1)}
	t := publish.Target{Name: "t", Environment: benchEnvironment, Sink: sink}
	for i := range keys {
		static := eval.Context{Fields: map[string]string{}}
		if keys > 1 {
			static.Fields["country"] = fmt.Sprint("country-", i)
		}
		t.Outputs = append(t.Outputs, publish.Output{
			Key:  sinks.Key(fmt.Sprint("k", i)),
			Spec: snapshot.Spec{Format: snapshot.Rules1, Environment: benchEnvironment, Target: "t", Static: static},
		})
	}
	// Two versions that differ in one flag, in turn.
	text := string(definitions(flags))
	versions := []string{text, strings.Replace(text, `"enabled":true`, `"enabled":false`, 1)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	p := publish.New(t, store, publish.Options{Log: log, Metrics: publish.NewMetrics(prometheus.NewRegistry())})
	go func() { done <- p.Run(ctx) }()
	var times []float64
	for i := range rounds + 1 {
		d, err := parse.Definitions([]byte(versions[i%2]), benchEnvironment)
		check(err)
		runtime.GC() // what the last round has left is not this one's
		began := time.Now()
		store.Put(d)
		for stored := 0; stored < keys; {
			stored += <-sink.puts
		}
		if i > 0 {
			times = append(times, float64(time.Since(began).Nanoseconds())/1000)
		}
	}
	stop()
	check(<-done)
	slices.Sort(times)
	ours := stat{times[0], times[len(times)/2]}
	what := fmt.Sprintf("definitions changed until stored, %d flags", flags)
	if keys > 1 {
		what = fmt.Sprintf("the same, %d flags, matrix of %d snapshots", flags, keys)
	}
	return figure{What: what, Unit: "us", Ours: ours, Bar: "at most " + bar, Met: ours.Median <= limit}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const idleTargets, idleFor = 100, 65 * time.Second

// idle runs the real binary with many targets of 1,000 flags in a folder, all
// of them reconciled once a minute, and takes its CPU and memory from the kernel.
func idle() []figure {
	dir, err := os.MkdirTemp("", "flagcast-bench")
	check(err)
	defer os.RemoveAll(dir)
	root := exec.Command("go", "build", "-o", filepath.Join(dir, "flagcast"),
		"github.com/flagcast/flagcast/cmd/flagcast")
	root.Dir, root.Stderr = "../..", os.Stderr
	check(root.Run())
	check(os.WriteFile(filepath.Join(dir, "flags.json"), definitions(1000), 0o600))
	var config strings.Builder
	config.WriteString("upstream: { file: flags.json }\napi: { listen: \"127.0.0.1:0\" }\nsinks: { out: { type: file," +
		" dir: out } }\ntargets:\n")
	for i := range idleTargets {
		fmt.Fprintf(&config,
			"  - { name: t%d, sink: out, environment: default, format: rules/1, key: k%d, schedule: \"@every 1m\" }\n",
			i, i)
	}
	check(os.WriteFile(filepath.Join(dir, "flagcast.yaml"), []byte(config.String()), 0o600))
	serve := exec.Command(filepath.Join(dir, "flagcast"), "serve")
	serve.Dir = dir
	check(serve.Start())
	time.Sleep(10 * time.Second) // everything is published
	before := cpu(serve.Process.Pid)
	began := time.Now()
	time.Sleep(idleFor)
	used := cpu(serve.Process.Pid) - before
	took := time.Since(began)
	rss := memoryOf(serve.Process.Pid)
	_ = serve.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := serve.Wait(); err != nil && !errors.As(err, &exit) {
		check(err)
	}
	share := 100 * used.Seconds() / took.Seconds()
	return []figure{
		{
			What: fmt.Sprintf("idle, %d targets of 1,000 flags: CPU", idleTargets), Unit: "% of a core",
			Ours: stat{share, share}, Bar: "under 1 %", Met: share < 1,
		},
		{What: "the same: memory", Unit: "MB", Ours: stat{rss, rss}, Bar: "under 60 MB", Met: rss < 60},
	}
}

// cpu is what a process has used, from /proc/PID/stat (proc(5)), where a tick
// is a hundredth of a second.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		check(err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memoryOf is the resident set of a process in MB.
func memoryOf(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kB, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			check(err)
			return kB / 1000
		}
	}
	check(errors.New("no VmRSS"))
	return 0
}
