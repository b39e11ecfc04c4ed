package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/backoff"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/outage"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/unleashurl"
)

// DefaultMaxBytes bounds a response of upstream by default.
const DefaultMaxBytes = 256 << 20

// Mode says how a feed follows a server.
type Mode string

// The modes. Whatever the mode, all flags are polled first, and where the server does not
// have what is asked for.
const (
	// ModeAuto opens a stream beside the polls. While it is open, all flags are polled
	// every five minutes alone, to find what it may have lost.
	ModeAuto Mode = "auto"
	// ModeStream is ModeAuto with a warning where the server has no stream.
	ModeStream Mode = "stream"
	ModeDelta  Mode = "delta" // polls what has changed
	ModePoll   Mode = "poll"  // polls all flags; "" is this mode, too
)

// Options of a feed. Interval and Timeout are required.
type Options struct {
	// URL of the server, with or without /api at the end.
	URL string
	// Tokens are backend tokens of Environment; several are merged by project.
	Tokens      []edgecore.Token
	Environment edgecore.Environment
	Mode        Mode
	Interval    time.Duration            // between polls, jittered by a tenth
	Timeout     time.Duration            // of one request
	Headers     map[string]secret.Secret // sent with every request
	MaxBytes    int64                    // of one response, decompressed; 0: DefaultMaxBytes
	TokenHeader string                   // in which Base sends tokens, for errors; "": Authorization
	Version     string                   // of flagcast, for User-Agent
	Base        http.RoundTripper        // default: the system's, and CAFile
	CAFile      string                   // PEM with further authorities for upstream
	// IsFrontend reports whether a token that upstream has refused (403) is one of the
	// frontend API: lists of tokens for Unleash Edge may contain some. Such a token is
	// not used any more, unless it is the only one. nil: never.
	IsFrontend func(context.Context, secret.Secret) bool
	Log        *slog.Logger
}

// Server is a feed of an Unleash server, Unleash Edge or another flagcast. It polls GET
// /api/client/features, with an ETag, every interval, and at once when it is triggered;
// and it follows GET /api/client/streaming where there is one.
type Server struct {
	health
	options  Options
	scopes   []*scope
	triggers chan struct{} // holds one trigger
	changed  chan struct{} // holds one value: a stream has changed something

	burst burst // owned by Run

	mu     sync.Mutex       // of tokens, and of changes of scopes by Run
	tokens []edgecore.Token // that Run has not taken yet; nil for none
}

// SetTokens replaces the tokens, in the order of those before and for the same projects,
// and polls at once. What upstream has answered to those before stays until it answers to
// these.
func (p *Server) SetTokens(tokens []edgecore.Token) {
	p.mu.Lock()
	p.tokens = tokens
	p.mu.Unlock()
	p.Trigger()
}

// takeTokens applies what SetTokens has left.
func (p *Server) takeTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.scopes {
		if s.number <= len(p.tokens) {
			s.setToken(p.tokens[s.number-1])
		}
	}
	p.tokens = nil
}

// NewServer makes a feed. It makes no network calls.
func NewServer(o Options) (*Server, error) {
	if len(o.Tokens) == 0 {
		return nil, fmt.Errorf("poll upstream for environment %q: there is no token", o.Environment)
	}
	address, err := unleashurl.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("upstream URL %q %w", o.URL, err)
	}
	address.Path += "/api/client"
	if o.Base == nil {
		if o.Base, err = httpclient.WithCA(nil, o.CAFile); err != nil {
			return nil, err
		}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	client := httpclient.NewClient(httpclient.Options{
		Base: o.Base, Attempts: 2, Timeout: o.Timeout, MaxWait: 2 * time.Second,
	})
	streams := httpclient.NewStreamClient(o.Base)
	p := &Server{options: o, triggers: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	for i, token := range o.Tokens {
		p.scopes = append(p.scopes, &scope{
			client: client, streams: streams, url: address.String(), token: token, number: i + 1,
			headers: o.requestHeaders(), env: o.Environment, log: o.Log, mode: o.Mode,
			interval: o.Interval, timeout: o.Timeout, maxBytes: o.MaxBytes, tokenHeader: o.TokenHeader,
			changed: p.changed, retry: make(chan struct{}, 1),
		})
	}
	return p, nil
}

// requestHeaders returns the headers of Unleash's SDK protocol. From client
// specification 4.2.0 on the server sends segments separately.
func (o *Options) requestHeaders() http.Header {
	h := http.Header{}
	connection := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	h.Set("Accept", "application/json")
	h.Set("Unleash-Client-Spec", "6.1.0")
	h.Set("Unleash-AppName", "flagcast")
	h.Set("Unleash-InstanceId", "flagcast-"+connection[:16])
	h.Set("Unleash-Connection-Id", connection)
	h.Set("Unleash-Interval", fmt.Sprint(o.Interval.Milliseconds()))
	h.Set("User-Agent", "flagcast/"+o.Version)
	for name, value := range o.Headers {
		h.Set(name, value.Reveal())
	}
	return h
}

const maxPause = 5 * time.Minute

// Run implements Feed. It delivers for the first time when upstream has answered once
// for every token. No response of upstream ends it: the last definitions are kept, and
// it polls again.
func (p *Server) Run(ctx context.Context, deliver func(*edgecore.Definitions)) error {
	var following sync.WaitGroup
	defer following.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for {
		p.takeTokens()
		news, err := p.pollAll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if news {
			deliver(p.merge())
		}
		p.logOutcome(p.record(err), err)
		p.followStreams(ctx, &following)
		if !p.wait(ctx, err, deliver) {
			return nil
		}
	}
}

// Status implements Feed.
func (p *Server) Status() Status {
	status := p.health.Status()
	status.Mode = ModeStream
	for _, s := range p.running() {
		s.mu.Lock()
		status.Connects += s.events.counts.Connects
		status.Drifts += s.events.counts.Drifts
		switch {
		case s.events.live:
		case s.delta.active.Load() && status.Mode != ModePoll:
			status.Mode = ModeDelta
		default:
			status.Mode = ModePoll
		}
		s.mu.Unlock()
	}
	return status
}

// running returns the scopes for other goroutines than that of Run.
func (p *Server) running() []*scope {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.scopes
}

// followStreams opens the streams of the tokens that upstream has answered for.
func (p *Server) followStreams(ctx context.Context, following *sync.WaitGroup) {
	if p.options.Mode != ModeAuto && p.options.Mode != ModeStream {
		return
	}
	for _, s := range p.scopes {
		if s.newest() != nil && !s.following {
			s.following = true
			following.Go(func() { s.follow(ctx) })
		}
	}
}

// pollAll polls once for every token, in parallel. news reports whether there is
// something to deliver.
func (p *Server) pollAll(ctx context.Context) (news bool, err error) {
	errs := make([]error, len(p.scopes))
	var asking sync.WaitGroup
	for i, s := range p.scopes {
		asking.Go(func() { errs[i] = s.poll(ctx) })
	}
	asking.Wait()
	p.dropFrontendTokens(ctx, errs)
	return p.hasUndelivered(), errors.Join(errs...)
}

// dropFrontendTokens removes tokens of the frontend API, and their errors.
func (p *Server) dropFrontendTokens(ctx context.Context, errs []error) {
	var kept []*scope
	for i, s := range p.scopes {
		var status *StatusError
		refused := errors.As(errs[i], &status) && status.Status == http.StatusForbidden
		if !refused || s.newest() != nil || p.options.IsFrontend == nil ||
			!p.options.IsFrontend(ctx, s.currentToken().Secret) {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 || len(kept) == len(p.scopes) {
		return
	}
	for i, s := range p.scopes {
		if !slices.Contains(kept, s) {
			errs[i] = nil
			p.options.Log.Warn("a token of upstream is for the frontend API: it is not used to fetch flags",
				"token", s.number)
		}
	}
	p.mu.Lock()
	p.scopes = kept
	p.mu.Unlock()
}

// hasUndelivered reports whether upstream has answered for every token, and one of the
// answers has not been delivered yet.
func (p *Server) hasUndelivered() bool {
	news := false
	for _, s := range p.scopes {
		last := s.newest()
		if last == nil {
			return false
		}
		news = news || last != s.delivered
	}
	return news
}

// pause returns the time until the next round: the interval, with exponential backoff
// while upstream fails. Before the first answer of upstream the pause begins at a
// second and is at most the interval: this process has no flags until then, and both
// may have been started together.
func (p *Server) pause(err error) time.Duration {
	wait := p.options.Interval
	if err != nil {
		status, longest := p.health.Status(), max(maxPause, wait)
		if status.LastOK.IsZero() {
			wait, longest = min(time.Second, wait), wait
		}
		wait = max(backoff.Exponential(wait, status.Failures, longest), retryAfter(err, maxPause))
	}
	return backoff.Jitter(wait-wait/20, wait+wait/20)
}

// retryAfter returns the Retry-After of an error, at most longest.
func retryAfter(err error, longest time.Duration) time.Duration {
	var refused *StatusError
	if errors.As(err, &refused) {
		return min(refused.RetryAfter, longest)
	}
	return 0
}

// logOutcome logs when upstream starts to fail, fails in another way, and recovers,
// and every 60th failure in a row.
func (p *Server) logOutcome(before Status, err error) {
	log, failures := p.options.Log, before.Failures
	switch change := outage.Between(before.Err, err); {
	case change == outage.Ended:
		log.Info("upstream answers again", "failures", failures)
	case err == nil || change == outage.Unchanged && failures%60 != 0:
	case before.LastOK.IsZero():
		log.Error("poll failed, upstream has not answered since the start", "err", err, "failures", failures+1)
	default:
		log.Error("poll failed, serving the last good flags", "err", err, "failures", failures+1,
			"last_success", before.LastOK.UTC().Format(time.RFC3339))
	}
}
