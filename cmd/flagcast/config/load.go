package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Overrides are the settings that come from the command line and from
// environment variables, and what Load has to know of the program. A flag
// wins over its variable, a variable over the file. "" and nil mean: not
// given.
type Overrides struct {
	// Flags are the flags of Unleash Edge that were given, by their names
	// without the dashes. Several values of one are joined by commas.
	Flags map[string]string
	// Offline takes the flags and variables of Edge's offline mode for those of
	// its edge mode.
	Offline bool

	// Lookup finds environment variables, for ${NAME} too (os.LookupEnv).
	// nil: there are none.
	Lookup func(name string) (string, bool)
	// SinkConfig returns a new pointer to the settings of a type of sinks,
	// with its defaults; SinkTypes lists the types. nil: no sinks are known.
	// Settings with a method Check() []error are checked after decoding; a
	// *sinks.ConfigError is shown at its key.
	SinkConfig func(kind string) (any, bool)
	SinkTypes  []string

	// Needs returns which parts of a configuration the caller uses. It is called
	// after decoding, with what could be decoded. nil: all of them.
	Needs func(*Config) Needs
}

// Load reads and checks the configuration at path; "" means that there is no
// file, only overrides. The error is a *Faults, which holds every fault but
// what is absent of parts that Overrides.Needs leaves out.
// Nothing but the file itself, the files of secrets and certificates that it
// names, and variables are read.
func Load(path string, o Overrides) (*Config, error) {
	d := &decoder{
		lookup: o.Lookup, settings: o.SinkConfig, types: o.SinkTypes, offline: o.Offline,
		nodes: map[any]*node{}, origins: map[setting]string{},
	}
	if d.lookup == nil {
		d.lookup = func(string) (string, bool) { return "", false }
	}
	if d.settings == nil {
		d.settings = func(string) (any, bool) { return nil, false }
	}
	c := &Config{}
	c.setDefaults()
	if path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			d.add(place{file: path}, "cannot read the configuration: "+cause(err), "--config FILE or FLAGCAST_CONFIG names another")
			return nil, d.err(nil)
		}
		text := strings.TrimPrefix(string(content), "\uFEFF")
		d.src, d.dir = newSource(path, text), filepath.Dir(path)
		root := parse(d.src, text, &d.collector)
		if root == nil {
			return nil, d.err(d.src)
		}
		d.hideSecrets(root)
		d.hideWebhooks(root)
		d.structure(root, reflect.ValueOf(c).Elem(), "")
	}
	d.override(c, o)
	d.check(c)
	c.absent, c.short, c.src = d.absent, d.short, d.src
	for _, a := range d.absent {
		if o.Needs == nil || o.Needs(c).include(a) {
			d.add(a.place, a.Message, a.Hint)
		}
	}
	if err := d.err(d.src); err != nil {
		return nil, err
	}
	return c, nil
}

// at returns where a setting comes from: its value in the file, or the flag or
// variable that replaces it. Where there is neither, the mapping that it
// belongs to, or the whole document.
func (d *decoder) at(owner any, key string) place {
	if origin := d.origins[setting{owner, key}]; origin != "" {
		return place{file: origin}
	}
	if d.src == nil {
		return place{file: outside}
	}
	n := d.nodes[owner]
	if n == nil {
		return d.src.place(1, 1)
	}
	for _, name := range []string{key, key + "_file"} {
		if e := n.get(name); e != nil {
			return d.src.place(e.value.line, e.value.column)
		}
	}
	return d.src.place(n.line, n.column)
}

// given reports whether a setting has a value of its own, and sound whether
// that value could be decoded.
func (d *decoder) given(owner any, key string) bool {
	return d.origins[setting{owner, key}] != "" || d.nodes[owner].get(key) != nil || d.nodes[owner].get(key+"_file") != nil
}

func (d *decoder) sound(owner any, key string) bool {
	if d.origins[setting{owner, key}] != "" {
		return true
	}
	for _, name := range []string{key, key + "_file"} {
		if e := d.nodes[owner].get(name); e != nil && e.value.broken() {
			return false
		}
	}
	return true
}

// broken reports whether a fault has been reported at a node or below.
func (n *node) broken() bool {
	for i := range n.entries {
		if n.entries[i].value.broken() {
			return true
		}
	}
	for _, item := range n.items {
		if item.broken() {
			return true
		}
	}
	return n.bad
}

// wrong reports a fault of a setting, wherever that comes from.
func (d *decoder) wrong(owner any, key, message, hint string) {
	d.add(d.at(owner, key), message, hint)
}
