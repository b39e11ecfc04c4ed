package publish

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// Options of publishers. Log and Metrics are required.
type Options struct {
	Log     *slog.Logger
	Metrics *Metrics
	// Listener takes events; nil: nobody does.
	Listener Listener
	// Accept are digests, or their first characters, of content that the guard
	// lets pass.
	Accept []string
	// LastConfirmed tells when upstream has last confirmed the definitions of an
	// environment, the zero time for never; nil: they are always confirmed.
	LastConfirmed func(edgecore.Environment) time.Time
	// ConfigArgument ends the commands that texts name, such as " --config a.yaml".
	ConfigArgument string
	// StaleAfter is how long a target may not have been brought up to date before
	// it is stale; 0: for ever.
	StaleAfter time.Duration
	// UpstreamStaleAfter is how long its definitions may not have been confirmed;
	// 0: as long as StaleAfter.
	UpstreamStaleAfter time.Duration
}

// Session publishes one target. Run it in one goroutine; what is below the
// settings belongs to that goroutine, but for what Status reads.
type Session struct {
	target  Target
	states  States
	options Options
	log     *slog.Logger
	metrics *Metrics

	keys   []*keyState
	last   *edgecore.Definitions // what the last pass was about
	flip   time.Time             // of the next DATE constraint, zero for none
	health health
	// caughtUp says that the history was compared with what is stored.
	caughtUp bool
	// problems are those of the last pass: each is logged once.
	problems map[edgecore.Problem]bool
	// unshown counts the puts, in a row, that were accepted and never shown.
	unshown int
	// rechecked is where the next recheck begins among the keys that are held or pinned.
	rechecked int

	since   time.Time       // the arrival of the change that was put last, zero once it is verified
	pending chan pendingPut // to the goroutine that watches the edge; nil without Run
	view    view
}

// NewSession makes a publisher. It starts nothing.
func NewSession(t Target, states States, o Options) *Session {
	o.Metrics.start(&t)
	p := &Session{target: t, states: states, options: o, metrics: o.Metrics, log: o.Log.With("target", t.Name)}
	for _, c := range t.Outputs {
		p.keys = append(p.keys, &keyState{Output: c, verified: true})
	}
	p.updateView()
	return p
}

// Outcome is what one pass has done about one key.
type Outcome struct {
	Target string
	Sink   string
	Key    sinks.Key
	Action Action
	Digest string // of the wanted content
	Seq    uint64 // of what is stored, 0 for nothing
	Before int    // bytes that are stored before
	Bytes  int    // of what was written, or would be
	// Changes tells what is written, or held, in the language of flags.
	Changes []flagdiff.Change
	// Text says why: of a pin its reason, of what is held what it would do, of
	// what is unconfirmed what it waits for.
	Text string
	Err  error

	// Wanted is the content, nil where nothing had to be written, and Stored
	// what is stored before.
	Wanted *snapshot.Snapshot
	Stored []byte
	Base   Base // what the read has shown
}

const (
	callTimeout   = 60 * time.Second // for one call of a sink, retries included
	cellTimeout   = time.Second / 4  // more for each further cell of a matrix
	firstBackoff  = time.Second
	longBackoff   = 5 * time.Minute
	changesLogged = 20 // lines about flags in the log after one pass
)

// keyPass is one cell in one pass.
type keyPass struct {
	*keyState
	*Outcome
	decision decision
	// Flags that are on: for readers now, once the content is written, and those
	// that the write takes from them.
	before, after, taken flagSet

	due   bool // to be put
	again bool // what is stored, above what readers may have
	beat  bool // and it is time for its heartbeat
	body  []byte
	meta  snapshot.Meta
}

// Once makes one pass: it brings what is stored up to date. With reconcile it
// reads what is stored even if it thinks to know. The outcomes are in the order
// of the cells; the error is the first of theirs, or says why there are none.
func (p *Session) Once(ctx context.Context, reconcile bool) ([]Outcome, error) {
	st, err := p.states.Load(p.target.Environment)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	since := now // when upstream's change was received; for a pass without one, when it began
	if p.last != st.Definitions && !st.Restored {
		since = st.Since
	}
	outcomes := make([]Outcome, len(p.keys))
	steps := make([]*keyPass, len(p.keys))
	for i, c := range p.keys {
		outcomes[i] = Outcome{Target: p.target.Name, Sink: p.target.SinkName, Key: c.Key}
		steps[i] = &keyPass{keyState: c, Outcome: &outcomes[i]}
		c.read.fresh = false
		if reconcile {
			c.read.known = false
		}
	}
	flipped := !p.flip.IsZero() && !now.Before(p.flip)
	p.flip, _ = st.Program.NextFlip(now)
	compute(steps, func(s *keyPass) {
		if flipped {
			s.program = nil
		}
		s.Err = s.encode(st, now, false)
	})
	p.warn(steps)
	p.read(ctx, steps, now)
	compute(steps, func(s *keyPass) { p.decide(s, st, now) })
	p.guard(ctx, steps, st, now)
	for _, s := range steps {
		p.renewDue(s, now)
	}
	p.write(ctx, steps, since)
	p.explain(steps, st, flipped)
	for _, s := range steps {
		s.snap = nil // what is stored has its text; only the digest is needed again
		s.Digest, s.Seq = s.wanted, max(s.read.seq, s.newest.seq)
	}
	return outcomes, p.finish(ctx, steps, st, since)
}

// parallel calls f for 0 to n-1, several at once.
func parallel(n, together int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var running sync.WaitGroup
	var next atomic.Int64
	for range min(n, together) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	running.Wait()
}

// compute runs f for each step, as many at once as there are cores.
func compute(steps []*keyPass, f func(*keyPass)) {
	parallel(len(steps), runtime.GOMAXPROCS(0), func(i int) { f(steps[i]) })
}

// bound gives a call for several keys its time.
func bound(ctx context.Context, keys int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout+time.Duration(keys-1)*cellTimeout)
}

// read looks at what is stored where the plan wants it.
func (p *Session) read(ctx context.Context, steps []*keyPass, now time.Time) {
	var reading []*keyPass
	var keys []sinks.Key
	for _, s := range steps {
		if s.Err == nil {
			if s.decision = plan(s.wanted, s.lastWanted, s.read, s.newest, now); s.decision == read {
				reading, keys = append(reading, s), append(keys, s.Key)
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	ctx, cancel := bound(ctx, len(keys))
	defer cancel()
	bodies, errs := sinks.GetAll(ctx, p.target.Sink, keys)
	for i, s := range reading {
		before := s.stored
		problem, err := s.observe(bodies[i], errs[i], now, p.target.stale())
		switch {
		case err != nil:
			s.Err = fmt.Errorf("read %q in %s: %w", s.Key, p.target.SinkName, err)
			continue
		case problem != nil:
			p.log.Warn("what is stored will be replaced", "key", s.Key, "sink", p.target.SinkName, "err", problem)
		}
		p.reportConflict(s.keyState)
		p.reportClock(s.keyState, now)
		s.decision = plan(s.wanted, s.lastWanted, s.read, s.newest, now)
		if s.found() && s.decision == skip && s.failedDigest == s.wanted {
			s.Action, s.Bytes, s.failedDigest, s.lastWanted = ActionPublished, len(s.stored), "", s.wanted
			s.replaced, s.history = before, s.stored
			p.metrics.accepted(&p.target, s.lastPut)
		}
	}
}

// reportConflict reports what another publisher has written over this one's content,
// once for each of its writes.
func (p *Session) reportConflict(c *keyState) {
	if !c.conflicts() || c.reportedRival == c.read.seq {
		return
	}
	c.reportedRival = c.read.seq
	p.metrics.countConflict(&p.target)
	p.log.Warn("another publisher writes this key: this one's content is put back", "key", c.Key, "sink", p.target.SinkName,
		"seq", c.read.seq, "their_target", c.read.meta.Target, "their_environment", c.read.meta.Environment, "their_revision", c.read.meta.Revision)
}

// reportClock reports what is stored with a time in the future, once for each.
func (p *Session) reportClock(c *keyState, now time.Time) {
	ahead := c.aheadOfClock(now)
	if ahead == 0 || c.reportedAhead == c.read.seq {
		return
	}
	c.reportedAhead = c.read.seq
	p.log.Warn("what is stored has a time in the future: the clock of this machine or of another publisher is wrong", "key", c.Key,
		"sink", p.target.SinkName, "ahead", ahead.Round(time.Second).String(), "seq", c.read.seq, "published_at", c.read.meta.PublishedAt)
}

// decide makes what is to be written.
func (p *Session) decide(s *keyPass, st *state.State, now time.Time) {
	if s.Err != nil {
		return
	}
	s.Stored, s.Before, s.Base, s.waitsFor = s.stored, len(s.stored), s.base(), ""
	switch {
	case s.decision == write || s.decision == repair:
		if s.Err = s.encode(st, now, true); s.Err != nil {
			return
		}
		s.Wanted, s.due = s.snap, true
		if s.waitsFor = p.unconfirmed(s.keyState, st); s.waitsFor != "" {
			s.Action, s.Text, s.due = ActionUnconfirmed, s.waitsFor, false
		}
	case s.decision == pinned, s.decision == reassert && s.read.pinned != "":
		s.Action, s.Text = ActionPinned, s.keyState.meta.Pinned
	}
}

// renewDue has what is stored written again where that is to be done, and nothing
// takes its place.
func (p *Session) renewDue(s *keyPass, now time.Time) {
	s.beat = s.Err == nil && !s.due && s.decision != waitVisible && p.heartbeatDue(s.keyState, now)
	if s.beat || s.Err == nil && s.decision == reassert {
		s.due, s.again = true, true
	}
}

// heartbeatDue tells whether what is stored has to be written again.
func (p *Session) heartbeatDue(c *keyState, now time.Time) bool {
	return p.target.Heartbeat > 0 && c.read.known && !c.read.absent && !c.read.foreign && c.stored != nil &&
		c.current(now) && !now.Before(c.read.at.Add(p.target.Heartbeat))
}

// unconfirmed says why a write has to wait until upstream confirms the
// definitions; "" if it may go on. Definitions from the state folder may be
// older than what another process has published since: they do not replace a
// snapshot of a higher revision, or one published after they arrived where
// one of the two has no revision.
func (p *Session) unconfirmed(c *keyState, st *state.State) string {
	ours := snapshot.Meta{Environment: st.Definitions.Environment, Revision: st.Definitions.Revision, PublishedAt: st.Since}
	if newer := newerThan(ours, c.newestMeta()); st.Restored && newer != "" {
		return "waits for upstream to confirm the definitions of the state folder: " + newer
	}
	return ""
}

// newerThan says how what is stored is newer than content of the same
// environment, "" if it is not: by its revision, or by the time where one has no
// revision. A PublishedAt of content that was not published is when its
// definitions arrived.
func newerThan(content, stored snapshot.Meta) string {
	switch {
	case content.Environment != stored.Environment:
		return ""
	case content.Revision > 0 && stored.Revision > 0:
		if stored.Revision > content.Revision {
			return fmt.Sprintf("revision %d is stored, this is revision %d", stored.Revision, content.Revision)
		}
	case stored.PublishedAt.After(content.PublishedAt):
		return fmt.Sprintf("what is stored was published at %s, this is of %s",
			stored.PublishedAt.UTC().Format(time.RFC3339), content.PublishedAt.UTC().Format(time.RFC3339))
	}
	return ""
}

// finish names what has become of each key, and tells.
func (p *Session) finish(ctx context.Context, steps []*keyPass, st *state.State, since time.Time) error {
	var failed error
	others, unsure, found := 0, false, uint64(0)
	for _, s := range steps {
		switch {
		case s.Err != nil:
			s.Action = ActionFailed
			if failed != nil {
				others++
				continue
			}
			failed = s.Err
			continue
		case s.decision == waitVisible:
			s.Action = ActionWaiting
			unsure = unsure || s.newest.lost
		case s.Action == "":
			s.Action = ActionUnchanged
		}
		if actionTable[s.Action].decided {
			s.heldDigest = ""
		}
		if s.Action == ActionUnchanged {
			s.failedDigest = ""
		}
		if s.read.fresh && s.shown() {
			s.verified = true
		}
		if s.Action == ActionPublished && !s.due {
			found = s.read.seq
		}
	}
	if found > 0 {
		p.recordAccepted(found, since)
	}
	p.recordVisible(time.Now())
	if others > 0 {
		failed = fmt.Errorf("%w (and %d more of %d keys)", failed, others, len(steps))
	}
	if failed == nil && !unsure {
		p.last = st.Definitions
	}
	p.report(steps, st, since)
	p.emitEvents(steps, st)
	p.archive(ctx)
	if ctx.Err() == nil {
		p.recordOutcome(steps, failed, unsure)
	}
	return failed
}
