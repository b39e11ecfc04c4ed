package config

import (
	"path/filepath"
	"strings"

	"github.com/flagcast/flagcast/internal/strictyaml"
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
	content, err := untrusted.ReadFile(path, strictyaml.MaxBytes)
	if err != nil {
		return names
	}
	root := strictyaml.Read(strings.TrimPrefix(string(content), "\uFEFF"))
	if e := root.Get("upstream"); e != nil {
		if file := e.Value.Get("file"); file != nil && file.Value.Scalar() && !strings.Contains(file.Value.Text, "$") {
			names.File = file.Value.Text
			if !filepath.IsAbs(names.File) {
				names.File = filepath.Join(filepath.Dir(path), names.File)
			}
		}
	}
	if e := root.Get("targets"); e != nil {
		for _, target := range e.Value.Items {
			if name := target.Get("name"); name != nil {
				names.Targets = append(names.Targets, name.Value.Text)
			}
		}
	}
	if e := root.Get("sinks"); e != nil {
		for _, sink := range e.Value.Entries {
			names.Sinks = append(names.Sinks, sink.Name)
		}
	}
	return names
}
