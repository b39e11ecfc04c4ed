package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

// DefaultMaxBytes bounds an answer of upstream where nothing else is said.
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
	MaxBytes    int64                    // of one answer, unpacked; 0: DefaultMaxBytes
	TokenHeader string                   // that Base sends tokens in, for errors; "": Authorization
	Version     string                   // of flagcast, for User-Agent
	Base        http.RoundTripper        // default: the system's, and CAFile
	CAFile      string                   // PEM with further authorities for upstream
	// IsFrontend reports of a token that upstream has refused (403) whether it is
	// known to be one of the frontend API: lists of tokens for Unleash Edge may
	// hold some. Such a token is left out from then on, unless it is the only
	// one. nil: unknown.
	IsFrontend func(context.Context, secret.Secret) bool
	Log        *slog.Logger
}

// Poll is a feed that asks GET /api/client/features, with an ETag, every
// interval, and at once when it is nudged.
type Poll struct {
	health
	options Options
	scopes  []*scope
	nudged  chan struct{} // holds one nudge

	haste burst // owned by Run
}

// NewPoll makes a feed. It makes no call yet.
func NewPoll(o Options) (*Poll, error) {
	if len(o.Tokens) == 0 {
		return nil, fmt.Errorf("poll upstream for environment %q: there is not a token", o.Environment)
	}
	address, err := featuresURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Base == nil {
		if o.Base, err = httpclient.WithCA(nil, o.CAFile); err != nil {
			return nil, err
		}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	client := httpclient.NewClient(httpclient.Options{Base: o.Base, Attempts: 2, Timeout: o.Timeout, MaxWait: 2 * time.Second})
	p := &Poll{options: o, nudged: make(chan struct{}, 1)}
	for i, token := range o.Tokens {
		p.scopes = append(p.scopes, &scope{
			client: client, url: address, token: token, number: i + 1, headers: o.requestHeaders(), env: o.Environment, log: o.Log,
			interval: o.Interval, maxBytes: o.MaxBytes, tokenHeader: o.TokenHeader,
		})
	}
	return p, nil
}

func featuresURL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("upstream URL %q is not of the form https://unleash.example", base)
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api")
	u.Path, u.RawQuery, u.Fragment = path+"/api/client/features", "", ""
	return u.String(), nil
}

// requestHeaders are those of Unleash's SDK protocol. With a client
// specification of 4.2.0 and more the server sends segments by themselves.
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

// Run implements Feed. It delivers for the first time when every token has
// been answered once. No answer of upstream ends it: what it delivered is kept,
// and it asks again.
func (p *Poll) Run(ctx context.Context, deliver func(*edgecore.Definitions)) error {
	for {
		news, err := p.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if news {
			deliver(p.merge())
		}
		p.logOutcome(p.note(err), err)
		if !p.wait(ctx, err) {
			return nil
		}
	}
}

// round asks once for every token, in parallel. news says that there is
// something to deliver.
func (p *Poll) round(ctx context.Context) (news bool, err error) {
	errs := make([]error, len(p.scopes))
	var asking sync.WaitGroup
	for i, s := range p.scopes {
		asking.Go(func() { errs[i] = s.fetch(ctx) })
	}
	asking.Wait()
	p.drop(ctx, errs)
	return p.hasUndelivered(), errors.Join(errs...)
}

// drop leaves out the tokens of the frontend API, whose errors are none.
func (p *Poll) drop(ctx context.Context, errs []error) {
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
			p.options.Log.Warn("a token of upstream is for the frontend API: it is not used to fetch flags", "token", s.number)
		}
	}
	p.scopes = kept
}

// hasUndelivered reports whether there is something to deliver: every token has been
// answered, and one of the answers has not been delivered yet.
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

// pause is the time until the next round: the interval, longer and longer
// while upstream fails. Before the first answer of upstream it is
// asked soon again, and at the latest every interval: nothing can be answered
// until then, and both may have been started together.
func (p *Poll) pause(err error) time.Duration {
	wait := p.options.Interval
	if err != nil {
		status, longest := p.Status(), max(maxPause, wait)
		if status.LastOK.IsZero() {
			wait, longest = min(time.Second, wait), wait
		}
		wait = min(wait<<min(status.Failures-1, 10), longest)
		wait = max(wait, retryAfter(err))
	}
	return wait - wait/20 + rand.N(wait/10+1)
}

// retryAfter is how long upstream has asked to be left alone, within reason.
func retryAfter(err error) time.Duration {
	var refused *StatusError
	if errors.As(err, &refused) {
		return min(refused.RetryAfter, maxPause)
	}
	return 0
}

// logOutcome logs when upstream starts to fail, fails in another way, and recovers.
func (p *Poll) logOutcome(before Status, err error) {
	switch {
	case err == nil && before.Err != nil:
		p.options.Log.Info("upstream answers again", "after", before.Failures)
	case err == nil:
	case before.Err == nil || before.Err.Error() != err.Error() || before.Failures%60 == 0:
		// The cause is the last line: a reader of the log sees it first.
		if !before.LastOK.IsZero() {
			p.options.Log.Warn("the last good flags stay", "last_confirmed", age(before.LastOK))
		} else if before.Failures == 0 {
			p.options.Log.Warn("upstream has not answered since the start")
		}
		p.options.Log.Error("poll upstream: "+err.Error(), "failures", before.Failures+1)
	}
}

func age(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return time.Since(t).Round(time.Second).String() + " ago"
}
