package main

import (
	"slices"
	"strings"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/publish"
)

func (c *core) handler(publishers []*publish.Publisher) (*api.Handler, error) {
	cfg := &c.config.API
	options := access.Options{
		Backend:  slices.Concat(c.config.Upstream.Tokens, cfg.BackendTokens),
		Frontend: cfg.FrontendTokens, Anonymous: cfg.Anonymous,
		Followed: c.followed(), ValidFor: cfg.RevalidateTokens, Dir: c.config.State.Dir, Log: c.log,
	}
	if c.config.Upstream.URL != "" {
		options.Validator = access.NewUpstream(c.config.Upstream.URL, c.config.Upstream.Headers, c.upstream)
	}
	known := access.New(options)
	known.Restore()
	header := cfg.TokenHeader
	if strings.EqualFold(header, "Authorization") {
		header = ""
	}
	return api.New(api.Options{
		States: c.store, Access: known, Environments: c.environments(), Log: c.log, Registry: c.registry, BasePath: cfg.BasePath, Heard: c.heard,
		Build:   api.Build{Version: buildVersion(), Revision: buildRevision()},
		Targets: func() any { return c.report(publishers, cfg.PrivateBackstage()) }, Usage: c.usage, WebhookSecret: cfg.WebhookSecret, Nudge: c.nudge,
		TokenHeader: header, NoAll: !cfg.All,
		CORS: api.CORS{
			Origins: cfg.CORS.Origins, AllowedHeaders: cfg.CORS.AllowedHeaders, ExposedHeaders: cfg.CORS.ExposedHeaders,
			Methods: cfg.CORS.Methods, MaxAge: cfg.CORS.MaxAge,
		},
		Shared: api.Shared{
			MaxAge: cfg.Shared.MaxAge, StaleWhileRevalidate: cfg.Shared.StaleWhileRevalidate, StaleIfError: cfg.Shared.StaleIfError,
		},
		Peers: api.Peers{
			Allow: config.Prefixes(cfg.Allow), Deny: config.Prefixes(cfg.Deny), Proxies: config.Prefixes(cfg.TrustedProxies),
		},
		Backstage: api.Backstage{
			Apart: cfg.Backstage.Listen != "", NoMetrics: !cfg.Backstage.Metrics,
			Features: cfg.Backstage.Features, Tokens: cfg.Backstage.Tokens,
		},
	}), nil
}
