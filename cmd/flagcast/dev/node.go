package dev

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/flagcast/flagcast/internal/plainjson"
)

// node is Node.js, which has most of what a worker uses: no caches, no request.cf, and
// no limits.
type node struct{ path string }

// Name implements Engine.
func (n node) Name() string {
	version, err := exec.Command(n.path, "--version").Output()
	if err != nil {
		return "Node.js"
	}
	return "Node.js " + strings.TrimSpace(string(version))
}

func (n node) start(ctx context.Context, j job) (*process, error) {
	dir, err := j.write()
	if err != nil {
		return nil, err
	}
	harness, err := shim.ReadFile("shim/node.mjs")
	if err != nil {
		return nil, err
	}
	settings, err := plainjson.Marshal(map[string]any{
		"listener": j.platform.Listener(), "store": "http://" + j.store + "/", "bindings": j.bindings, "vars": j.vars,
	})
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{"node.mjs": harness, "job.json": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	return j.run(ctx, program{path: n.path, args: []string{filepath.Join(dir, "node.mjs")}, dir: dir})
}
