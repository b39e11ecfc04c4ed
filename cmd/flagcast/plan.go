package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/atomicfile"
	"github.com/flagcast/flagcast/internal/plainjson"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

// planFile is what sync --out writes and sync --plan carries out: the content
// itself, and what it is to replace.
type planFile struct {
	Version int       `json:"flagcastPlan"` // 1
	Made    time.Time `json:"made"`
	Writes  []write   `json:"writes"`
}

type write struct {
	Target  string          `json:"target"`
	Sink    string          `json:"sink"`
	Key     sinks.Key       `json:"key"`
	Base    publish.Base    `json:"base"`    // what must be stored still
	Content json.RawMessage `json:"content"` // a snapshot, whose seq the write decides
}

func (w *write) rewrite() publish.Rewrite {
	return publish.Rewrite{Key: w.Key, Content: w.Content, Kind: publish.Published, Base: &w.Base}
}

const planVersion = 1

// savePlan writes what a dry run would write.
func savePlan(path string, done []synced) error {
	plan := planFile{Version: planVersion, Made: time.Now().UTC().Truncate(time.Second), Writes: []write{}}
	for _, one := range done {
		o := one.outcome
		switch {
		case o.Err != nil:
			return exit.With(exit.Failed, fmt.Errorf("no plan was written: %w", o.Err), "")
		case o.Action == publish.ActionHeld:
			return exit.With(exit.Held, fmt.Errorf("no plan was written: target %q is held: %s", o.Target, o.Text),
				fmt.Sprintf("if it is meant, add --accept %.12s", o.Digest))
		case o.Wanted == nil || o.Action == publish.ActionPinned:
			continue
		}
		plan.Writes = append(plan.Writes, write{
			Target: o.Target, Sink: o.Sink, Key: o.Key, Base: o.Base, Content: o.Wanted.Seal(0, plan.Made),
		})
	}
	text, err := plainjson.Marshal(plan) // the digest covers the text of the content
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	// It may hold what identifiers the flags have.
	if err := atomicfile.Write(path, append(text, '\n'), 0o600); err != nil {
		return exit.With(exit.Failed, fmt.Errorf("write the plan: %w", err), "")
	}
	return nil
}

func readPlan(path string) (*planFile, error) {
	text, err := untrusted.ReadFile(path, app.FromBytes)
	if err != nil {
		return nil, exit.With(exit.Failed, fmt.Errorf("read the plan: %w", err), "sync --dry-run --out FILE writes one")
	}
	var plan planFile
	if err := json.Unmarshal(text, &plan); err != nil || plan.Version == 0 {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("read the plan %s: it is none", path),
				"sync --dry-run --out FILE writes one")
	}
	if plan.Version != planVersion {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("read the plan %s: it has version %d, this flagcast reads %d", path,
				plan.Version, planVersion), "use the flagcast that made it")
	}
	for _, w := range plan.Writes {
		if _, err := snapshot.Open(w.Content); err != nil {
			return nil, exit.With(exit.Failed, fmt.Errorf("read the plan %s: content of %q: %w", path, w.Key, err),
				"it has been changed; make another one")
		}
	}
	return &plan, nil
}

// applyPlan carries out a plan. Nothing is written unless everything that the plan
// replaces is still there.
func applyPlan(
	ctx context.Context, core *app.App, path string, events publish.Listener,
) (done []synced, err error) {
	plan, err := readPlan(path)
	if err != nil {
		return nil, err
	}
	options := core.Options(nil, events)
	sessions := map[string]*publish.Session{}
	targets := map[string]*publish.Target{}
	for i, t := range core.Targets {
		sessions[t.Name], targets[t.Name] = publish.NewSession(t, core.Store, options), &core.Targets[i]
	}
	for _, w := range plan.Writes {
		p := sessions[w.Target]
		if p == nil || targets[w.Target].SinkName != w.Sink {
			return nil, exit.With(exit.Failed,
				fmt.Errorf("the plan writes target %q to sink %q, the configuration does not", w.Target, w.Sink),
				"make another plan")
		}
		if err := p.Check(ctx, w.rewrite()); err != nil {
			hint := ""
			switch {
			case errors.Is(err, publish.ErrChanged):
				hint = "nothing was written; make another plan"
			case errors.Is(err, publish.ErrOlder):
				hint = "nothing was written; if upstream has gone back to an older revision, flagcast sync" +
					core.ConfigFile.Argument() + " writes it without a plan"
			}
			return nil, exit.With(exit.Failed, err, hint)
		}
	}
	for _, w := range plan.Writes {
		p := sessions[w.Target]
		out, _ := p.Rewrite(ctx, w.rewrite())
		result := newResult(core, targets[w.Target], out, verify(ctx, p))
		done = append(done, synced{outcome: out, result: result})
	}
	return done, nil
}
