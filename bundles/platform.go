package bundles

import (
	"embed"
	"fmt"
	"slices"

	"github.com/evanw/esbuild/pkg/api"
)

// Platform is where a script runs.
type Platform string

const (
	EdgeRoutine Platform = "edgeroutine" // Alibaba Cloud DCDN
	ESA         Platform = "esa"         // Alibaba Cloud ESA functions
	Cloudflare  Platform = "cloudflare"  // Cloudflare Workers
)

// Platforms lists what this version makes scripts for.
func Platforms() []Platform { return []Platform{EdgeRoutine, ESA, Cloudflare} }

// stock holds the worker of each platform that serves the frontend API from
// the flags in it.
//
//go:embed stock
var stock embed.FS

func (p Platform) check() error {
	if !slices.Contains(Platforms(), p) {
		return fmt.Errorf("platform %q is not one of %q", p, Platforms())
	}
	return nil
}

// Listener reports whether a script of the platform registers a listener; else it
// is a module that exports its handler.
func (p Platform) Listener() bool { return p == EdgeRoutine }

func (p Platform) format() api.Format {
	if p.Listener() {
		return api.FormatIIFE
	}
	return api.FormatESModule
}

// external names the modules that the platform itself has. ESA has some of
// Node's (its own bundler leaves out the same), Cloudflare has those that
// compatibility flags turn on.
func (p Platform) external() []string {
	switch p {
	case ESA:
		return []string{
			"node:assert", "node:async_hooks", "node:buffer", "node:crypto", "node:diagnostics_channel", "node:events",
			"node:path", "node:process", "node:stream", "node:string_decoder", "node:util",
		}
	case Cloudflare:
		return []string{"cloudflare:*", "node:*"}
	default:
		return nil
	}
}

// conditions choose among the files of an npm package.
func (p Platform) conditions() []string {
	if p == Cloudflare {
		return []string{"workerd", "worker", "browser", "module"}
	}
	return []string{"worker", "browser", "module"}
}
