// Package all is the table of all sinks.
package all

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/file"
	"github.com/flagcast/flagcast/sinks/memory"
	"github.com/flagcast/flagcast/sinks/oss"
)

// kind is one type of sinks: its settings with their defaults, and its constructor.
type kind struct {
	name     string
	settings func() any // a new pointer
	open     func(settings any, base http.RoundTripper) (sinks.Sink, error)
}

// table has one line for each sink. Its name is the "type" in a configuration
// and the name of its folder.
func table() []kind {
	return []kind{
		entry("cloudflare", cloudflare.DefaultConfig, cloudflare.New),
		entry("edgekv", edgekv.DefaultConfig, edgekv.New),
		entry("file", file.DefaultConfig, file.New),
		entry("memory", memory.DefaultConfig, memory.New),
		entry("oss", oss.DefaultConfig, oss.New),
	}
}

func entry[C any, S sinks.Sink](name string, defaults func() C, open func(C, http.RoundTripper) (S, error)) kind {
	return kind{
		name: name,
		settings: func() any {
			c := defaults()
			return &c
		},
		open: func(settings any, base http.RoundTripper) (sinks.Sink, error) {
			c, ok := settings.(*C)
			if !ok {
				return nil, fmt.Errorf("settings of a %s sink are %T", name, settings)
			}
			return open(*c, base)
		},
	}
}

// Types lists the types of sinks, sorted.
func Types() []string {
	var names []string
	for _, k := range table() {
		names = append(names, k.name)
	}
	return names
}

// Settings returns a new pointer to the settings of a type, with its defaults.
func Settings(name string) (settings any, ok bool) {
	k, ok := find(name)
	if !ok {
		return nil, false
	}
	return k.settings(), true
}

// New makes a sink with settings from Settings. It makes no network calls.
func New(name string, settings any) (sinks.Sink, error) {
	k, ok := find(name)
	if !ok {
		return nil, fmt.Errorf("sink type %q is not one of %q", name, Types())
	}
	return k.open(settings, nil)
}

func find(name string) (kind, bool) {
	all := table()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return all[i], true
}
