package memory

import "github.com/flagcast/flagcast/internal/keydoc"

// Keys describes the settings, for the JSON Schema of the configuration.
func (c *Config) Keys() keydoc.Keys {
	return keydoc.Keys{
		"": {
			Meaning: "The process itself, for trials: what is stored ends with it, and cannot be read from outside",
		},
		"max_bytes": {Meaning: "largest snapshot; 0 is 32 MiB", Minimum: "0"},
	}
}
