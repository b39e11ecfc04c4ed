package publish_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// sealed is what another publisher has stored of the flags f.
func sealed(t *testing.T, w *world, seq uint64, published time.Time) []byte {
	t.Helper()
	w.put(t, at(7, flag("f")))
	st, err := w.store.Load("e")
	if err != nil {
		t.Fatal(err)
	}
	spec := w.target.Outputs[0].Spec
	spec.Heartbeat = w.target.Heartbeat
	s, err := snapshot.Encode(st.Definitions, st.Program, spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s.Seal(seq, published)
}

// A time in the future, of a clock that was wrong, delays no heartbeat, and is
// reported once.
func TestFuturePublishedAt(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Heartbeat = 10 * time.Minute
		w.sink.set(sealed(t, w, uint64(time.Now().UnixMilli()), time.Now().Add(1000*time.Hour)))
		defer w.run(t)()
		after(9 * time.Minute)
		if n := w.sink.count(); n != 0 {
			t.Errorf("%d puts within the first interval", n)
		}
		after(2 * time.Minute)
		if got := w.reasons(t); got != "1 heartbeat" || w.sink.meta().PublishedAt.After(time.Now()) {
			t.Errorf("the reasons are %q, stored is %+v", got, w.sink.meta())
		}
		after(time.Hour)
		if got := w.reasons(t); got != "7 heartbeat" {
			t.Errorf("the reasons are %q", got)
		}
		if n := strings.Count(w.log.String(), "what is stored has a time in the future"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, w.log)
		}
	})
}

// A seq ahead of the clock is a floor, however far; one that no write could be
// above is not.
func TestSeqAheadOfTheClock(t *testing.T) {
	now := uint64(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	for name, c := range map[string]struct {
		stored uint64
		want   func(seq uint64) bool
		fails  bool
	}{
		"a minute": {now + 60_000, func(seq uint64) bool { return seq == now+60_001 }, false},
		"a thousand years": {now + 1000*365*24*3600_000, func(seq uint64) bool {
			return seq == now+1000*365*24*3600_000+1
		}, false},
		"the last but one": {snapshot.MaxSeq - 1, func(seq uint64) bool { return seq == snapshot.MaxSeq }, false},
		"the last":         {snapshot.MaxSeq, nil, true},
		"beyond":           {snapshot.MaxSeq + 1, func(seq uint64) bool { return seq < now+10_000 }, false},
		"all bits":         {1<<64 - 1, func(seq uint64) bool { return seq < now+10_000 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.sink.set(sealed(t, w, c.stored, time.Now()))
				w.put(t, at(8, flag("f"), flag("g")))
				outcomes, err := w.session().Once(t.Context(), true)
				switch {
				case c.fails:
					if !errors.Is(err, sinks.ErrPermanent) ||
						!strings.Contains(err.Error(), "delete the key in the sink") {
						t.Errorf("%v", err)
					}
				case err != nil || outcomes[0].Action != "published" || !c.want(w.sink.meta().Seq):
					t.Errorf("%s, %v: stored is %+v", outcomes[0].Action, err, w.sink.meta())
				}
			})
		})
	}
}

// One key of a matrix that is ahead does not take the others along.
func TestSeqAheadOfOneKey(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		shelf := &shelf{t: t, bodies: map[sinks.Key][]byte{}}
		spec := w.target.Outputs[0].Spec
		w.target.Sink = shelf
		w.target.Outputs = append(w.target.Outputs, publish.Output{Key: "l", Spec: spec},
			publish.Output{Key: "m", Spec: spec})
		w.target.Outputs[1].Spec.Static = eval.Context{Fields: map[string]string{"country": "no"}}
		shelf.bodies["k"] = sealed(t, w, snapshot.MaxSeq, time.Now())
		shelf.bodies["l"] = sealed(t, w, snapshot.MaxSeq-1, time.Now())
		w.put(t, at(8, flag("f"), flag("g")))
		outcomes, err := w.session().Once(t.Context(), true)
		if !errors.Is(err, sinks.ErrPermanent) {
			t.Errorf("%v", err)
		}
		for i, want := range []struct {
			action publish.Action
			seq    uint64
		}{{"failed", snapshot.MaxSeq}, {"published", snapshot.MaxSeq}, {"published", uint64(time.Now().UnixMilli())}} {
			if o := outcomes[i]; o.Action != want.action || o.Seq != want.seq {
				t.Errorf("%s: %s, seq %d, want %s, %d", o.Key, o.Action, o.Seq, want.action, want.seq)
			}
		}
	})
}
