package app

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
)

// listeners builds what the configuration says about events: one listener for
// publishers, never nil, and loops to run beside them. by is the command. End
// the loops after the publishers have ended, so that they send the last
// events. It makes no call; only the audit file is made.
func (c *App) listeners(by string) (publish.Listener, []func(context.Context) error, error) {
	listeners := notify.Listeners{}
	var loops []func(context.Context) error
	if c.Config.Audit.File != "" {
		listeners = append(listeners, notify.OpenAudit(c.Config.Audit.File, by, c.Log))
	}
	for i, w := range c.Config.Notify {
		webhook := notify.NewWebhook(webhookOptions(w, i+1, by, c))
		listeners, loops = append(listeners, webhook), append(loops, webhook.Run)
	}
	if by == "serve" && !c.Config.Healthcheck.URL.IsZero() {
		troubles := notify.NewProblems()
		listeners = append(listeners, troubles)
		loops = append(loops, c.healthcheck(func() error { return c.healthy(troubles) }).Run)
	}
	return listeners, loops, nil
}

// WithListener runs f with the listener of the configuration. Its loops run until
// f has ended and the events of its end are sent.
func (c *App) WithListener(ctx context.Context, by string, f func(publish.Listener) error) error {
	listener, loops, err := c.listeners(by)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	for _, loop := range loops {
		group.Go(func() error { return loop(ctx) })
	}
	err = f(listener)
	stop()
	return errors.Join(err, group.Wait())
}

func webhookOptions(w config.Webhook, position int, by string, c *App) notify.Options {
	o := notify.Options{
		Position: position, Service: notify.Service(w.Type), URL: w.URL, Secret: w.Secret,
		Targets: w.Targets, After: w.After, Log: c.Log, ConfigArgument: c.ConfigFile.Argument(),
	}
	if by != "serve" {
		o.After = 1 // there is no second try
	}
	for _, kind := range w.Events {
		o.Kinds = append(o.Kinds, publish.Kind(kind))
	}
	return o
}

func (c *App) healthcheck(well func() error) *notify.Healthcheck {
	return notify.NewHealthcheck(notify.HealthcheckOptions{
		URL: c.Config.Healthcheck.URL, Interval: c.Config.Healthcheck.Interval, Well: well, Log: c.Log,
	})
}

// healthy reports whether every target has flags and none is in trouble. A target
// whose flags upstream does not confirm becomes stale.
func (c *App) healthy(troubles *notify.Problems) error {
	for _, t := range c.Config.Targets {
		if _, err := c.Store.Load(t.Environment); err != nil {
			return fmt.Errorf("environment %q: %w", t.Environment, err)
		}
	}
	return troubles.Err()
}

// Ping calls the healthcheck once, for a command that has brought all
// targets up to date.
func (c *App) Ping(ctx context.Context) {
	if c.Config.Healthcheck.URL.IsZero() {
		return
	}
	if err := c.healthcheck(nil).Once(ctx); err != nil {
		c.Log.Warn("call the healthcheck", "err", err)
	}
}
