package config

import (
	"path/filepath"
	"strings"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// Names are what a shell completes of a configuration.
type Names struct {
	Targets, Sinks []string
	// File is upstream.file, "" for none.
	File string
}

// ReadNames reads the names of the configuration at path without its secrets:
// it checks nothing, and what it cannot read is absent. An upstream.file with a
// variable in it is absent, too.
func ReadNames(path string) Names {
	var names Names
	content, err := untrusted.ReadFile(path, maxBytes)
	if err != nil {
		return names
	}
	text := strings.TrimPrefix(string(content), "\uFEFF")
	root := parse(newSource(path, text), text, &collector{})
	if e := root.get("upstream"); e != nil {
		if file := e.value.get("file"); file != nil && file.value.scalar() && !strings.Contains(file.value.text, "$") {
			names.File = file.value.text
			if !filepath.IsAbs(names.File) {
				names.File = filepath.Join(filepath.Dir(path), names.File)
			}
		}
	}
	if e := root.get("targets"); e != nil {
		for _, target := range e.value.items {
			if name := target.get("name"); name != nil {
				names.Targets = append(names.Targets, name.value.text)
			}
		}
	}
	if e := root.get("sinks"); e != nil {
		for _, sink := range e.value.entries {
			names.Sinks = append(names.Sinks, sink.name)
		}
	}
	return names
}
