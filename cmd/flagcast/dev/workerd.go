package dev

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/bundles"
)

//go:embed shim
var shim embed.FS

// workerd is the engine of Cloudflare Workers. EdgeKV is a shim over the store, and
// workers may ask servers of this machine.
type workerd struct{ path string }

// Name implements Engine.
func (w workerd) Name() string {
	version, err := exec.Command(w.path, "--version").Output()
	if err != nil {
		return "workerd"
	}
	return strings.TrimSpace(string(version))
}

func (w workerd) start(ctx context.Context, j job) (*process, error) {
	dir, err := j.write()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "worker.capnp"), j.capnp(), 0o600); err != nil {
		return nil, err
	}
	return j.run(ctx, program{
		path: w.path, args: []string{"serve", filepath.Join(dir, "worker.capnp"), "--control-fd", "3"},
		dir: dir, control: true,
	})
}

// write makes a folder with the worker: script.mjs, a module, or script.js, which
// registers a listener; and the shim for EdgeKV, which finds the store.
func (j *job) write() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "flagcast-dev-"); err != nil {
		return "", err
	}
	edgekv, err := shim.ReadFile("shim/edgekv.js")
	if err != nil {
		return "", err
	}
	edgekv = bytes.ReplaceAll(edgekv, []byte("STORE"), []byte(strconv.Quote("http://"+j.store+"/")))
	name, script := "script.mjs", j.script
	if j.platform.Listener() {
		name, script = "script.js", slices.Concat(edgekv, []byte(";\n"), script)
	}
	for name, text := range map[string][]byte{
		name: script, "edgekv.mjs": edgekv,
		"main.mjs": []byte(
			"import './edgekv.mjs'\nexport * from './script.mjs'\nexport { default } from './script.mjs'\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

// capnp is the configuration of workerd.
func (j *job) capnp() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "store", external = (address = %q, http = ())),
    (name = "network", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true)))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")]
);
const worker :Workerd.Worker = (
`, j.store)
	switch {
	case j.platform.Listener():
		b.WriteString("  serviceWorkerScript = embed \"script.js\",\n")
	case j.platform == bundles.Cloudflare:
		b.WriteString("  modules = [(name = \"script.mjs\", esModule = embed \"script.mjs\")],\n")
	default:
		b.WriteString(`  modules = [
    (name = "main.mjs", esModule = embed "main.mjs"), (name = "script.mjs", esModule = embed "script.mjs"),
    (name = "edgekv.mjs", esModule = embed "edgekv.mjs")
  ],
`)
	}
	b.WriteString("  compatibilityDate = \"2025-05-01\", compatibilityFlags = [\"nodejs_compat\"],\n")
	b.WriteString("  globalOutbound = \"network\",\n  bindings = [")
	if j.platform == bundles.Cloudflare {
		for _, name := range j.bindings {
			fmt.Fprintf(&b, "\n    (name = %q, kvNamespace = \"store\"),", name)
		}
	}
	for name, value := range j.vars {
		fmt.Fprintf(&b, "\n    (name = %s, text = %s),", capnpText(name), capnpText(value))
	}
	b.WriteString("\n  ]\n);\n")
	return b.Bytes()
}

// capnpText writes a text of a configuration: printable ASCII, and each other byte by
// its number, as in C.
func capnpText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
