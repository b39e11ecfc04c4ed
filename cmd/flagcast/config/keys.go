package config

import "github.com/flagcast/flagcast/internal/keydoc"

// Patterns of texts in the schema. They take what the checks of this package
// take, and refuse most of what those refuse.
const (
	addressPattern = `^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]`
	listenPattern  = `:[0-9]+$`
	prefixPattern  = `^[0-9A-Fa-f:.]+(%[^/]+)?(/[0-9]{1,3})?$`
	keyPattern     = `^([A-Za-z0-9_-]|\{[^{}]*\}){1,512}$`
	// tokenPattern is of project:environment.secret, without quotes and commas.
	tokenPattern    = `^\s*[^\s:"',]+:([^\s."',*]|\*[^\s."',])[^\s."',]*\.[^\s"',]+\s*$`
	schedulePattern = `^\s*((CRON_)?TZ=\S+ +)?(@every .+|@(yearly|annually|monthly|weekly|daily|midnight|hourly)|` +
		`[^@\s]\S*(\s+\S+){4,5})\s*$`
)

// keys describes every key of Config; sinks describe theirs.
func keys() keydoc.Keys {
	return keydoc.Keys{
		"": {Meaning: "configuration of flagcast"},
		"state.dir": {
			Meaning: "folder for the last good flags and the SHA-256 of valid tokens, from which a restart without " +
				"upstream begins; nothing is kept without it",
		},
		"log.level":  {Meaning: "`debug`, `info`, `warn` or `error`"},
		"log.format": {Meaning: "`text` for people, `json` for collectors"},
		"audit.file": {
			Meaning: "file to which each write, repair, hold, pin and unpin is appended, one JSON line each",
		},
		"healthcheck.url": {
			Meaning: "address to GET, such as a ping URL of Healthchecks; nothing is called without it",
			Pattern: addressPattern,
		},
		"healthcheck.interval": {Meaning: "time between two calls of `serve`", Needs: "url"},

		"upstream": {Meaning: "Where the flags come from: `url` and `tokens`, or `file`"},
		"state":    {Meaning: "what survives a restart"},
		"api":      {Meaning: "The HTTP interface of `serve`"},
		"log":      {Meaning: "The log goes to standard error"},
		"audit":    {Meaning: "a record of what was written, held and pinned"},
		"notify": {
			Meaning: "A list of webhooks that are notified when something goes wrong with targets, and when it is over",
		},
		"healthcheck": {Meaning: "An address that is called while all is well: a dead man's switch"},
		"sinks":       {Meaning: "A map: a name of your choice, and the settings of a place that stores snapshots"},
		"sinks.type": {
			Meaning: "`cloudflare`, `edgekv`, `file`, `memory` or `oss`; it decides which other keys there are",
		},
		"targets": {Meaning: "A list: what is published where"},
	}.With(upstreamKeys().Under("upstream"), apiKeys().Under("api"), notifyKeys().Under("notify"),
		targetKeys().Under("targets"))
}

func upstreamKeys() keydoc.Keys {
	return keydoc.Keys{
		"url": {
			Meaning: "address of Unleash, Unleash Edge or another flagcast; `/api` at the end is dropped",
			Pattern: `^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?\??#?$`,
		},
		"tokens": {
			Meaning: "backend tokens; their environments are those that flagcast has; several of one environment are " +
				"merged by project",
			Pattern: tokenPattern, NotEmpty: true,
		},
		"mode": {
			Meaning: "how changes arrive: `auto` (the stream of upstream where it has one, else polls), " +
				"`stream` (`auto`, with a warning where there is none), `delta` (polls of what has changed), " +
				"`poll` (polls of all flags)",
		},
		"poll_interval": {Meaning: "time between two polls, varied by 5 % to both sides"},
		"timeout":       {Meaning: "longest time of one attempt of one poll"},
		"max_bytes": {
			Meaning: "the largest answer with definitions, unpacked, and the largest `file`, in bytes",
		},
		"headers":          {Meaning: "sent with every request to upstream; not the one of `token_header`"},
		"token_header":     {Meaning: "the header that carries the token of an SDK", Pattern: headerName.String()},
		"ca_file":          {Meaning: "PEM certificates to trust beside those of the system"},
		"client_cert_file": {Meaning: "PEM certificate to show to the server, read again when it changes"},
		"client_key_file":  {Meaning: "PEM key of `client_cert_file`; it may be in the same file"},
		"skip_verify": {
			Meaning: "take any certificate of the server: anybody on the way can read tokens and change flags",
		},
		"file": {
			Meaning:  "an answer of `GET /api/client/features`, read again when it changes",
			Excludes: []string{"url", "tokens"},
		},
		"environment": {Meaning: "with `file` only: the environment of its flags", Needs: "file"},
		"stale_after": {
			Meaning: "how long upstream may not have confirmed the flags before they are stale, in `status`, " +
				"notifications and alerts",
		},
		"usage_interval": {
			Meaning: "time between two reports of what SDKs have evaluated, varied by 5 % to both sides",
		},
	}
}

func notifyKeys() keydoc.Keys {
	return keydoc.Keys{
		"type": {
			Meaning: "`slack`, `dingtalk`, `feishu` (also Lark) or `json` (any service that takes a POST)",
		},
		"url": {
			Meaning: "address of the webhook, as the service shows it; it is all that is needed to send",
			Pattern: addressPattern,
		},
		"secret": {
			Meaning: "signs: the signing key that DingTalk and Feishu show, or for `json` any text",
			Only:    &keydoc.Sibling{Key: "type", Values: []any{"dingtalk", "feishu", "json"}},
		},
		"events": {
			Meaning:  "which events are sent, of `failed`, `held`, `stale` and `recovered`",
			NotEmpty: true,
		},
		"targets": {
			Meaning: "only targets whose name matches one of these patterns, with `*`, `?` and `[a-z]`; each has to " +
				"match one",
		},
		"after": {Meaning: "failures in a row before `failed` is sent"},
	}
}
