package cloudflare

import "github.com/flagcast/flagcast/internal/keydoc"

// Keys describes the settings, for the JSON Schema of the configuration.
func (c *Config) Keys() keydoc.Keys {
	return keydoc.Keys{
		"":        {Meaning: "Cloudflare Workers KV, by its REST API"},
		"account": {Meaning: "id of the account, 32 hexadecimal digits", Required: true, Pattern: pathSafe.String()},
		"namespace": {
			Meaning:  "id of the KV namespace, 32 hexadecimal digits",
			Required: true, Pattern: `\S`,
		},
		"api_token": {
			Meaning:  `token of the API, with the permission "Workers KV Storage Write" for the account`,
			Required: true, Pattern: `^[!-~]+$`,
		},
		"endpoint": {
			Meaning: "base of the API, without `/accounts`",
			Pattern: `^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]`,
		},
		"proxy": {Meaning: "URL of a proxy for this sink: http, https, socks5 or socks5h"},
		"timeout": {
			Meaning: "longest time of one attempt of one request, twice as long for a call with many snapshots",
		},
	}
}
