package edgekv

import "github.com/flagcast/flagcast/internal/keydoc"

// Keys describes the settings, for the JSON Schema of the configuration.
func (c *Config) Keys() keydoc.Keys {
	return keydoc.Keys{
		"":        {Meaning: "EdgeKV of Alibaba Cloud ESA or DCDN, by its OpenAPI"},
		"product": {Meaning: "`esa` or `dcdn`; DCDN takes no new users", Words: []string{"esa", "dcdn"}},
		"site":    {Meaning: "`cn` or `intl`, where the account was registered", Words: []string{"cn", "intl"}},
		"namespace": {
			Meaning:  "name of the namespace: letters, digits, `-` and `_`",
			Required: true, Pattern: namespacePattern.String(),
		},
		"create_namespace": {Meaning: "the first put creates the namespace if it is missing"},
		"endpoint": {
			Meaning: "host name or URL instead of the one that product and site give; http for this machine only",
		},
		"proxy": {Meaning: "URL of a proxy for this sink: http, https, socks5 or socks5h"},
	}.With(c.Credentials.Keys().Under("credentials"))
}
