package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

// Options of a webhook.
type Options struct {
	// Position is its number in the configuration, from 1: how errors and the
	// log name it, since its URL is a credential.
	Position int
	Service  Service
	URL      secret.Secret
	Secret   secret.Secret  // signs, where the service has a signature
	Kinds    []publish.Kind // of Kinds
	Targets  []string       // patterns of path.Match; none means all
	After    int            // failures in a row that are reported; at least 1. Permanent ones are at once
	Base     http.RoundTripper
	Log      *slog.Logger
	// ConfigArgument ends the commands in messages, such as " --config a.yaml".
	ConfigArgument string
}

// Kinds lists the kinds of events that webhooks send. Events that are not
// verified are not among them: a metric counts them, and they pass by
// themselves or become failures.
func Kinds() []publish.Kind {
	return []publish.Kind{publish.Failed, publish.Held, publish.Stale, publish.Recovered}
}

// Webhook notifies a service of what goes wrong with targets. Event only queues;
// Run sends.
type Webhook struct {
	options Options
	client  *http.Client
	wake    chan struct{} // capacity 1: the queue has changed
	outcome complaint

	mu    sync.Mutex
	queue *queue
}

const (
	sendTimeout = 30 * time.Second // of one message, attempts included
	shutdown    = 5 * time.Second  // what Run takes after its ctx has ended
	firstPause  = 30 * time.Second // after a message that was not taken
	longPause   = 5 * time.Minute
	answerBytes = 4 << 10
)

// NewWebhook makes a webhook. It starts nothing and makes no call.
func NewWebhook(o Options) *Webhook {
	name := fmt.Sprintf("webhook %d (%s)", o.Position, o.Service)
	return &Webhook{
		options: o,
		// A message may arrive twice when the answer to it is lost: better
		// than not at all.
		client:  httpclient.NewClient(httpclient.Options{Base: o.Base, Attempts: 3, Timeout: 8 * time.Second}),
		wake:    make(chan struct{}, 1),
		outcome: complaint{log: o.Log, about: name, lost: "messages are kept and sent when it works again"},
		queue:   newQueue(o.Kinds, o.After),
	}
}

// Event implements publish.Listener.
func (w *Webhook) Event(e publish.Event) {
	if !slices.Contains(Kinds(), e.Kind) || !w.concerns(e.Target) {
		return
	}
	w.mu.Lock()
	w.queue.add(e, time.Now())
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Webhook) concerns(target string) bool {
	return len(w.options.Targets) == 0 || slices.ContainsFunc(w.options.Targets, func(pattern string) bool {
		ok, _ := path.Match(pattern, target)
		return ok
	})
}

// Run sends what is queued until ctx ends, and then for a few seconds what is
// left. End ctx after the publishers have ended, so that their last events
// arrive. It returns nil.
func (w *Webhook) Run(ctx context.Context) error {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(shutdown, cancel) })
	defer stop()

	timer := time.NewTimer(0)
	defer timer.Stop()
	var blocked time.Time // nothing is sent before
	for {
		timer.Stop()
		var due <-chan time.Time
		if at, ok := w.next(blocked); ok {
			timer.Reset(time.Until(at))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			// All that is queued, whether it is due or not.
			w.send(sending, time.Now().Add(distance))
			w.mu.Lock()
			defer w.mu.Unlock()
			if n := len(w.queue.waiting); n > 0 {
				w.options.Log.Warn("the process ends, and events were not sent", "receiver", w.outcome.about,
					"events", n)
			}
			return nil
		case <-w.wake:
		case <-due:
			// What is due a little later goes along.
			if failures := w.send(sending, time.Now().Add(gather)); failures > 0 {
				blocked = time.Now().Add(min(firstPause<<min(failures-1, 9), longPause))
			}
		}
	}
}

// next is when to send; ok is false when nothing waits.
func (w *Webhook) next(blocked time.Time) (at time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok = w.queue.next(); at.Before(blocked) {
		at = blocked
	}
	return at, ok
}

// send makes one message of what is due until a time. It returns how many have
// failed in a row.
func (w *Webhook) send(ctx context.Context, until time.Time) (failures int) {
	w.mu.Lock()
	taken, dropped := w.queue.take(until), w.queue.dropped
	w.queue.dropped = 0
	w.mu.Unlock()
	if dropped > 0 {
		w.options.Log.Warn("events were dropped", "receiver", w.outcome.about, "events", dropped,
			"waiting", mostWaiting)
	}
	if len(taken) == 0 {
		return 0
	}
	err := w.post(ctx, taken)
	w.mu.Lock()
	if err != nil {
		w.queue.undelivered(taken)
	} else {
		w.queue.delivered(taken, time.Now())
	}
	w.mu.Unlock()
	return w.outcome.note(err)
}

// post sends one message. Its error does not hold the URL.
func (w *Webhook) post(ctx context.Context, taken []entry) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	address := w.options.URL.Reveal()
	r, err := w.options.request(taken, time.Now())
	if err != nil {
		return err
	}
	resp, err := w.client.Do(r.WithContext(ctx))
	if err != nil {
		return errors.New(scrub(unwrapped(err).Error(), address, w.options.Secret))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytes))
	if err != nil {
		return fmt.Errorf("read the answer: %w", unwrapped(err))
	}
	if err := w.options.Service.refusal(resp.StatusCode, body); err != nil {
		return errors.New(scrub(err.Error(), address, w.options.Secret))
	}
	return nil
}
