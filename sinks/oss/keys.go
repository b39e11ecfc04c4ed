package oss

import "github.com/flagcast/flagcast/internal/keydoc"

// Keys describes the settings, for the JSON Schema of the configuration.
func (c *Config) Keys() keydoc.Keys {
	return keydoc.Keys{
		"": {Meaning: "A bucket of Alibaba Cloud OSS; the snapshot of key `K` is the object `prefix` + `K`"},
		"bucket": {
			Meaning:  "name of the bucket, which has to exist",
			Required: true, Pattern: bucketPattern.String(),
		},
		"region": {
			Meaning:  "where the bucket is, such as `cn-hangzhou`; without `oss-`",
			Required: true, Pattern: regionPattern.String(),
		},
		"prefix": {Meaning: "put before each key, such as `flags/`; up to 511 bytes", Pattern: prefixPattern.String()},
		"endpoint": {
			Meaning: "host name or URL instead of that of the region, without the bucket, such as " +
				"`oss-cn-hangzhou-internal.aliyuncs.com` inside a VPC; http for this machine only",
			RequiredBy: &keydoc.Sibling{Key: "cname", Values: []any{true}},
		},
		"cname": {
			Meaning: "`endpoint` is a custom domain that is bound to the bucket: requests go to it as it is",
		},
		"proxy":   {Meaning: "URL of a proxy for this sink: http, https, socks5 or socks5h"},
		"timeout": {Meaning: "longest time of one attempt of one request"},
		"cache_control": {
			Meaning: "how long browsers and CDNs may keep an object, such as `max-age=30`; empty says nothing",
			Pattern: headerPattern.String(),
		},
	}.With(c.Credentials.Keys().Under("credentials"))
}
