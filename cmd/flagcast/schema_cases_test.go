package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const upstreamPart = `upstream: { url: "https://unleash.test", tokens: ["*:development.secret"] }` + "\n"

func upstreamWith(keys string) string {
	return `upstream: { url: "https://unleash.test", tokens: ["*:development.secret"], ` + keys + " }\n"
}

// part is a configuration with one more part.
func part(text string) string { return upstreamPart + text + "\n" }

// target is a configuration with one target, whose keys are changed.
func target(changes ...string) string {
	keys := map[string]string{
		"name": "t", "sink": "s", "environment": "development", "format": "rules/1", "key": "k",
	}
	for _, change := range changes {
		key, value, _ := strings.Cut(change, ": ")
		if keys[key] = value; value == "" {
			delete(keys, key)
		}
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, key+": "+keys[key])
	}
	return part("sinks: { s: { type: memory } }\ntargets: [{ " + strings.Join(list, ", ") + " }]")
}

func sink(text string) string { return part("sinks: { s: { " + text + " } }") }

// keysOf are credentials of Alibaba Cloud.
const keysOf = "access_key_id: i, access_key_secret: s"

func goodConfigurations() map[string]string {
	return map[string]string{
		"minimal":              upstreamPart,
		"numbers as variables": upstreamWith(`poll_interval: "${PACE}", max_bytes: "6553600${NUMBER}"`),
		"truth as a variable":  part(`api: { all_endpoint: "${YES}", max_connections: "${NUMBER}" }`),
		"word as a variable":   part(`log: { level: "${LEVEL}" }`),
		"variable in a text":   upstreamWith(`token_header: "X-${NUMBER}"`),
		"dollar signs":         upstreamWith(`headers: { A: "$$", B: "a$", C: $x, D: "$${NOT}" }`),
		"header of any kind":   upstreamWith("headers: { A: 1, B: true }"),
		"camel case":           upstreamWith("pollInterval: 20s, skipVerify: true, usageInterval: 2s"),
		"empty mappings":       part("api:\n  tls:\n  cors:\nsinks:\ntargets:\nnotify:"),
		"file":                 "upstream: { file: f.json, environment: production }",
		"file by a variable":   upstreamWith(`file: "${NONE}"`),
		"zero":                 part("api: { drain: 0s, max_connections: 0 }"),
		"compound duration":    upstreamWith("poll_interval: 1m30.5s, timeout: 1.ms"),
		"durations":            upstreamWith("poll_interval: 1000ms, stale_after: +1h, timeout: 1000us"),
		"listen":               part(`api: { listen: "[::1]:0", backstage: { listen: "localhost:3064" } }`),
		"prefixes":             part(`api: { allow: [10.0.0.1, 10.0.0.0/8, "2001:db8::/32", "fe80::1%eth0"] }`),
		"base path":            part(`api: { base_path: /flags/ }`),
		"shared cache":         part("api: { shared_cache: { maxAge: 1s, stale_if_error: 1m } }"),
		"token with dots":      part(`api: { frontend_tokens: ["a:development.b.c", "[]:development.x"] }`),
		"environment starred":  `upstream: { url: "http://h", tokens: ["*:*x.y"] }`,
		"secret of digits":     part("api: { webhook_secret: 1234567890123456 }"),
		"webhook":              part(`notify: [{ type: slack, url: "https://hook.test/x" }]`),
		"webhook signed":       part(`notify: [{ type: json, url: "https://hook.test/x", secret: s, events: [held] }]`),
		"healthcheck":          part(`healthcheck: { url: "https://ping.test", interval: 10s }`),
		"cloudflare":           sink("type: cloudflare, account: 12, namespace: n, api_token: t, timeout: 1s"),
		"cloudflare's token":   sink("type: cloudflare, account: a, namespace: n, apiToken: t"),
		"edgekv":               sink("type: edgekv, namespace: n, credentials: { " + keysOf + " }"),
		"edgekv by a role":     sink("type: edgekv, namespace: n, credentials: { type: rrsa, role_session_name: me }"),
		"other type's empty":   sink(`type: edgekv, namespace: n, credentials: { type: rrsa, access_key_id: "" }`),
		"other type's preset": sink(
			"type: edgekv, namespace: n, credentials: { role_session_name: flagcast, " + keysOf + " }"),
		"instance": sink("type: edgekv, namespace: n, credentials: { type: ecs_ram_role, role_name: r }"),
		"oss":      sink("type: oss, bucket: bucket, region: cn-hangzhou, credentials: { " + keysOf + " }"),
		"oss's region": sink(
			"type: oss, bucket: bucket, region: cn-hangzhou, cname: true, endpoint: f.test, " +
				"credentials: { " + keysOf + " }"),
		"type of a sink":     sink(`type: "${TYPE}", max_bytes: 7`),
		"target":             target(),
		"matrix":             target(`key: "k-{a}"`, `matrix: { a: [1, x] }`),
		"empty matrix":       target("format: definitions/1", "matrix: {}"),
		"context":            target("context: { a: 1, b: true, c: null, d: x }"),
		"schedule":           target(`schedule: "TZ=Asia/Shanghai */5 * * * *"`),
		"schedule every":     target(`schedule: "@every 90s"`),
		"schedule by name":   target(`schedule: " @daily "`),
		"identifiers":        target("identifiers: hash", "identifier_salt: x"),
		"history":            target("history: { sink: s, keep: 1 }"),
		"no history":         target("history: null"),
		"status of a worker": target(`worker_status: ["https://a.test/{x}"]`),
	}
}

func badConfigurations() map[string]string {
	return map[string]string{
		"unknown part":          part("upstreams: {}"),
		"unknown key":           upstreamWith("interval: 15s"),
		"key in both spellings": upstreamWith("max-bytes: 65536"),
		"text of a list":        part("sinks: [a]"),
		"duration as a number":  upstreamWith("poll_interval: 15"),
		"duration in words":     upstreamWith("poll_interval: 15 seconds"),
		"duration without unit": upstreamWith(`poll_interval: "15"`),
		"negative duration":     part("api: { drain: -1s }"),
		"no duration":           upstreamWith("poll_interval: 0s"),
		"short duration":        upstreamWith("poll_interval: 999.9ms"),
		"short healthcheck":     part(`healthcheck: { url: "https://ping.test", interval: 9.9s }`),
		"truth in quotes":       part(`api: { all_endpoint: "true" }`),
		"number in quotes":      part(`api: { max_connections: "1" }`),
		"below the minimum":     part("api: { max_connections: -1 }"),
		"below 65536":           upstreamWith("max_bytes: 1"),
		"fraction":              part("api: { max_connections: 1.5 }"),
		"word":                  part("log: { level: verbose }"),
		"truth as a text":       upstreamWith("ca_file: true"),
		"no value":              upstreamWith("ca_file:"),
		"empty item":            part("api: { allow: [10.0.0.1, null] }"),
		"text for a list":       part("api: { allow: 10.0.0.1 }"),
		"unclosed variable":     upstreamWith(`headers: { A: "${NAME" }`),
		"variable's default":    upstreamWith(`headers: { A: "${NAME:-x}" }`),
		"empty secret":          upstreamWith(`headers: { A: "" }`),
		"url":                   `upstream: { url: unleash.test, tokens: ["*:development.x"] }`,
		"url with a user":       `upstream: { url: "https://u:p@h.test", tokens: ["*:development.x"] }`,
		"url with a query":      `upstream: { url: "https://h.test/?a", tokens: ["*:development.x"] }`,
		"token":                 `upstream: { url: "https://h.test", tokens: [secret] }`,
		"token of all":          `upstream: { url: "https://h.test", tokens: ["*:*.secret"] }`,
		"tokens in one text":    `upstream: { url: "https://h.test", tokens: ["*:a.b, *:c.d"] }`,
		"no tokens":             `upstream: { url: "https://h.test", tokens: [] }`,
		"secret twice":          part("api: { webhook_secret: s, webhookSecretFile: f }"),
		"header's name":         upstreamWith(`token_header: "a b"`),
		"file and url":          upstreamWith("file: f.json"),
		"environment":           upstreamWith("environment: development"),
		"listen":                part("api: { listen: 3063 }"),
		"listen without port":   part("api: { tls: { listen: localhost } }"),
		"base path":             part("api: { base_path: flags }"),
		"prefix":                part("api: { deny: [example.com] }"),
		"stale without age":     part("api: { shared_cache: { stale_if_error: 1s } }"),
		"webhook without url":   part("notify: [{ type: slack }]"),
		"webhook's url":         part("notify: [{ type: slack, url: hooks.test }]"),
		"slack's secret":        part(`notify: [{ type: slack, url: "https://hook.test", secret: s }]`),
		"no events":             part(`notify: [{ type: json, url: "https://hook.test", events: [] }]`),
		"event":                 part(`notify: [{ type: json, url: "https://hook.test", events: [hold] }]`),
		"empty webhook":         part("notify: [null]"),
		"healthcheck's url":     part("healthcheck: { interval: 10s }"),
		"empty sink":            part("sinks: { s: }"),
		"no type":               sink("dir: out"),
		"type of a sink":        sink("type: s3"),
		"key of another sink":   sink("type: file, dir: out, bucket: b"),
		"no folder":             sink("type: file"),
		"empty folder":          sink(`type: file, dir: ""`),
		"memory":                sink("type: memory, max_bytes: -1"),
		"cloudflare's token":    sink("type: cloudflare, account: a, namespace: n"),
		"cloudflare's account":  sink("type: cloudflare, account: a/b, namespace: n, api_token: t"),
		"edgekv's site":         sink("type: edgekv, site: us, namespace: n, credentials: { " + keysOf + " }"),
		"edgekv's namespace":    sink("type: edgekv, namespace: a b, credentials: { " + keysOf + " }"),
		"type of credentials":   sink("type: edgekv, namespace: n, credentials: { type: none }"),
		"other type's key":      sink("type: edgekv, namespace: n, credentials: { type: rrsa, " + keysOf + " }"),
		"usual type's key":      sink("type: edgekv, namespace: n, credentials: { role_name: r, " + keysOf + " }"),
		"role":                  sink("type: edgekv, namespace: n, credentials: { type: rrsa, role_arn: r }"),
		"bucket":                sink("type: oss, bucket: B, region: cn-hangzhou, credentials: { " + keysOf + " }"),
		"region":                sink("type: oss, bucket: abc, region: hangzhou, credentials: { " + keysOf + " }"),
		"cname": sink(
			"type: oss, bucket: abc, region: cn-hangzhou, cname: true, credentials: { " + keysOf + " }"),
		"target without name":  target("name: "),
		"empty name":           target(`name: ""`),
		"old name":             target("snapshot: rules/1"),
		"format":               target("format: rules/2"),
		"key":                  target(`key: "a b"`),
		"long key":             target("key: " + strings.Repeat("k", 513)),
		"undecided":            target("undecided: omitted"),
		"matrix's values":      target(`key: "k-{a}"`, "matrix: { a: [] }"),
		"matrix's format":      target("format: definitions/1", `key: "k-{a}"`, "matrix: { a: [x] }"),
		"context in a context": target("context: { a: { b: c } }"),
		"schedule":             target("schedule: hourly"),
		"salt":                 target("identifiers: hash"),
		"salt without hash":    target("identifier_salt: x"),
		"identifiers' format":  target("format: evaluated/1", "identifiers: refuse"),
		"history":              target("history: { keep: 3 }"),
		"history kept":         target("history: { sink: s, keep: 0 }"),
		"status of a worker":   target("worker_status: [a.test]"),
	}
}

// TestSchemaCases: the decoder and the schema agree on what is good and what is bad.
func TestSchemaCases(t *testing.T) {
	schema := compileSchema(t)
	for name, text := range goodConfigurations() {
		if err := loadText(t, []byte(text)); err != nil {
			t.Errorf("good, %s: the configuration does not load: %v", name, err)
		}
		if err := validateYAML(schema, []byte(text)); err != nil {
			t.Errorf("good, %s: the schema refuses it: %v", name, err)
		}
	}
	for name, text := range badConfigurations() {
		if loadText(t, []byte(text)) == nil {
			t.Errorf("bad, %s: the configuration loads", name)
		}
		if validateYAML(schema, []byte(text)) == nil {
			t.Errorf("bad, %s: the schema takes it:\n%s", name, text)
		}
	}
}

// TestSchemaTakesValues: what the decoder takes in the place of a value, the schema
// does.
func TestSchemaTakesValues(t *testing.T) {
	schema := compileSchema(t)
	places := []func(value string) string{
		func(v string) string { return upstreamWith("poll_interval: " + v) },
		func(v string) string { return part("api: { drain: " + v + " }") },
		func(v string) string { return part("api: { max_connections: " + v + " }") },
		func(v string) string { return part("api: { listen: " + v + " }") },
		func(v string) string { return part("api: { base_path: " + v + " }") },
		func(v string) string { return part("api: { allow: [" + v + "] }") },
		func(v string) string { return part("api: { frontend_tokens: [" + v + "] }") },
		func(v string) string { return upstreamWith("headers: { A: " + v + " }") },
		func(v string) string { return upstreamWith("token_header: " + v) },
		func(v string) string { return target("key: " + v) },
		func(v string) string { return target("schedule: " + v) },
		func(v string) string { return sink("type: file, dir: " + v) },
	}
	pieces := []string{
		"0", "1", "5", "30", ".", "s", "ms", "µs", "h", "+", "/", ":", "-", "_", "a", "k", "{", "}", " ", "*",
		"@every ", "@daily", "TZ=UTC ", "* * * * *", "10.0.0.1", "::", "%", "*:development.s",
		"$", "$$", "${NUMBER}", "${PACE}", "x-y",
	}
	taken := 0
	rapid.Check(t, func(r *rapid.T) {
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 4).Draw(r, "pieces"), "")
		text := rapid.SampledFrom(places).Draw(r, "place")(fmt.Sprintf("%q", value))
		if loadText(t, []byte(text)) != nil {
			return
		}
		taken++
		if err := validateYAML(schema, []byte(text)); err != nil {
			r.Fatalf("%s loads, and the schema refuses it: %v", text, err)
		}
	})
	if taken < 5 {
		t.Errorf("%d values were taken", taken)
	}
}
