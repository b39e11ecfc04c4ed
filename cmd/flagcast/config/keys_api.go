package config

import "github.com/flagcast/flagcast/internal/keydoc"

// apiKeys describes the keys of API.
func apiKeys() keydoc.Keys {
	return keydoc.Keys{
		"listen": {
			Meaning: "host and port; without a host every address of the machine; port 0 is any free one",
			Pattern: listenPattern,
		},
		"base_path": {
			Meaning: "a path before all others, such as `/flags`; paths without it are answered, too",
			Pattern: `^/|^$`,
		},
		"frontend_tokens": {
			Meaning: "tokens that are valid for `/api/frontend` and `/api/proxy`", Pattern: tokenPattern,
		},
		"backend_tokens": {Meaning: "tokens that are valid for `/api/client`", Pattern: tokenPattern},
		"anonymous_environment": {
			Meaning: "the environment of frontend requests that carry no token; without it they get 401",
		},
		"token_header": {Meaning: "the header that carries the token", Pattern: headerName.String()},
		"revalidate_tokens": {
			Meaning: "how long upstream's answer that a token is valid is used",
		},
		"all_endpoint": {
			Meaning: "serve `/api/frontend/all` and `/api/proxy/all`, which list flags that are off",
		},
		"trusted_proxies": {
			Meaning: "addresses and ranges (`10.0.0.0/8`) of proxies: what they say in `Forwarded` or " +
				"`X-Forwarded-For` is the client's address",
			Pattern: prefixPattern,
		},
		"allow": {Meaning: "addresses and ranges that may connect; the others get 403", Pattern: prefixPattern},
		"deny":  {Meaning: "addresses and ranges that may not connect", Pattern: prefixPattern},
		"max_connections": {
			Meaning: "connections to `listen` and `tls.listen` together; beyond it new ones wait until another ends, " +
				"health and readiness among them unless they ask `backstage.listen`",
		},
		"max_streams": {
			Meaning: "streams that are open at a time, half of them from one address; beyond it new ones get 429",
		},
		"drain": {
			Meaning: "after the signal to end: how long `/ready` says no and requests are answered, each with the " +
				"end of its connection, before open ones have ten seconds",
		},
		"webhook_secret": {
			Meaning: "what Unleash's webhook sends as `Authorization`, whatever `token_header` is",
		},
	}.With(tlsKeys().Under("tls"), corsKeys().Under("cors"), cacheKeys().Under("shared_cache"),
		backstageKeys().Under("backstage"))
}

func tlsKeys() keydoc.Keys {
	return keydoc.Keys{
		"":          {Meaning: "the API by TLS"},
		"cert_file": {Meaning: "PEM certificate; with it the API is served by TLS, too"},
		"key_file":  {Meaning: "PEM key of `tls.cert_file`; it may be in the same file"},
		"listen":    {Meaning: "host and port of TLS", Pattern: listenPattern},
		"only":      {Meaning: "serve no plain HTTP: `listen` is not used"},
		"redirect": {
			Meaning: "answer plain HTTP by 308, but for health, readiness and preflight requests of browsers",
		},
	}
}

func corsKeys() keydoc.Keys {
	return keydoc.Keys{
		"": {Meaning: "what pages of other origins may do"},
		"origins": {
			Meaning: "pages that may ask the frontend API and read errors below `/api`, such as " +
				"`https://shop.example`; `*` is any",
		},
		"allowed_headers": {Meaning: "headers that pages may send; without it any"},
		"exposed_headers": {Meaning: "headers that pages may read; without it any"},
		"methods":         {Meaning: "methods that pages may use; without it those that there are"},
		"max_age":         {Meaning: "how long a browser may keep the answer of a preflight"},
	}
}

func cacheKeys() keydoc.Keys {
	return keydoc.Keys{
		"": {Meaning: "how long a CDN before the core may keep answers"},
		"max_age": {
			Meaning: "how long a CDN may keep answers of the frontend API that name no user; it keeps none without it",
		},
		"stale_while_revalidate": {
			Meaning: "how long after `max_age` a CDN may still send what it has, while it asks", Needs: "max_age",
		},
		"stale_if_error": {
			Meaning: "how long after `max_age` a CDN may still send what it has, when the core does not answer",
			Needs:   "max_age",
		},
	}
}

func backstageKeys() keydoc.Keys {
	return keydoc.Keys{
		"": {Meaning: "the paths below `/internal-backstage`"},
		"listen": {
			Meaning: "host and port of their own for the paths below `/internal-backstage`; health and readiness " +
				"stay with the others, too",
			Pattern: "^$|" + listenPattern,
		},
		"metrics": {Meaning: "serve `/internal-backstage/prometheus` and `/internal-backstage/metrics`"},
		"features": {
			Meaning: "serve `/internal-backstage/features`: all definitions, to anybody who reaches it",
		},
		"tokens": {
			Meaning: "serve `/internal-backstage/tokens`: what is known of tokens, by the start of their SHA-256",
		},
	}
}
