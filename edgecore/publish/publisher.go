package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// Publisher publishes one target. Run it in one goroutine; everything below
// the settings is owned by that goroutine.
type Publisher struct {
	target  Target
	states  States
	log     *slog.Logger
	metrics *Metrics

	seen      seen
	written   written
	verified  bool                  // a read has shown what was written
	last      *edgecore.Definitions // what the last pass was about
	body      []byte                // of the last put
	failures  int                   // consecutive
	permanent bool                  // the last of them
}

// New makes a publisher. It starts nothing.
func New(t Target, states States, log *slog.Logger, m *Metrics) *Publisher {
	m.start(&t)
	return &Publisher{target: t, states: states, metrics: m, verified: true, log: log.With("target", t.Name())}
}

// Outcome is what one pass has done.
type Outcome struct {
	Target  string
	Sink    string
	Key     sinks.Key
	Action  string // "unchanged", "published", "repaired", "waiting"
	Digest  string
	Seq     uint64 // of the last write of this process, 0 for none
	Bytes   int    // of what was written
	Changes []snapshot.Change

	since time.Time // when upstream's change was received; for a pass without one, when it began
}

const (
	callTimeout   = 60 * time.Second // for one sink call, retries included
	firstBackoff  = time.Second
	longBackoff   = 5 * time.Minute
	changesLogged = 20 // flags named in the log after one change
)

// Once makes one pass: it brings the stored snapshot up to date. With
// reconcile it reads what is stored even if it thinks to know.
func (p *Publisher) Once(ctx context.Context, reconcile bool) (Outcome, error) {
	out := Outcome{Target: p.target.Name(), Sink: p.target.SinkName, Key: p.target.Key, Seq: p.written.seq}
	st, err := p.states.Load(p.target.Spec.Environment)
	if err != nil {
		return out, err
	}
	out.since = time.Now()
	if p.last != st.Definitions && !st.Restored {
		out.since = st.Since
	}
	snap, err := snapshot.Encode(st.Definitions, st.Program, p.target.Spec, time.Now())
	if err != nil {
		return out, fmt.Errorf("%w: %w", err, sinks.ErrPermanent)
	}
	out.Digest = snap.Digest
	if reconcile {
		p.seen.known = false
	}
	next := plan(snap.Digest, p.seen, p.written, p.target.stale(), time.Now())
	if next == read {
		stored, err := p.look(ctx)
		if err != nil {
			return out, fmt.Errorf("read %q in %s: %w", p.target.Key, p.target.SinkName, err)
		}
		out.Changes = snap.DiffStored(stored)
		next = plan(snap.Digest, p.seen, p.written, p.target.stale(), time.Now())
	}
	switch {
	case p.last == nil:
	case p.last != st.Definitions:
		out.Changes = p.wanted(snapshot.Diff(p.last, st.Definitions))
	case next == put && p.body != nil: // time has changed the answers
		out.Changes = snap.DiffStored(p.body)
	}
	switch next {
	case put, mend:
		return p.put(ctx, out, st, &snap, next)
	case await:
		out.Action = "waiting"
		p.failures = 0
		p.metrics.failing(&p.target, 0)
	default:
		out.Action = "unchanged"
		p.verified = true
		p.settle(st)
		p.metrics.unchanged(&p.target)
		p.report(out, st.Definitions.Revision)
	}
	return out, nil
}

// wanted drops changes of flags that the target does not publish.
func (p *Publisher) wanted(changes []snapshot.Change) []snapshot.Change {
	if len(p.target.Spec.Flags) == 0 && len(p.target.Spec.Projects) == 0 {
		return changes
	}
	kept := []snapshot.Change{}
	for _, c := range changes {
		if p.target.Spec.Takes(c.Flag, c.Project) {
			kept = append(kept, c)
		}
	}
	return kept
}

// look reads the key and notes what it has seen.
func (p *Publisher) look(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stored, err := p.target.Sink.Get(ctx, p.target.Key)
	switch {
	case errors.Is(err, sinks.ErrNotFound):
		p.seen = seen{known: true, absent: true}
		return nil, nil
	case err != nil:
		return nil, err
	}
	meta, err := snapshot.Open(stored)
	if err != nil {
		p.log.Warn("what is stored will be replaced", "key", p.target.Key, "sink", p.target.SinkName, "err", err)
		// A damaged snapshot may still tell its seq, and readers may have
		// seen it whole: stay above.
		p.seen = seen{known: true, foreign: true, seq: meta.Seq}
		return nil, nil
	}
	p.seen = seen{known: true, digest: meta.Digest, seq: meta.Seq}
	return stored, nil
}

func (p *Publisher) put(ctx context.Context, out Outcome, st *state.State, snap *snapshot.Snapshot, why action) (Outcome, error) {
	now := time.Now()
	seq := snapshot.NextSeq(max(p.seen.seq, p.written.seq), now)
	body := snap.Seal(seq, now)
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := p.target.Sink.Put(callCtx, sinks.Object{
		Key: p.target.Key, Body: body, ContentType: "application/json",
		Meta: map[string]string{"seq": fmt.Sprint(seq), "digest": snap.Digest},
	})
	if err == nil || errors.Is(err, sinks.ErrAmbiguous) || ctx.Err() != nil {
		// It may be stored even if the answer was lost: its seq is used up,
		// and only a read can tell.
		p.written = written{digest: snap.Digest, seq: seq, at: now}
	}
	if err != nil {
		p.seen.known = false
		return out, fmt.Errorf("put %q to %s (%d bytes): %w", p.target.Key, p.target.SinkName, len(body), err)
	}
	p.seen = seen{known: true, digest: snap.Digest, seq: seq}
	p.verified, p.body = false, body
	out.Action, out.Seq, out.Bytes = "published", seq, len(body)
	if why == mend {
		out.Action = "repaired"
	}
	p.settle(st)
	p.metrics.published(&p.target, out, now)
	p.report(out, st.Definitions.Revision)
	return out, nil
}

// settle notes that the target is up to date with a state.
func (p *Publisher) settle(st *state.State) {
	p.last = st.Definitions
	p.failures = 0
	p.metrics.failing(&p.target, 0)
}

// report tells what a pass means, in the language of flags.
func (p *Publisher) report(out Outcome, revision uint64) {
	end := "no change for " + out.Target
	if out.Action != "unchanged" {
		end = fmt.Sprintf("%s to %s in %d ms", out.Action, out.Sink, time.Since(out.since).Milliseconds())
	}
	for i, c := range out.Changes {
		if i == changesLogged {
			p.log.Info(fmt.Sprintf("… and %d more flags  %s", len(out.Changes)-i, end))
			break
		}
		p.log.Info(c.String() + "  " + end)
	}
	level := slog.LevelInfo
	if out.Action == "unchanged" || len(out.Changes) > 0 {
		level = slog.LevelDebug
	}
	p.log.Log(context.Background(), level, out.Action, "key", out.Key, "sink", out.Sink, "seq", out.Seq,
		"bytes", out.Bytes, "digest", out.Digest[:12], "revision", revision)
}

// backoff is the pause after a number of consecutive failures, with jitter.
func backoff(failures int, err error) time.Duration {
	wait := firstBackoff << min(failures-1, 9)
	if errors.Is(err, sinks.ErrPermanent) {
		wait = longBackoff
	}
	wait = min(wait, longBackoff)
	return wait/2 + rand.N(wait/2)
}
