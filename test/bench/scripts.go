package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/bundles/measure"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// isolates is how many fresh ones each figure of a script comes from.
const isolates = 20

// scripts measures finished scripts: what fits, and what a request costs in
// workerd.
func scripts() []figure {
	workerd, err := measure.Find(os.Getenv("FLAGCAST_WORKERD"), ".")
	if err != nil {
		panic(err)
	}
	if _, ok := workerd.(measure.Workerd); !ok {
		panic("workerd is not installed: run make deps")
	}
	empty := linked(0, bundles.EdgeRoutine)
	stock := float64(compressed(empty))
	fits := float64(sort.Search(60_000, func(n int) bool { return len(linked(n+1, bundles.EdgeRoutine)) >= 1_000_000 }))
	figures := []figure{
		{
			What: "script: stock EdgeRoutine without flags, gzip -9", Unit: "bytes", Ours: stat{stock, stock},
			Bar: "at most 8192", Met: stock <= 8192,
		},
		{
			What: "script: flags that fit into 1,000,000 bytes", Unit: "flags", Ours: stat{fits, fits},
			Bar: "at least 22000", Met: fits >= 22_000,
		},
	}
	figures = append(figures, peerSizes(stock)...)
	small := requests(flags)
	ours := run(workerd, linked(flags, bundles.Cloudflare), small)
	for _, name := range peers {
		theirs := run(workerd, peer(name, definitions(flags)), small)
		figures = append(figures, costs("1,000 flags", ours, theirs, name, [][2]float64{{1200, 40}, {3500, 450}})...)
	}
	large := run(workerd, linked(15*flags, bundles.Cloudflare), requests(15*flags))
	figures = append(figures, costs("15,000 flags", large, nil, "", [][2]float64{{5000, 0}, {25_000, 0}})...)
	return append(figures, exporting())
}

func encoded(n int) *snapshot.Snapshot {
	d, err := parse.Definitions(definitions(n), "production")
	if err != nil {
		panic(err)
	}
	program, _ := compile.Program(d)
	s, err := snapshot.Encode(d, program, snapshot.Spec{Format: snapshot.Rules1, Environment: "production"}, time.Now())
	if err != nil {
		panic(err)
	}
	return &s
}

func linked(n int, p bundles.Platform) []byte {
	l, err := bundles.Link(encoded(n), bundles.Script{Platform: p})
	if err != nil {
		panic(err)
	}
	return l.Code
}

func requests(n int) []measure.Kind {
	return bundles.NewLoad(encoded(n), false, nil).Kinds
}

func run(engine measure.Engine, script []byte, kinds []measure.Kind) *measure.Result {
	r, err := engine.Measure(context.Background(), measure.Job{Script: script, Kinds: kinds, Isolates: isolates})
	if err != nil {
		panic(err)
	}
	return r
}

// costs are the figures of each kind: first request and warm, with a bar each in
// microseconds; 0: none.
func costs(what string, ours, theirs *measure.Result, peer string, bars [][2]float64) (out []figure) {
	for i, f := range ours.Figures {
		for j, label := range []string{"first request", "warm"} {
			of := func(r *measure.Result) stat {
				c := []measure.Cost{r.Figures[i].First, r.Figures[i].Warm}[j]
				return stat{us(c.Least), us(c.Median)}
			}
			bar := bars[i][j]
			g := figure{
				What: "script: " + what + ", " + label + ", " + f.Kind, Unit: "µs", Ours: of(ours),
				Bar: fmt.Sprintf("at most %g", bar),
			}
			if g.Met = g.Ours.Min <= bar; bar == 0 {
				g.Bar, g.Met = "none", true
			}
			if theirs != nil {
				g.Peer, g.Named = of(theirs), peer
				g.Ratio = g.Peer.Min / g.Ours.Min
			}
			out = append(out, g)
		}
	}
	return out
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func compressed(text []byte) int {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Len()
}

// peers are evaluators of Unleash's own, by their workers in peers.
var peers = []string{"unleash-client", "nextjs"}

func peerSizes(ours float64) (out []figure) {
	for _, name := range peers {
		size := float64(compressed(peer(name, nil)))
		out = append(out, figure{
			What: "script: without flags, gzip -9", Unit: "bytes", Ours: stat{ours, ours}, Peer: stat{size, size},
			Named: name, Ratio: size / ours,
			Bar: "none", Met: true,
		})
	}
	return out
}

// peer links a peer's worker with definitions in it. Modules of Node are those
// of workerd's nodejs_compat.
func peer(name string, document []byte) []byte {
	root, err := filepath.Abs("peers")
	if err != nil {
		panic(err)
	}
	text := string(document)
	built := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(root, name+".js")}, Bundle: true, MinifyWhitespace: true,
		MinifyIdentifiers: true, MinifySyntax: true,
		Format: api.FormatESModule, Platform: api.PlatformNode, Target: api.ES2022,
		MainFields: []string{"module", "main"}, LogLevel: api.LogLevelSilent,
		Plugins: []api.Plugin{{Name: "peers", Setup: func(build api.PluginBuild) {
			build.OnResolve(api.OnResolveOptions{Filter: "^definitions$"},
				func(api.OnResolveArgs) (api.OnResolveResult, error) {
					return api.OnResolveResult{Path: "definitions", Namespace: "definitions"}, nil
				})
			build.OnLoad(api.OnLoadOptions{Filter: ".", Namespace: "definitions"},
				func(api.OnLoadArgs) (api.OnLoadResult, error) {
					return api.OnLoadResult{Contents: &text, Loader: api.LoaderText}, nil
				})
			// CommonJS asks for Node's modules by require, which workerd does not have.
			build.OnResolve(api.OnResolveOptions{Filter: `^(node:)?(` + strings.Join(builtins, "|") + `)$`},
				func(a api.OnResolveArgs) (api.OnResolveResult, error) {
					path := "node:" + strings.TrimPrefix(a.Path, "node:")
					if a.Kind != api.ResolveJSRequireCall {
						return api.OnResolveResult{Path: path, External: true}, nil
					}
					return api.OnResolveResult{Path: path, Namespace: "builtin"}, nil
				})
			build.OnLoad(api.OnLoadOptions{Filter: ".", Namespace: "builtin"},
				func(a api.OnLoadArgs) (api.OnLoadResult, error) {
					contents := fmt.Sprintf("import * as all from %q; module.exports = all.default || all", a.Path)
					return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
				})
		}}},
	})
	if len(built.Errors) > 0 {
		panic(fmt.Sprintf("link %s: %v", name, built.Errors[0]))
	}
	return built.OutputFiles[0].Contents
}

var builtins = []string{
	"assert", "async_hooks", "buffer", "child_process", "crypto", "diagnostics_channel", "dns", "events", "fs",
	"fs/promises", "http", "http2", "https", "net", "os", "path", "perf_hooks",
	"process", "querystring", "stream", "stream/promises", "string_decoder", "timers", "tls", "tty", "url", "util",
	"v8", "worker_threads", "zlib",
}

// exporting times the command as a user waits for it, with both budgets.
func exporting() figure {
	dir, err := os.MkdirTemp("", "flagcast-bench-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary, input := filepath.Join(dir, "flagcast"), filepath.Join(dir, "flags.json")
	build := exec.Command("go", "build", "-o", binary, "./cmd/flagcast")
	build.Dir = filepath.Join("..", "..")
	text, err := build.CombinedOutput()
	if err := errors.Join(err, os.WriteFile(input, definitions(flags), 0o600)); err != nil {
		panic(string(text) + err.Error())
	}
	var times []float64
	for range 5 {
		start := time.Now()
		c := exec.Command(binary, "export", "--from", input, "--as", "script", "--platform", "edgeroutine",
			"--require-cpu", "-o", filepath.Join(dir, "worker.js"))
		if text, err := c.CombinedOutput(); err != nil {
			panic(string(text))
		}
		times = append(times, time.Since(start).Seconds())
	}
	slices.Sort(times)
	s := stat{times[0], times[len(times)/2]}
	return figure{What: "export: 1,000 flags with budgets", Unit: "s", Ours: s, Bar: "at most 2", Met: s.Min <= 2}
}
