// Package usage takes what SDKs report, how often they have evaluated which
// flag and that they are there, merges it for each application, flag and hour,
// and sends it upstream in bulk, one environment at a time.
//
// Memory is bounded: what has no space is dropped and counted, the oldest hour
// first. While upstream is away everything else waits. A browser's token is
// public, so what comes under one has memory of its own and takes none from
// backends.
package usage

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

// maxBytes bounds what all environments together keep in memory, but each may
// take minBytes.
const maxBytes, minBytes = 32 << 20, 4 << 20

// Options of a collector.
type Options struct {
	// URL of the server, with or without /api at the end. "": there is no server
	// to send to, and everything is dropped.
	URL string
	// Tokens are backend tokens. Upstream takes for an environment only what
	// comes under one of its own, so reports for others are dropped.
	Tokens   []edgecore.Token
	Interval time.Duration            // between reports, jittered by a tenth
	Timeout  time.Duration            // of one request
	Headers  map[string]secret.Secret // sent with every request
	Version  string                   // of flagcast, for User-Agent
	Base     http.RoundTripper        // default: http.DefaultTransport's clone
	Log      *slog.Logger
	Registry prometheus.Registerer
	// MaxBytes bounds the memory of one environment. Default: 32 MB for all
	// together, at least 4 MB for each.
	MaxBytes int
}

// Collector is safe for concurrent use.
type Collector struct {
	options Options
	url     string
	client  *http.Client
	self    via
	envs    map[edgecore.Environment]*environment
	metrics *metrics
}

// environment is what waits for one environment.
type environment struct {
	name   edgecore.Environment
	tokens []edgecore.Token

	mu                sync.Mutex
	backend, frontend share
	ceiling           ceiling // of frontend
	failures          int     // consecutive

	// Owned by Run.
	token int // which of the tokens upstream has not refused
	err   error
}

// New makes a collector. It makes no call yet.
func New(o Options) (*Collector, error) {
	c := &Collector{options: o, envs: map[edgecore.Environment]*environment{}}
	if o.URL != "" {
		u, err := url.Parse(o.URL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("report usage: the upstream URL is not of the form https://unleash.example")
		}
		u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api") + "/api/client/metrics/bulk"
		u.RawQuery, u.Fragment = "", ""
		c.url = u.String()
		// A report that is repeated at once may count twice: the loop is slower.
		c.client = httpclient.NewClient(httpclient.Options{Base: o.Base, Attempts: 1, Timeout: o.Timeout})
		for _, token := range o.Tokens {
			env := c.envs[token.Environment]
			if env == nil {
				env = &environment{name: token.Environment, ceiling: ceiling{}}
				c.envs[token.Environment] = env
			}
			env.tokens = append(env.tokens, token)
		}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = max(maxBytes/max(len(c.envs), 1), minBytes)
	}
	for _, env := range c.envs {
		env.backend, env.frontend = newShare(o.MaxBytes/2), newShare(o.MaxBytes/2)
	}
	c.self = via{AppName: "flagcast", InstanceID: fmt.Sprintf("flagcast-%016x", rand.Uint64())}
	c.metrics = newMetrics(o.Registry, c)
	return c, nil
}

// Source is who reports: what is known of the token of a request. What a body
// says of its environment does not count.
type Source struct {
	Environment edgecore.Environment
	Projects    []string // nil: all
	Frontend    bool     // a token that browsers have
}

// share is the memory of backends or of browsers.
type share struct {
	rows      pool
	instances instances
}

func newShare(room int) share {
	return share{rows: newPool(room - room/4), instances: newInstances(room / 4)}
}

// Metrics takes the body of POST /api/client/metrics. An error says what is
// wrong with the body; then nothing of it counts.
func (c *Collector) Metrics(from Source, body []byte) error {
	now := time.Now()
	r, err := readMetrics(body, now)
	if err != nil {
		return err
	}
	c.take(from, r, now)
	return nil
}

// Bulk takes the body of POST /api/client/metrics/bulk, as Unleash Edge and
// another flagcast send it.
func (c *Collector) Bulk(from Source, body []byte) error {
	now := time.Now()
	r, err := readBulk(body, now)
	if err != nil {
		return err
	}
	c.take(from, r, now)
	return nil
}

// Register takes the body of POST /api/client/register.
func (c *Collector) Register(from Source, body []byte) error {
	now := time.Now()
	r, err := readRegister(body, now)
	if err != nil {
		return err
	}
	c.take(from, r, now)
	return nil
}

// take merges a report.
func (c *Collector) take(from Source, r report, now time.Time) {
	m := c.metrics
	m.received.add(evaluations, r.evaluations())
	m.received.add(registrations, uint64(len(r.applications)+r.invalidApplications))
	m.drop(unsupported, impact, uint64(r.impact))
	m.drop(invalid, evaluations, r.invalid)
	m.drop(invalid, variants, r.invalidVariants)
	m.drop(invalid, registrations, uint64(r.invalidApplications))
	env := c.envs[from.Environment]
	if env == nil {
		m.drop(nowhere, evaluations, r.evaluations()-r.invalid)
		m.drop(nowhere, registrations, uint64(len(r.applications)))
		return
	}
	env.mu.Lock()
	defer env.mu.Unlock()
	s := &env.backend
	if from.Frontend {
		s = &env.frontend
	}
	for _, row := range r.rows {
		lost := s.rows.add(row)
		m.drop(capacity, evaluations, lost.evaluations)
		m.drop(capacity, variants, lost.variants)
	}
	for _, a := range r.applications {
		a.Environment = string(env.name)
		if a.Projects == nil {
			a.Projects = from.Projects
		}
		if from.Frontend {
			a.SDKType = "frontend"
		}
		if len(a.ConnectVia) < maxHops {
			a.ConnectVia = append(a.ConnectVia, c.self)
		}
		if !s.instances.add(a, now) {
			m.drop(capacity, registrations, 1)
		}
	}
	// Upstream notes an instance of a backend by its metrics, too.
	if a := r.seen; a != nil && !from.Frontend {
		a.Environment, a.Projects, a.ConnectVia = string(env.name), from.Projects, []via{c.self}
		s.instances.see(*a, now)
	}
}
