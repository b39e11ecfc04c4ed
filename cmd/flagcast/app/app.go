// Package app makes the parts of a process from the configuration, once: feeds that
// follow upstream, the store that they fill, sinks, targets that publish from the
// store, and what receives their events. It runs them (Run), or fetches once for a
// command that ends (Fetch).
package app

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/upstream"
	sdkusage "github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/sinks"
)

// App is the parts of a process. New makes it, and it does not change afterwards.
type App struct {
	Config     *config.Config
	ConfigFile ConfigFile
	Log        *slog.Logger
	Store      *state.Store
	Feeds      map[edgecore.Environment]upstream.Feed // what fills the store
	Sinks      map[string]sinks.Sink                  // those that are open, by their names in the configuration
	Targets    []publish.Target                       // what publishes from the store

	// usage forwards what SDKs report.
	usage *sdkusage.Collector
	// registry holds the metrics of everything, among them those of sinks and of targets.
	registry       *prometheus.Registry
	sinkMetrics    *sinks.Metrics
	publishMetrics *publish.Metrics
	// loaded are the parts of the configuration that need a restart, as they were
	// loaded: New asks which environments tokens are for.
	loaded config.Fixed
	// upstream makes one attempt of a request to upstream: one pool of
	// connections, and one client certificate that is read again.
	upstream *http.Transport
}

// New builds the parts, with the sinks that are named open. Targets of other
// sinks have names and outputs, and cannot be published. New starts nothing, and
// asks upstream only which environment a token is for whose text has two
// readings.
func New(c *config.Config, file ConfigFile, log *slog.Logger, sinkNames []string) (*App, error) {
	loaded := c.Fixed()
	transport, err := newTransport(&c.Upstream, log)
	if err != nil {
		return nil, err
	}
	if err := resolveTokens(context.Background(), c, validator(&c.Upstream, transport), log); err != nil {
		return nil, err
	}
	feeds, err := newFeeds(c, transport, log)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	usage, err := newUsage(&c.Upstream, transport, log, registry)
	if err != nil {
		return nil, err
	}
	sinkMetrics := sinks.NewMetrics(registry)
	open, err := openSinks(c.Sinks, sinkNames, sinkMetrics)
	if err != nil {
		return nil, err
	}
	return &App{
		Config: c, ConfigFile: file, Log: log,
		Store: state.New(state.Options{Dir: c.State.Dir, MaxBytes: stateBytes(&c.Upstream), Log: log}),
		Feeds: feeds, Sinks: open, Targets: newTargets(c.Targets, open),
		usage: usage, registry: registry, upstream: transport, loaded: loaded,
		sinkMetrics: sinkMetrics, publishMetrics: publish.NewMetrics(registry),
	}, nil
}

// stateBytes bounds the definitions of an environment in the state folder:
// answers of several tokens are merged, with some bytes around them.
func stateBytes(u *config.Upstream) int64 {
	return maxBytes(u)*int64(max(len(u.Tokens), 1)) + 64<<10
}

// validator asks upstream what a token is for; nil: upstream is a file.
func validator(u *config.Upstream, base http.RoundTripper) access.Validator {
	if u.File != "" {
		return nil
	}
	return access.NewUpstream(u.URL, u.Headers, base)
}

// Followed lists what upstream serves, sorted.
func (c *App) Followed() []edgecore.Environment {
	var list []edgecore.Environment
	for env := range c.Feeds {
		list = append(list, env)
	}
	slices.Sort(list)
	return list
}

// JoinNames lists environments for people.
func JoinNames[T ~string](all []T) string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = string(one)
	}
	return strings.Join(list, ", ")
}
