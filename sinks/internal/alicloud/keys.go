package alicloud

import "github.com/flagcast/flagcast/internal/keydoc"

// Keys describes the settings, for the JSON Schema of the configuration.
func (c Config) Keys() keydoc.Keys {
	pair := &keydoc.Sibling{Key: "type", Values: []any{typeAccessKey, typeSTS}}
	sts := &keydoc.Sibling{Key: "type", Values: []any{typeSTS}}
	rrsa := &keydoc.Sibling{Key: "type", Values: []any{typeRRSA}}
	ecs := &keydoc.Sibling{Key: "type", Values: []any{typeECS}}
	return keydoc.Keys{
		"": {Meaning: "credentials of Alibaba Cloud, of one of four types"},
		"type": {
			Meaning: "`access_key`, `sts`, `rrsa` or `ecs_ram_role`",
			Words:   []string{typeAccessKey, typeSTS, typeRRSA, typeECS},
		},
		"access_key_id":     {Meaning: "with `access_key` and `sts`: of a RAM user", Only: pair},
		"access_key_secret": {Meaning: "with `access_key` and `sts`: of the same key", Only: pair},
		"security_token":    {Meaning: "with `sts`, and needed there", Only: sts},
		"role_arn":          {Meaning: "with `rrsa`: the role", Only: rrsa, Pattern: orEmpty(rolePattern.String())},
		"oidc_provider_arn": {
			Meaning: "with `rrsa`: the cluster's OIDC provider",
			Only:    rrsa, Pattern: orEmpty(providerPattern.String()),
		},
		"oidc_token_file": {Meaning: "with `rrsa`: the token of the pod, read for each renewal", Only: rrsa},
		"role_session_name": {
			Meaning: "with `rrsa`: who it is in the logs of ActionTrail",
			Only:    rrsa, Pattern: orEmpty(sessionPattern.String()),
		},
		"sts_endpoint": {
			Meaning: "with `rrsa`: host name or URL of STS, such as `sts-vpc.cn-hangzhou.aliyuncs.com` inside a VPC",
			Only:    rrsa,
		},
		"role_name": {
			Meaning: "with `ecs_ram_role`: name of the role; else the one that the instance has",
			Only:    ecs, Pattern: orEmpty(namePattern.String()),
		},
	}
}

func orEmpty(pattern string) string { return "^$|" + pattern }
