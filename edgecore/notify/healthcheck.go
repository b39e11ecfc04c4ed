package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

// Healthcheck is a dead man's switch: it asks for a URL again and again while
// the process is well. The service behind the URL raises the alarm when it
// receives nothing, so that a process that is gone is noticed, too.
type Healthcheck struct {
	url      secret.Secret
	interval time.Duration
	well     func() error
	client   *http.Client
	log      *slog.Logger
	outcome  complaint
}

// HealthcheckOptions are the settings of a Healthcheck.
type HealthcheckOptions struct {
	URL      secret.Secret
	Interval time.Duration
	Well     func() error // nil while all is well, else what is not
	Base     http.RoundTripper
	Log      *slog.Logger
}

// NewHealthcheck makes a healthcheck. It starts nothing and makes no call.
func NewHealthcheck(o HealthcheckOptions) *Healthcheck {
	return &Healthcheck{
		url: o.URL, interval: o.Interval, well: o.Well, log: o.Log,
		client:  httpclient.NewClient(httpclient.Options{Base: o.Base, Attempts: 3, Timeout: 8 * time.Second}),
		outcome: complaint{log: o.Log, about: "the healthcheck", lost: "its service may raise an alarm"},
	}
}

// Run calls at each interval until ctx ends, the first time after one
// interval: a process that does not get as far as that is not well. It
// returns nil.
func (h *Healthcheck) Run(ctx context.Context) error {
	tick := time.NewTicker(h.interval)
	defer tick.Stop()
	silent := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := h.well()
		if err != nil && !silent {
			h.log.Warn("the healthcheck keeps silent until all is well", "err", err)
		}
		if silent = err != nil; silent {
			continue
		}
		if err := h.call(ctx); ctx.Err() == nil {
			h.outcome.note(err)
		}
	}
}

// Once calls now, for a command that has done its work. Its error does not
// hold the URL.
func (h *Healthcheck) Once(ctx context.Context) error {
	if err := h.call(ctx); err != nil {
		return fmt.Errorf("call the healthcheck: %w", err)
	}
	return nil
}

func (h *Healthcheck) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	address := h.url.Reveal()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return errors.New("the URL is not an address")
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return errors.New(scrub(unwrapped(err).Error(), address, secret.Secret{}))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, answerBytes))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &hinted{
			fmt.Errorf("HTTP %d %s", resp.StatusCode, http.StatusText(resp.StatusCode)),
			`"url" of healthcheck may be wrong`,
		}
	}
	return nil
}

// Problems is a Listener that records which targets are in trouble: failed, held
// or stale, and not recovered since.
type Problems struct {
	mu      sync.Mutex
	targets map[string]publish.Kind
}

// NewProblems makes a Troubles of no targets.
func NewProblems() *Problems { return &Problems{targets: map[string]publish.Kind{}} }

// Event implements publish.Listener.
func (t *Problems) Event(e publish.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case publish.Failed, publish.Held, publish.Stale:
		t.targets[e.Target] = e.Kind
	case publish.Recovered:
		delete(t.targets, e.Target)
	}
}

// Err names the targets in trouble; nil when there are none.
func (t *Problems) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.targets) == 0 {
		return nil
	}
	var list []string
	for target, kind := range t.targets {
		list = append(list, fmt.Sprintf("target %q: %s", target, kind))
	}
	slices.Sort(list)
	return errors.New(strings.Join(list, ", "))
}
