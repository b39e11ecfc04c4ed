package file

import "github.com/flagcast/flagcast/internal/keydoc"

// Keys describes the settings, for the JSON Schema of the configuration.
func (c *Config) Keys() keydoc.Keys {
	return keydoc.Keys{
		"":    {Meaning: "A folder; the snapshot of key `K` is `K.json`"},
		"dir": {Meaning: "the folder; it is made at the first put", Required: true},
	}
}
