// Package config reads the configuration of flagcast: one YAML file, decoded
// strictly into the types below, with the settings of Unleash Edge's flags and
// environment variables over it. Every fault is reported at once, with its
// line, its column and what to do; none of them shows a secret.
//
// The package has no notion of concrete sinks: the caller passes a table of
// their settings (Overrides.SinkConfig). docs/configuration.md describes every
// key and is tested against the types.
package config

import (
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// Config is a configuration that Load has checked. Paths in it start at the
// folder of the file. Printing it shows no secret.
//
// The tags of its fields are those of package strictyaml.
type Config struct {
	Upstream    Upstream         `yaml:"upstream"`
	State       State            `yaml:"state"`
	API         API              `yaml:"api"`
	Log         Log              `yaml:"log"`
	Audit       Audit            `yaml:"audit"`
	Notify      []Webhook        `yaml:"notify"`
	Healthcheck Healthcheck      `yaml:"healthcheck"`
	Sinks       map[string]*Sink `yaml:"sinks"`
	Targets     []Target         `yaml:"targets"`

	unused   []string
	settings *strictyaml.Settings
}

// Unused returns, in a sentence each, which flags and variables of Unleash Edge
// are set and do nothing here, and what to use instead.
func (c *Config) Unused() []string { return c.unused }

// Files lists the configuration file, first, and the files of secrets that it names.
func (c *Config) Files() []string { return c.settings.Files() }

// ShortSecrets names each secret of fewer than four characters: it can be
// guessed, and errors hide it only where it is a word of its own.
func (c *Config) ShortSecrets() []string { return c.settings.ShortSecrets() }

// Upstream says where definitions come from: either URL and Tokens, or File.
type Upstream struct {
	// URL is the server's, without "/api" and without a slash at the end.
	URL string `yaml:"url"`
	// Tokens are backend tokens, each of the form project:environment.secret.
	Tokens   []edgecore.Token         `yaml:"tokens"`
	Mode     upstream.Mode            `yaml:"mode" oneof:"auto stream delta poll"`
	Interval time.Duration            `yaml:"poll_interval" was:"interval" min:"1s"`
	Timeout  time.Duration            `yaml:"timeout" min:"1ms"`
	Headers  map[string]secret.Secret `yaml:"headers"` // sent with every request
	// TokenHeader carries the token.
	TokenHeader string `yaml:"token_header"`
	CAFile      string `yaml:"ca_file"` // PEM certificates to trust beside the system's
	// The certificate that flagcast shows to the server, and its key, in PEM.
	ClientCertFile string `yaml:"client_cert_file"`
	ClientKeyFile  string `yaml:"client_key_file"`
	SkipVerify     bool   `yaml:"skip_verify"` // takes any certificate of the server
	File           string `yaml:"file"`        // definitions in a file
	// Environment is the environment of File. It is empty where tokens say it.
	Environment edgecore.Environment `yaml:"environment"`
	// MaxBytes bounds an answer with definitions, unpacked, and File. 0: a share
	// of the memory.
	MaxBytes int `yaml:"max_bytes" min:"65536"`
	// StaleAfter is how long upstream may not have confirmed the definitions
	// before they are stale. 0: three intervals, at least a minute.
	StaleAfter time.Duration `yaml:"stale_after" min:"1s"`
	// UsageInterval is the time between two reports of what SDKs have used.
	UsageInterval time.Duration `yaml:"usage_interval" min:"1s"`
}

// Stale is StaleAfter, or its default.
func (u *Upstream) Stale() time.Duration {
	if u.StaleAfter > 0 {
		return u.StaleAfter
	}
	return max(3*u.Interval, time.Minute)
}

// State says where the last good definitions are kept.
type State struct {
	Dir string `yaml:"dir"` // "": nowhere
}

// API is the HTTP interface.
type API struct {
	Listen         string           `yaml:"listen"`    // host:port, for net.Listen
	BasePath       string           `yaml:"base_path"` // "" or "/path", without a slash at the end
	FrontendTokens []edgecore.Token `yaml:"frontend_tokens"`
	BackendTokens  []edgecore.Token `yaml:"backend_tokens"`
	// Anonymous is the environment of requests without a token. "": refuse them.
	Anonymous edgecore.Environment `yaml:"anonymous_environment" was:"anonymous"`
	// TokenHeader carries the token.
	TokenHeader string `yaml:"token_header"`
	// RevalidateTokens is how long upstream's answer about a valid token is used.
	RevalidateTokens time.Duration `yaml:"revalidate_tokens" min:"1s"`
	All              bool          `yaml:"all_endpoint" was:"all"` // serve /api/frontend/all
	// Addresses and CIDR ranges: proxies whose X-Forwarded-For is trusted, who
	// may ask at all, and who may not. See Prefixes.
	TrustedProxies []string `yaml:"trusted_proxies"`
	Allow          []string `yaml:"allow"`
	Deny           []string `yaml:"deny"`
	// MaxConnections bounds the connections of Listen and TLS together. 0: not.
	MaxConnections int `yaml:"max_connections" min:"0"`
	// MaxStreams bounds the clients that stream. 0: none may.
	MaxStreams int `yaml:"max_streams" min:"0"`
	// Drain is how long requests are answered after the signal to end, while
	// readiness says no.
	Drain     time.Duration `yaml:"drain"`
	TLS       TLS           `yaml:"tls"`
	CORS      CORS          `yaml:"cors"`
	Shared    SharedCache   `yaml:"shared_cache"`
	Backstage Backstage     `yaml:"backstage"`
	// WebhookSecret is what Unleash's webhook sends. Zero: there is no hook.
	WebhookSecret secret.Secret `yaml:"webhook_secret"`
}

// TLS of the HTTP interface. Without CertFile there is none.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	Listen   string `yaml:"listen"`
	Only     bool   `yaml:"only"`     // no plain HTTP
	Redirect bool   `yaml:"redirect"` // answer plain HTTP by 308
}

// CORS of the frontend API.
type CORS struct {
	Origins        []string      `yaml:"origins"`
	AllowedHeaders []string      `yaml:"allowed_headers"`
	ExposedHeaders []string      `yaml:"exposed_headers"`
	Methods        []string      `yaml:"methods"`
	MaxAge         time.Duration `yaml:"max_age"`
}

// SharedCache is for how long caches before the core may keep answers of the
// frontend API that name no user. Without MaxAge they keep none.
type SharedCache struct {
	MaxAge               time.Duration `yaml:"max_age" min:"1s"`
	StaleWhileRevalidate time.Duration `yaml:"stale_while_revalidate" min:"1s"`
	StaleIfError         time.Duration `yaml:"stale_if_error" min:"1s"`
}

// Backstage is what is served below /internal-backstage.
type Backstage struct {
	Listen   string `yaml:"listen"` // "": with the others
	Metrics  bool   `yaml:"metrics"`
	Features bool   `yaml:"features"`
	Tokens   bool   `yaml:"tokens"`
}

// Log is what is logged, and how.
type Log struct {
	Level  slog.Level `yaml:"level" oneof:"debug info warn error"`
	Format string     `yaml:"format" oneof:"text json"`
}

// Sink is a place that stores snapshots. Settings is what
// Overrides.SinkConfig gave for Type, filled from the file and checked.
type Sink struct {
	Type     string
	Settings any
}

// Target is what is published where.
type Target struct {
	Name            string               `yaml:"name" required:"true"`
	Sink            string               `yaml:"sink" required:"true"` // a name in Config.Sinks
	Environment     edgecore.Environment `yaml:"environment" required:"true"`
	Snapshot        snapshot.Format      `yaml:"format" was:"snapshot" required:"true"`
	StaticContext   `yaml:"context"`
	Contextual      snapshot.Contextual `yaml:"undecided" was:"contextual" oneof:"off omit evaluate"`
	IncludeDisabled bool                `yaml:"include_disabled"`
	Projects        []string            `yaml:"projects"`
	Flags           []string            `yaml:"flags"` // globs of path.Match
	// Identifiers says what becomes of values of IdentifierFields that lists
	// of flags hold, in rules.
	Identifiers      rules.Identifiers `yaml:"identifiers" oneof:"allow hash refuse"`
	IdentifierFields []string          `yaml:"identifier_fields"`
	IdentifierSalt   string            `yaml:"identifier_salt"`
	Key              KeyPattern        `yaml:"key" required:"true"`
	// Matrix has values of context fields: one snapshot is published for each
	// combination.
	Matrix      map[string][]string `yaml:"matrix"`
	Schedule    cron.Schedule       `yaml:"schedule"` // nil: none
	Debounce    time.Duration       `yaml:"debounce"`
	MinInterval time.Duration       `yaml:"min_interval"`
	// Heartbeat is how often to write again what has not changed. 0: never.
	Heartbeat time.Duration `yaml:"heartbeat" min:"1s"`
	History   *History      `yaml:"history"`
	// Probe are addresses of worker status endpoints.
	Probe []string `yaml:"worker_status" was:"probe"`
}

// History says where to keep what a target has published.
type History struct {
	Sink string `yaml:"sink" required:"true"` // a name in Config.Sinks
	Keep int    `yaml:"keep" min:"1"`         // snapshots of each key
}

// SetDefaults implements strictyaml.Defaulter.
func (h *History) SetDefaults() { h.Keep = 10 }

// StaticContext is the part of the context that a target fixes.
type StaticContext struct {
	Static map[string]string // never nil
	Absent []string          // fields that are known to be missing (null in the file), sorted
}

func (c *Config) setDefaults() {
	c.Upstream.Mode = upstream.ModeAuto
	c.Upstream.Interval = 15 * time.Second
	c.Upstream.Timeout = 10 * time.Second
	c.Upstream.UsageInterval = time.Minute
	c.Upstream.TokenHeader = "Authorization"
	c.API = API{
		Listen: ":3063", TokenHeader: "Authorization", RevalidateTokens: time.Hour, All: true,
		MaxStreams: 10_000,
		TLS:        TLS{Listen: ":3043"}, CORS: CORS{
			Origins: []string{"*"}, MaxAge: 48 * time.Hour,
		}, Backstage: Backstage{Metrics: true},
	}
	c.Log = Log{Level: slog.LevelInfo, Format: "text"}
	c.Healthcheck.Interval = time.Minute
}

// SetDefaults implements strictyaml.Defaulter.
func (t *Target) SetDefaults() {
	t.Static = map[string]string{}
	t.Contextual = snapshot.ContextualOff
	t.Identifiers = rules.IdentifiersAllow
	t.IdentifierFields = describe.DefaultIdentifierFields()
	t.Debounce = 100 * time.Millisecond
	t.MinInterval = time.Second
}

// defaultEnvironment is the environment of a definitions file that the
// configuration gives none.
const defaultEnvironment edgecore.Environment = "default"
