// Package usage collects the reports of SDKs: how often they have evaluated which
// flag, and which instances exist. It merges them by application, flag and hour, and
// sends them upstream in bulk, one environment at a time.
//
// Memory is bounded: when it is full, reports are dropped and counted, the oldest hour
// first. While upstream fails, reports wait. The token of a browser is public, so
// reports with one have memory of their own and use none of that for backends.
package usage

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/unleashurl"
)

// maxBytes bounds the memory of all environments together, but each may use minBytes.
const maxBytes, minBytes = 32 << 20, 4 << 20

// Options of a collector.
type Options struct {
	// URL of the server, with or without /api at the end. "": no server, and all
	// reports are dropped.
	URL string
	// Tokens are backend tokens. Upstream accepts reports of an environment only with
	// one of its own tokens, so reports of other environments are dropped.
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

// environment holds the reports of one environment.
type environment struct {
	name edgecore.Environment

	mu                sync.Mutex
	tokens            []edgecore.Token
	token             int // index of the token in use; the next one when upstream refuses it
	backend, frontend partition
	quota             quota // of frontend
	failures          int   // consecutive

	err error // owned by Run
}

// New makes a collector. It makes no network calls.
func New(o Options) (*Collector, error) {
	c := &Collector{options: o, envs: map[edgecore.Environment]*environment{}}
	if o.URL != "" {
		u, err := unleashurl.Parse(o.URL)
		if err != nil {
			return nil, fmt.Errorf("report usage: the upstream URL %w", err)
		}
		u.Path += "/api/client/metrics/bulk"
		c.url = u.String()
		// A report that is retried at once might count twice: only Run retries.
		c.client = httpclient.NewClient(httpclient.Options{Base: o.Base, Attempts: 1, Timeout: o.Timeout})
		for _, token := range o.Tokens {
			env := c.envs[token.Environment]
			if env == nil {
				env = &environment{name: token.Environment, quota: quota{}}
				c.envs[token.Environment] = env
			}
			env.tokens = append(env.tokens, token)
		}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = max(maxBytes/max(len(c.envs), 1), minBytes)
	}
	for _, env := range c.envs {
		env.backend, env.frontend = newPartition(o.MaxBytes/2), newPartition(o.MaxBytes/2)
	}
	c.self = via{AppName: "flagcast", InstanceID: fmt.Sprintf("flagcast-%016x", rand.Uint64())}
	c.metrics = newMetrics(o.Registry, c)
	return c, nil
}

// SetTokens replaces the tokens of each environment by those that are for it. Tokens of
// other environments are ignored.
func (c *Collector) SetTokens(tokens []edgecore.Token) {
	byEnvironment := map[edgecore.Environment][]edgecore.Token{}
	for _, token := range tokens {
		byEnvironment[token.Environment] = append(byEnvironment[token.Environment], token)
	}
	for name, list := range byEnvironment {
		if e := c.envs[name]; e != nil {
			e.mu.Lock()
			e.tokens, e.token = list, 0
			e.mu.Unlock()
		}
	}
}

// Source is the scope of the token of a report. The environment in a body is ignored.
type Source struct {
	Environment edgecore.Environment
	Projects    []string // nil: all
	Frontend    bool     // a token of the frontend API
}

// partition holds the reports of backends or of browsers.
type partition struct {
	rows      aggregator
	instances instances
}

func newPartition(bytes int) partition {
	return partition{rows: newAggregator(bytes - bytes/4), instances: newInstances(bytes / 4)}
}

// Metrics adds the body of POST /api/client/metrics. An error says what is wrong with
// the body; then nothing of it counts.
func (c *Collector) Metrics(from Source, body []byte) error {
	now := time.Now()
	r, err := readMetrics(body, now)
	if err != nil {
		return err
	}
	c.record(from, r, now)
	return nil
}

// Bulk adds the body of POST /api/client/metrics/bulk, as Unleash Edge and
// another flagcast send it.
func (c *Collector) Bulk(from Source, body []byte) error {
	now := time.Now()
	r, err := readBulk(body, now)
	if err != nil {
		return err
	}
	c.record(from, r, now)
	return nil
}

// Register adds the body of POST /api/client/register.
func (c *Collector) Register(from Source, body []byte) error {
	now := time.Now()
	r, err := readRegister(body, now)
	if err != nil {
		return err
	}
	c.record(from, r, now)
	return nil
}

// Evaluation is one evaluation of a flag for a client that counts none itself.
type Evaluation struct {
	App, Flag string
	Variant   string // "" or "disabled" for none
	Enabled   bool
}

// Evaluated adds an evaluation.
func (c *Collector) Evaluated(from Source, e Evaluation) {
	now := time.Now()
	one := row{hour: hourOf(now, now), key: key{e.App, e.Flag}}
	if e.Enabled {
		one.yes = 1
	} else {
		one.no = 1
	}
	if e.Variant != "" {
		one.variants = []variant{{e.Variant, 1}}
	}
	c.record(from, report{rows: []row{one}}, now)
}

// record merges a report.
func (c *Collector) record(from Source, r report, now time.Time) {
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
	// Unleash registers an instance of a backend by its metrics, too.
	if a := r.seen; a != nil && !from.Frontend {
		a.Environment, a.Projects, a.ConnectVia = string(env.name), from.Projects, []via{c.self}
		s.instances.touch(*a, now)
	}
}
