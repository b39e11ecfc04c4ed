package app

import (
	"slices"
	"strings"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
)

// tokens returns what the tokens of requests may see.
func (c *App) tokens() *access.Access {
	cfg := &c.Config.API
	options := access.Options{
		Backend:  slices.Concat(c.Config.Upstream.Tokens, cfg.BackendTokens),
		Frontend: cfg.FrontendTokens, Anonymous: cfg.Anonymous,
		Served: c.scopes(), ValidFor: cfg.RevalidateTokens, Dir: c.Config.State.Dir, Log: c.Log,
	}
	if c.Config.Upstream.URL != "" {
		options.Validator = access.NewUpstream(c.Config.Upstream.URL, c.Config.Upstream.Headers, c.upstream)
	}
	known := access.New(options)
	known.Restore()
	return known
}

func (c *App) handler(targets func() *report.Targets, known *access.Access) (*api.Handler, error) {
	cfg := &c.Config.API
	header := cfg.TokenHeader
	if strings.EqualFold(header, "Authorization") {
		header = ""
	}
	return api.New(api.Options{
		States: c.Store, Access: known, Environments: c.Followed(), Log: c.Log, Registry: c.registry,
		BasePath: cfg.BasePath, Upstream: c.upstreamOf,
		Build:   api.Build{Version: BuildVersion(), Revision: buildRevision()},
		Targets: func() any { return targets() }, Usage: c.usage, WebhookSecret: cfg.WebhookSecret, Trigger: c.trigger,
		TokenHeader: header, DisableAll: !cfg.All, MaxStreams: cfg.MaxStreams,
		CORS: api.CORS{
			Origins: cfg.CORS.Origins, AllowedHeaders: cfg.CORS.AllowedHeaders, ExposedHeaders: cfg.CORS.ExposedHeaders,
			Methods: cfg.CORS.Methods, MaxAge: cfg.CORS.MaxAge,
		},
		SharedCache: api.SharedCache{
			MaxAge: cfg.Shared.MaxAge, StaleWhileRevalidate: cfg.Shared.StaleWhileRevalidate,
			StaleIfError: cfg.Shared.StaleIfError,
		},
		Peers: api.Peers{
			Allow: config.Prefixes(cfg.Allow), Deny: config.Prefixes(cfg.Deny),
			Proxies: config.Prefixes(cfg.TrustedProxies),
		},
		Backstage: api.Backstage{
			Separate: cfg.Backstage.Listen != "", DisableMetrics: !cfg.Backstage.Metrics,
			Features: cfg.Backstage.Features, Tokens: cfg.Backstage.Tokens,
		},
	}), nil
}
