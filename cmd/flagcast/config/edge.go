package config

import (
	"slices"
	"strings"
	"time"
)

// EdgeSetting is a flag of Unleash Edge 20 and the environment variable of the
// same name (its crates/oss/unleash-edge-cli). docs/replacing-unleash-edge.md
// lists all of them, and is tested against EdgeSettings.
type EdgeSetting struct {
	Flag     string // "" for one that is a variable alone
	Short    string
	Variable string
	Value    string // what the flag takes, for --help; "": it is a switch
	Mode     string // "edge" or "offline"; "": both
	Does     string // for --help
	// Default is what Edge has and means when nothing is said, for the document.
	Default string

	// apply takes a value over. nil: there is nothing to take it over.
	apply func(o *overrider, g given)
	// instead is what to use in place of one that is not taken over. "": it
	// makes no difference here, and is not logged.
	instead string
	refused bool // security or data depends on it: it is a fault
}

// Repeated reports whether the flag may be given several times.
func (s *EdgeSetting) Repeated() bool { return strings.HasSuffix(s.Value, "s") }

// Fate is what becomes of the setting: "taken over", "not used", "refused" or
// "no difference".
func (s *EdgeSetting) Fate() string {
	switch {
	case s.apply != nil:
		return "taken over"
	case s.refused:
		return "refused"
	case s.instead != "":
		return "not used"
	default:
		return "no difference"
	}
}

// Instead is what to use in its place.
func (s *EdgeSetting) Instead() string { return s.instead }

// What replaces several settings at once.
const (
	insteadOfRedis   = "the last good flags are kept in a folder: set BACKUP_FOLDER (state.dir)"
	insteadOfPushing = "let Prometheus scrape /internal-backstage/prometheus"
	insteadOfTracing = "errors are in the log, figures at /internal-backstage/prometheus"
	insteadOfTimeout = "requests have 30 s, idle connections two minutes"
	insteadOfPKCS12  = "take the certificate and the key out by `openssl pkcs12 -in FILE -nodes -out client.pem`, " +
		"and set PEM_CERT_FILE to that (upstream.client_cert_file)"
	insteadOfHMAC = "create backend tokens in Unleash and set TOKENS (upstream.tokens)"
)

// EdgeSettings lists them, in the order of Edge's own help.
func EdgeSettings() []EdgeSetting {
	list := slices.Concat(
		listenerSettings(), requestSettings(), tracingSettings(), upstreamSettings(), certificateSettings(),
		storageSettings(), pushSettings(), otherSettings(), offlineSettings(),
	)
	first := false
	for i := range list {
		s := &list[i]
		first = first || s.Flag == "upstream-url"
		if s.Variable == "" {
			s.Variable = strings.ToUpper(strings.ReplaceAll(s.Flag, "-", "_"))
		}
		if s.Mode == "" && first {
			s.Mode = "edge"
		}
	}
	return list
}

// listenerSettings are the settings of the API, and who may ask it.
func listenerSettings() []EdgeSetting {
	return []EdgeSetting{
		{Flag: "port", Short: "p", Value: "port", Default: "3063", Does: "port of the API", apply: (*overrider).listen},
		{
			Flag: "interface", Short: "i", Value: "address", Default: "::", Does: "address of the API",
			apply: (*overrider).listen,
		},
		{Flag: "base-path", Value: "path", Does: "path before all others", apply: (*overrider).basePath},
		{
			Flag: "workers", Short: "w", Value: "number", Does: "of Unleash Edge; not used",
			instead: "all CPUs that the container may use are used; GOMAXPROCS sets fewer",
		},
		{Flag: "tls-enable", Default: "false", Does: "serve TLS, too", apply: (*overrider).tls},
		{Flag: "tls-server-cert", Value: "file", Does: "PEM certificate for TLS", apply: (*overrider).withTLS},
		{Flag: "tls-server-key", Value: "file", Does: "PEM key for TLS", apply: (*overrider).withTLS},
		{Flag: "tls-server-port", Value: "port", Default: "3043", Does: "port of TLS", apply: (*overrider).withTLS},
		{
			Flag: "redirect-http-to-https", Default: "false", Does: "answer plain HTTP by 308",
			apply: (*overrider).withTLS,
		},
		{
			Flag: "cors-origin", Value: "origins", Default: "*", Does: "origins of pages that may ask the frontend API",
			apply: texts(func(c *Config) (any, string, *[]string) {
				return &c.API.CORS, "origins", &c.API.CORS.Origins
			}),
		},
		{
			Flag: "cors-allowed-headers", Value: "names", Does: "headers that these pages may send",
			apply: texts(func(c *Config) (any, string, *[]string) {
				return &c.API.CORS, "allowed_headers", &c.API.CORS.AllowedHeaders
			}),
		},
		{
			Flag: "cors-exposed-headers", Value: "names", Does: "headers that these pages may read",
			apply: texts(func(c *Config) (any, string, *[]string) {
				return &c.API.CORS, "exposed_headers", &c.API.CORS.ExposedHeaders
			}),
		},
		{
			Flag: "cors-methods", Value: "methods", Does: "methods that these pages may use",
			apply: texts(func(c *Config) (any, string, *[]string) {
				return &c.API.CORS, "methods", &c.API.CORS.Methods
			}),
		},
		{
			Flag: "cors-max-age", Value: "seconds", Default: "172800",
			Does: "time that browsers may keep the answer of a preflight", apply: (*overrider).corsAge,
		},
		{
			Flag: "allow-list", Value: "ranges", Does: "addresses that may ask",
			apply: texts(func(c *Config) (any, string, *[]string) {
				return &c.API, "allow", &c.API.Allow
			}),
		},
		{
			Flag: "deny-list", Value: "ranges", Does: "addresses that may not ask",
			apply: texts(func(c *Config) (any, string, *[]string) {
				return &c.API, "deny", &c.API.Deny
			}),
		},
	}
}

// requestSettings are the settings of requests, logs and endpoints.
func requestSettings() []EdgeSetting {
	return []EdgeSetting{
		{
			Flag: "instance-id", Value: "id", Does: "name of this process for upstream",
			apply: header("Unleash-InstanceId"),
		},
		{
			Flag: "app-name", Short: "a", Value: "name", Default: "unleash-edge",
			Does: "name of this application for upstream", apply: header("Unleash-AppName"),
		},
		{
			Flag: "client-id", Value: "id", Does: "of Unleash Edge; not used",
			instead: "let Prometheus add a label to what it scrapes",
		},
		{
			Flag: "trust-proxy", Default: "false", Does: "take the client's address from headers",
			apply: (*overrider).trustProxy,
		},
		{
			Flag: "proxy-trusted-servers", Value: "ranges",
			Does: "peers whose headers --trust-proxy takes; all without it", apply: (*overrider).withTrustProxy,
		},
		{
			Flag: "disable-all-endpoint", Default: "false", Does: "do not serve /api/frontend/all and /api/proxy/all",
			apply: (*overrider).noAll,
		},
		{
			Flag: "edge-request-timeout", Value: "seconds", Default: "5", Does: "of Unleash Edge; not used",
			instead: insteadOfTimeout,
		},
		{
			Flag: "edge-keepalive-timeout", Value: "seconds", Default: "5", Does: "of Unleash Edge; not used",
			instead: insteadOfTimeout,
		},
		{
			Flag: "log-format", Short: "l", Value: "format", Default: "plain",
			Does: "form of the log: plain, pretty or json", apply: (*overrider).logFormat,
		},
		{Variable: "RUST_LOG", Default: "info", Does: "level of the log", apply: (*overrider).logLevel},
		{
			Flag: "token-header", Value: "name", Default: "Authorization",
			Does: "header that carries tokens, here and to upstream", apply: (*overrider).tokenHeader,
		},
		{
			Flag: "edge-auth-header", Value: "name", Default: "Authorization", Does: "header that carries tokens here",
			apply: (*overrider).edgeHeader,
		},
		{
			Flag: "upstream-auth-header", Value: "name", Default: "Authorization",
			Does: "header that carries tokens to upstream", apply: (*overrider).upstreamHeader,
		},
		{
			Flag: "disable-metrics-endpoint", Default: "false", Does: "do not serve /internal-backstage/prometheus",
			apply: (*overrider).noMetrics,
		},
		{Flag: "disable-metrics-batch-endpoint", Default: "false", Does: "of Unleash Edge: there is no such path"},
		{
			Flag: "disable-features-endpoint", Default: "false",
			Does:  "do not serve /internal-backstage/features; without it api.backstage decides",
			apply: (*overrider).noFeatures,
		},
		{
			Flag: "disable-tokens-endpoint", Default: "false",
			Does:  "do not serve /internal-backstage/tokens; without it api.backstage decides",
			apply: (*overrider).noTokens,
		},
		{Flag: "disable-instance-data-endpoint", Default: "false", Does: "of Unleash Edge: there is no such path"},
	}
}

// tracingSettings are the settings of services that flagcast does not report to.
func tracingSettings() []EdgeSetting {
	return []EdgeSetting{
		{Flag: "sentry-dsn", Value: "URL", Does: "of Unleash Edge; not used", instead: insteadOfTracing},
		{
			Flag: "sentry-tracing-rate", Value: "rate", Default: "0.1", Does: "of Unleash Edge; not used",
			instead: insteadOfTracing,
		},
		{Flag: "sentry-debug", Default: "false", Does: "of Unleash Edge; not used", instead: insteadOfTracing},
		{Flag: "sentry-enable-logs", Default: "false", Does: "of Unleash Edge; not used", instead: insteadOfTracing},
		{Flag: "datadog-url", Value: "URL", Does: "of Unleash Edge; not used", instead: insteadOfTracing},
		{
			Flag: "otel-exporter-otlp-endpoint", Value: "URL", Does: "of Unleash Edge; not used",
			instead: insteadOfTracing,
		},
		{
			Flag: "otel-exporter-otlp-protocol", Value: "protocol", Default: "grpc", Does: "of Unleash Edge; not used",
			instead: insteadOfTracing,
		},
	}
}

// upstreamSettings are the settings of upstream.
func upstreamSettings() []EdgeSetting {
	return []EdgeSetting{
		{
			Flag: "upstream-url", Short: "u", Value: "URL", Does: "URL of the Unleash server, without /api",
			apply: (*overrider).upstreamURL,
		},
		{
			Flag: "tokens", Short: "t", Value: "tokens", Does: "backend tokens, separated by commas",
			apply: (*overrider).tokens,
		},
		{
			Flag: "pretrusted-tokens", Value: "tokens",
			Does:  "frontend tokens that upstream is not asked about, also in the form secret@environment",
			apply: (*overrider).pretrusted,
		},
		{
			Flag: "features-refresh-interval-seconds", Short: "f", Value: "seconds", Default: "15",
			Does: "time between two polls", apply: duration(func(c *Config) *time.Duration {
				return &c.Upstream.Interval
			}),
		},
		{
			Flag: "metrics-interval-seconds", Short: "m", Value: "seconds", Default: "60",
			Does: "time between two reports of what SDKs have used", apply: duration(func(c *Config) *time.Duration {
				return &c.Upstream.UsageInterval
			}),
		},
		{
			Flag: "token-revalidation-interval-seconds", Value: "seconds", Default: "3600",
			Does: "how long upstream's answer about a token is used", apply: duration(func(c *Config) *time.Duration {
				return &c.API.RevalidateTokens
			}),
		},
		{
			Flag: "backup-folder", Short: "b", Value: "folder",
			Does:  "folder for the last good flags; a backup of Unleash Edge is read at the first start",
			apply: (*overrider).backup,
		},
		{
			Flag: "custom-client-headers", Short: "H", Value: "headers",
			Does: "headers as name:value, sent with every request to upstream", apply: (*overrider).headers,
		},
	}
}

// certificateSettings are the settings of the connection to upstream.
func certificateSettings() []EdgeSetting {
	return []EdgeSetting{
		{
			Flag: "skip-ssl-verification", Short: "s", Default: "false", Does: "take any certificate of upstream",
			apply: (*overrider).skipVerify,
		},
		{
			Flag: "pkcs8-client-certificate-file", Value: "file", Does: "PEM certificate to show to upstream",
			apply: (*overrider).clientCert,
		},
		{
			Flag: "pkcs8-client-key-file", Value: "file", Does: "PEM key of --pkcs8-client-certificate-file",
			apply: (*overrider).clientKey,
		},
		{
			Flag: "pkcs12-identity-file", Value: "file", Does: "of Unleash Edge; refused", instead: insteadOfPKCS12,
			refused: true,
		},
		{
			Flag: "pkcs12-passphrase", Value: "text", Does: "of Unleash Edge; refused", instead: insteadOfPKCS12,
			refused: true,
		},
		{
			Flag: "pem-cert-file", Value: "file", Does: "PEM certificate and key to show to upstream",
			apply: (*overrider).clientPEM,
		},
		{
			Flag: "upstream-certificate-file", Value: "file", Does: "PEM authorities to trust for upstream",
			apply: (*overrider).authorities,
		},
		{
			Flag: "upstream-request-timeout", Value: "seconds", Default: "5", Does: "of Unleash Edge; not used",
			instead: "set UPSTREAM_SOCKET_TIMEOUT (upstream.timeout), which bounds the whole request",
		},
		{
			Flag: "upstream-socket-timeout", Value: "seconds", Default: "5", Does: "bound of one request to upstream",
			apply: duration(func(c *Config) *time.Duration {
				return &c.Upstream.Timeout
			}),
		},
		{
			Flag: "client-keepalive-timeout", Value: "seconds", Default: "15", Does: "of Unleash Edge; not used",
			instead: "connections to upstream are kept alive",
		},
	}
}

// storageSettings are the settings of stores for the last good flags.
func storageSettings() []EdgeSetting {
	return []EdgeSetting{
		{Flag: "redis-url", Value: "URLs", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{
			Flag: "redis-mode", Value: "mode", Default: "single", Does: "of Unleash Edge; not used",
			instead: insteadOfRedis,
		},
		{Flag: "redis-host", Value: "host", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{Flag: "redis-port", Value: "port", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{Flag: "redis-username", Value: "name", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{Flag: "redis-password", Value: "text", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{Flag: "redis-secure", Default: "false", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{
			Flag: "redis-scheme", Value: "scheme", Default: "redis", Does: "of Unleash Edge; not used",
			instead: insteadOfRedis,
		},
		{
			Flag: "redis-read-connection-timeout-milliseconds", Value: "number", Default: "2000",
			Does: "of Unleash Edge; not used", instead: insteadOfRedis,
		},
		{
			Flag: "redis-write-connection-timeout-milliseconds", Value: "number", Default: "2000",
			Does: "of Unleash Edge; not used", instead: insteadOfRedis,
		},
		{Flag: "s3-bucket-name", Value: "bucket", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
		{Flag: "s3-force-path-style", Default: "false", Does: "of Unleash Edge; not used", instead: insteadOfRedis},
	}
}

// pushSettings are the settings of metrics that are pushed.
func pushSettings() []EdgeSetting {
	return []EdgeSetting{
		{
			Flag: "prometheus-remote-write-url", Value: "URL", Does: "of Unleash Edge; not used",
			instead: insteadOfPushing,
		},
		{
			Flag: "prometheus-push-interval", Value: "seconds", Default: "60", Does: "of Unleash Edge; not used",
			instead: insteadOfPushing,
		},
		{Flag: "prometheus-username", Value: "name", Does: "of Unleash Edge; not used", instead: insteadOfPushing},
		{Flag: "prometheus-password", Value: "text", Does: "of Unleash Edge; not used", instead: insteadOfPushing},
		{Flag: "prometheus-header", Value: "headers", Does: "of Unleash Edge; not used", instead: insteadOfPushing},
		{Flag: "prometheus-user-id", Value: "id", Does: "of Unleash Edge; not used", instead: insteadOfPushing},
	}
}

// otherSettings are the settings of streaming, reports and earlier versions.
func otherSettings() []EdgeSetting {
	return []EdgeSetting{
		{
			Flag: "streaming", Default: "false", Does: "follow the stream of upstream, and warn where there is none",
			apply: (*overrider).streaming,
		},
		{Flag: "delta", Default: "false", Does: "poll what has changed alone", apply: (*overrider).delta},
		{Flag: "hostname", Value: "name", Does: "of Unleash Edge: nothing is pushed under it"},
		{Flag: "ec2-instance-id", Value: "id", Does: "of Unleash Edge: nothing is pushed under it"},
		{Flag: "consumption", Default: "false", Does: "of Unleash Edge: nothing is reported to anybody"},
		{
			Flag: "strict", Default: "true",
			Does: "of Unleash Edge 19: the projects of a token are always those that upstream names",
		},
		{Flag: "dynamic", Default: "false", Does: "of Unleash Edge 19: unknown tokens are always asked about"},
		{
			Flag: "enable-post-features", Default: "false",
			Does: "of Unleash Edge 19: POST /api/client/features is always served",
		},
		{Flag: "service-account-token", Value: "token", Does: "of Unleash Edge 19; not used", instead: insteadOfHMAC},
		{Flag: "unleash-client-secret", Value: "text", Does: "of Unleash Edge; not used", instead: insteadOfHMAC},
		{Flag: "desired-environments", Value: "names", Does: "of Unleash Edge; not used", instead: insteadOfHMAC},
		{
			Flag: "desired-projects", Value: "names", Default: "*", Does: "of Unleash Edge; not used",
			instead: insteadOfHMAC,
		},
		{
			Variable: "EDGE_DEFER_TOKEN_VALIDATION",
			Does:     "of Unleash Edge: unknown tokens are always asked about in batches",
		},
	}
}

// offlineSettings are the settings of offline mode.
func offlineSettings() []EdgeSetting {
	return []EdgeSetting{
		{
			Flag: "bootstrap-file", Short: "b", Value: "file", Mode: "offline",
			Does: "file with an answer of GET /api/client/features", apply: (*overrider).bootstrap,
		},
		{
			Flag: "client-tokens", Short: "c", Value: "tokens", Mode: "offline", Does: "tokens of the client API",
			apply: (*overrider).clientTokens,
		},
		{
			Flag: "frontend-tokens", Short: "f", Value: "tokens", Mode: "offline", Does: "tokens of the frontend API",
			apply: (*overrider).frontendTokens,
		},
		{
			Flag: "reload-interval", Short: "r", Value: "seconds", Mode: "offline", Default: "0",
			Does: "of Unleash Edge: the file is read again whenever it changes",
		},
	}
}
