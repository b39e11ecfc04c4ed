package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// CheckKey is the key that Check writes and deletes.
const CheckKey sinks.Key = "flagcast-check"

// Check tries everything that the configuration names: the state folder, secrets,
// sinks, upstream and targets, in this order. It stores no snapshot.
func (c *App) Check(ctx context.Context) []report.Finding {
	var findings []report.Finding
	if c.Config.State.Dir != "" {
		findings = append(findings, report.Found("state folder", writable(c.Config.State.Dir), ""))
	}
	for _, place := range c.Config.ShortSecrets() {
		findings = append(findings, report.Finding{
			What: "secrets", Result: "warning", Text: place + ": " + shortSecret,
		})
	}
	switch api := &c.Config.API; {
	case api.WeakWebhookSecret():
		findings = append(findings, report.Finding{What: "webhook secret", Result: "warning", Text: weakWebhookSecret})
	case !api.WebhookSecret.IsZero():
		findings = append(findings, report.Found("webhook secret", nil, ""))
	}
	names := slices.Sorted(maps.Keys(c.Sinks))
	of := make([][]report.Finding, len(names))
	var trying sync.WaitGroup
	for i, name := range names {
		trying.Go(func() { of[i] = trySink(ctx, name, c.Sinks[name]) })
	}
	environments := c.Followed()
	upstream := make([]report.Finding, len(environments))
	var following sync.WaitGroup
	for i, env := range environments {
		following.Go(func() { upstream[i] = tryUpstream(ctx, c, env) })
	}
	following.Wait()
	trying.Wait()
	findings = append(findings, upstream...)
	findings = append(findings, slices.Concat(of...)...)
	for i := range c.Targets {
		findings = append(findings, checkTarget(ctx, c.Store, &c.Targets[i])...)
	}
	return findings
}

// writable returns an error unless files can be written into a folder, which it
// makes where it does not exist.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(dir, string(CheckKey))
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	return os.Remove(name)
}

// tryUpstream fetches one environment.
func tryUpstream(ctx context.Context, c *App, env edgecore.Environment) report.Finding {
	what := fmt.Sprintf("upstream, environment %q", env)
	began := time.Now()
	if err := c.Fetch(ctx, []edgecore.Environment{env}); err != nil {
		return report.Found(what, err, "")
	}
	st, err := c.Store.Load(env)
	if err != nil {
		return report.Found(what, err, "")
	}
	text := fmt.Sprintf("%s, revision %d, in %d ms", printable.Count(len(st.Definitions.Features), "flag"),
		st.Definitions.Revision, time.Since(began).Milliseconds())
	switch {
	case len(st.Definitions.Features) == 0:
		return report.Finding{What: what, Result: "warning", Text: text + "; does the token see a project with flags?"}
	case len(st.Problems) > 0:
		return report.Finding{What: what, Result: "warning", Text: text + "; " + problemsText(st.Problems)}
	}
	return report.Found(what, nil, text)
}

// problemsText counts problems, of which there is one at least, and names the
// first.
func problemsText(problems []edgecore.Problem) string {
	return printable.Count(len(problems), "problem") + ", the first: " + problems[0].String()
}

// trySink tries each action. What a write needs is known only after the write.
func trySink(ctx context.Context, name string, sink sinks.Sink) []report.Finding {
	what := func(action string) string { return fmt.Sprintf("sink %q: %s", name, action) }
	_, err := sink.Get(ctx, CheckKey)
	if errors.Is(err, sinks.ErrNotFound) {
		err = nil
	}
	findings := []report.Finding{report.Found(what("read"), err, "")}
	err = sink.Put(ctx, sinks.Object{
		Key: CheckKey, Body: []byte(`{"check":true}`), ContentType: "application/json",
	})
	findings = append(findings, report.Found(what("write"), err, ""))
	if err == nil {
		pause := time.NewTimer(sink.Limits().WritePace)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
	return append(findings, report.Found(what("delete"), sink.Delete(ctx, CheckKey), ""))
}

// checkTarget makes the snapshots, and stores none.
func checkTarget(ctx context.Context, store *state.Store, t *publish.Target) []report.Finding {
	var findings []report.Finding
	limits := t.Sink.Limits()
	st, err := store.Load(t.Environment)
	for _, one := range t.Outputs {
		what := fmt.Sprintf("target %q, key %s", t.Name, one.Key)
		if err != nil {
			findings = append(findings, report.Found(what, fmt.Errorf("environment %q: %w", t.Environment, err), ""))
			continue
		}
		snap, err := snapshot.Encode(st.Definitions, st.Program, one.Spec, time.Now())
		if err != nil {
			findings = append(findings, report.Found(what, err, ""))
			continue
		}
		body := snap.Seal(uint64(time.Now().UnixMilli()), time.Now())
		err = limits.CheckSize(sinks.Object{Key: one.Key, Body: body})
		if len(snap.Problems) > 0 {
			findings = append(findings, report.Finding{
				What: what, Result: "warning", Text: problemsText(snap.Problems),
			})
		}
		if n := len(snap.Contextual); err == nil && n > 0 && one.Spec.Undecided() {
			findings = append(findings, report.Finding{What: what, Result: "warning", Text: publish.ContextualNote(n)})
			continue
		}
		findings = append(findings,
			report.Found(what, err,
				fmt.Sprintf("%s, %s bytes", printable.Count(snap.Count, "flag"),
					report.SizeText(len(body), limits.Usage(body)))))
		if h := t.History; h != nil {
			if err := h.Sink.Limits().CheckKey(publish.EntryKey(one.Key, uint64(time.Now().UnixMilli()))); err != nil {
				findings = append(findings, report.Found(what+", history", err, ""))
			}
		}
	}
	for _, seen := range publish.ProbeAll(ctx, t.Probes, 0) {
		f := report.Found(fmt.Sprintf("target %q, probe", t.Name), nil,
			fmt.Sprintf("%s shows seq %d", seen.Probe, seen.Seq))
		if seen.Error != "" {
			f.Result, f.Text = "warning", strings.TrimSpace(seen.Error)
		}
		findings = append(findings, f)
	}
	return findings
}
