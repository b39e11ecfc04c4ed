package config

import (
	"os"
	"strings"

	"github.com/flagcast/flagcast/internal/strictyaml"
)

// Load reads and checks the configuration at path; "" means that there is no
// file, only overrides. The error is a *strictyaml.Faults, which holds every
// fault but what is absent of parts that Overrides.Needs leaves out.
// Nothing but the file itself, the files of secrets and certificates that it
// names, and variables are read.
func Load(path string, o Overrides) (*Config, error) {
	if o.Lookup == nil {
		o.Lookup = func(string) (string, bool) { return "", false }
	}
	if o.SinkConfig == nil {
		o.SinkConfig = func(string) (any, bool) { return nil, false }
	}
	c := &Config{settings: strictyaml.NoFile()}
	c.setDefaults()
	if path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, &strictyaml.Faults{List: []strictyaml.Fault{{
				File: path, Message: "cannot read the configuration: " + strictyaml.Cause(err),
				Hint: "--config FILE or FLAGCAST_CONFIG names another",
			}}}
		}
		settings, ok := schema(o).Decode(path, strings.TrimPrefix(string(content), "\uFEFF"), c)
		if !ok {
			return nil, settings.Err(nil)
		}
		c.settings = settings
	}
	k := &checker{Settings: c.settings, offline: o.Offline}
	k.override(c, o)
	k.check(c)
	needed := func(strictyaml.Absent) bool { return true }
	if o.Needs != nil {
		needed = o.Needs(c).include
	}
	if err := c.settings.Err(needed); err != nil {
		return nil, err
	}
	return c, nil
}
