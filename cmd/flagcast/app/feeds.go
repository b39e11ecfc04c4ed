package app

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/upstream"
	sdkusage "github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

// maxBytes bounds an answer with definitions.
func maxBytes(u *config.Upstream) int64 {
	if u.MaxBytes > 0 {
		return int64(u.MaxBytes)
	}
	return AnswerBytes(memoryLimit(), len(u.Tokens))
}

// newFeeds makes a feed for each environment of upstream. Requests go through base.
func newFeeds(
	c *config.Config, base http.RoundTripper, log *slog.Logger,
) (map[edgecore.Environment]upstream.Feed, error) {
	feeds := map[edgecore.Environment]upstream.Feed{}
	u := &c.Upstream
	if u.File != "" {
		for _, env := range c.FileEnvironments() {
			feeds[env] = upstream.NewFile(u.File, env, maxBytes(u), log)
		}
		return feeds, nil
	}
	frontend := isFrontend(access.NewUpstream(u.URL, u.Headers, base))
	for env, tokens := range u.TokensByEnvironment() {
		poll, err := upstream.NewServer(upstream.Options{
			URL: u.URL, Tokens: tokens, Environment: env, Mode: u.Mode, Interval: u.Interval,
			Timeout: u.Timeout, Headers: u.Headers, Base: withToken(base, u), IsFrontend: frontend,
			MaxBytes: maxBytes(u), TokenHeader: u.TokenHeader, Version: BuildVersion(),
			Log: log.With("environment", env),
		})
		if err != nil {
			return nil, exit.With(exit.Usage, err, "")
		}
		feeds[env] = poll
	}
	return feeds, nil
}

// isFrontend asks whether a token is known to be one of the frontend API.
func isFrontend(known access.Validator) func(context.Context, secret.Secret) bool {
	return func(ctx context.Context, token secret.Secret) bool {
		answers, err := known.Validate(ctx, []secret.Secret{token})
		return err == nil && answers[0] != nil && answers[0].Kind == access.Frontend
	}
}

// newTransport makes the transport to upstream. Requests with a token go through
// withToken, too.
func newTransport(u *config.Upstream, log *slog.Logger) (*http.Transport, error) {
	settings := httpclient.TLS{CAFile: u.CAFile, SkipVerify: u.SkipVerify}
	if u.ClientCertFile != "" {
		var err error
		settings.Client, err = httpclient.NewCertificate(u.ClientCertFile, u.ClientKeyFile, func(err error) {
			log.Error("the client certificate for upstream cannot be read again: the one before stays", "err", err)
		})
		if err != nil {
			return nil, exit.With(exit.Usage, err, "")
		}
	}
	base, err := httpclient.WithTLS(nil, settings)
	if err != nil {
		return nil, exit.With(exit.Usage, err, "")
	}
	return base, nil
}

// withToken sends the token of a request in the header that upstream wants.
func withToken(base http.RoundTripper, u *config.Upstream) http.RoundTripper {
	var authorization secret.Secret
	for name, value := range u.Headers {
		if strings.EqualFold(name, "Authorization") {
			authorization = value
		}
	}
	return httpclient.WithTokenHeader(base, u.TokenHeader, authorization)
}

// newUsage makes what forwards reports of SDKs to upstream. Requests go through base.
// With a file as upstream it forwards nothing.
func newUsage(
	u *config.Upstream, base http.RoundTripper, log *slog.Logger, registry *prometheus.Registry,
) (*sdkusage.Collector, error) {
	collector, err := sdkusage.New(sdkusage.Options{
		URL: u.URL, Tokens: u.Tokens, Interval: u.UsageInterval, Timeout: u.Timeout,
		Headers: u.Headers, Version: BuildVersion(), Base: withToken(base, u), Log: log, Registry: registry,
	})
	if err != nil {
		return nil, exit.With(exit.Usage, err, "")
	}
	return collector, nil
}
