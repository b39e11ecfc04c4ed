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

// Options of a poll. Interval and Timeout are required.
type Options struct {
	// URL of the server, with or without /api at the end.
	URL string
	// Tokens are backend tokens of Environment; several are merged by project.
	Tokens      []edgecore.Token
	Environment edgecore.Environment
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

// Poll is a feed that polls GET /api/client/features, with an ETag, every interval, and
// at once when it is triggered.
type Poll struct {
	health
	options  Options
	scopes   []*scope
	triggers chan struct{} // holds one trigger

	burst burst // owned by Run

	mu     sync.Mutex
	tokens []edgecore.Token // that Run has not taken yet; nil for none
}

// SetTokens replaces the tokens, in the order of those before and for the same projects,
// and polls at once. What upstream has answered to those before stays until it answers to
// these.
func (p *Poll) SetTokens(tokens []edgecore.Token) {
	p.mu.Lock()
	p.tokens = tokens
	p.mu.Unlock()
	p.Trigger()
}

// takeTokens applies what SetTokens has left.
func (p *Poll) takeTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.scopes {
		if s.number <= len(p.tokens) {
			s.token = p.tokens[s.number-1]
		}
	}
	p.tokens = nil
}

// NewPoll makes a feed. It makes no network calls.
func NewPoll(o Options) (*Poll, error) {
	if len(o.Tokens) == 0 {
		return nil, fmt.Errorf("poll upstream for environment %q: there is no token", o.Environment)
	}
	address, err := unleashurl.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("upstream URL %q %w", o.URL, err)
	}
	address.Path += "/api/client/features"
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
	p := &Poll{options: o, triggers: make(chan struct{}, 1)}
	for i, token := range o.Tokens {
		p.scopes = append(p.scopes, &scope{
			client: client, url: address.String(), token: token, number: i + 1,
			headers: o.requestHeaders(), env: o.Environment,
			log:      o.Log,
			interval: o.Interval, maxBytes: o.MaxBytes, tokenHeader: o.TokenHeader,
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
func (p *Poll) Run(ctx context.Context, deliver func(*edgecore.Definitions)) error {
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
		if !p.wait(ctx, err) {
			return nil
		}
	}
}

// pollAll polls once for every token, in parallel. news reports whether there is
// something to deliver.
func (p *Poll) pollAll(ctx context.Context) (news bool, err error) {
	errs := make([]error, len(p.scopes))
	var asking sync.WaitGroup
	for i, s := range p.scopes {
		asking.Go(func() { errs[i] = s.fetch(ctx) })
	}
	asking.Wait()
	p.dropFrontendTokens(ctx, errs)
	return p.hasUndelivered(), errors.Join(errs...)
}

// dropFrontendTokens removes tokens of the frontend API, and their errors.
func (p *Poll) dropFrontendTokens(ctx context.Context, errs []error) {
	var kept []*scope
	for i, s := range p.scopes {
		var status *StatusError
		refused := errors.As(errs[i], &status) && status.Status == http.StatusForbidden
		if !refused || s.last != nil || p.options.IsFrontend == nil || !p.options.IsFrontend(ctx, s.token.Secret) {
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
	p.scopes = kept
}

// hasUndelivered reports whether upstream has answered for every token, and one of the
// answers has not been delivered yet.
func (p *Poll) hasUndelivered() bool {
	news := false
	for _, s := range p.scopes {
		if s.last == nil {
			return false
		}
		news = news || s.last != s.delivered
	}
	return news
}

// pause returns the time until the next round: the interval, with exponential backoff
// while upstream fails. Before the first answer of upstream the pause begins at a
// second and is at most the interval: this process has no flags until then, and both
// may have been started together.
func (p *Poll) pause(err error) time.Duration {
	wait := p.options.Interval
	if err != nil {
		status, longest := p.Status(), max(maxPause, wait)
		if status.LastOK.IsZero() {
			wait, longest = min(time.Second, wait), wait
		}
		wait = max(backoff.Exponential(wait, status.Failures, longest), retryAfter(err))
	}
	return backoff.Jitter(wait-wait/20, wait+wait/20)
}

// retryAfter returns the Retry-After of an error, at most maxPause.
func retryAfter(err error) time.Duration {
	var refused *StatusError
	if errors.As(err, &refused) {
		return min(refused.RetryAfter, maxPause)
	}
	return 0
}

// logOutcome logs when upstream starts to fail, fails in another way, and recovers,
// and every 60th failure in a row.
func (p *Poll) logOutcome(before Status, err error) {
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
