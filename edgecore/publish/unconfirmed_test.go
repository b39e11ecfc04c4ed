package publish_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/state"
)

// at is a document of a revision; 0 is a server that sends none.
func at(revision int, features ...string) string {
	if revision == 0 {
		return document(features...)
	}
	return fmt.Sprintf(`{"version":2,"features":[%s],"meta":{"revisionId":%d}}`, strings.Join(features, ","), revision)
}

// restarted is a publisher whose state folder has a document, over what another
// process has stored before.
func restarted(t *testing.T, stored, folder string, f func(t *testing.T, w *world)) {
	dir := t.TempDir()
	path := filepath.Join(dir, "e.definitions.json")
	if err := os.WriteFile(path, []byte(folder), 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, func(t *testing.T, w *world) {
		w.sink.crowded = true
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		other := newWorld(t)
		other.sink, other.target.Sink = w.sink, w.sink
		if stored != "" {
			other.put(t, stored)
			if _, err := other.session().Once(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			after(5 * time.Minute)
		}
		w.store = state.New(state.Options{Dir: dir, Log: quiet()})
		w.store.Restore(t.Context(), []edgecore.Environment{"e"})
		f(t, w)
	})
}

// A restart does not undo what was published meanwhile: the definitions of the
// state folder wait until upstream has confirmed them.
func TestRestoredDefinitionsWaitForUpstream(t *testing.T) {
	on, off := flag("f"), disabled("f")
	for name, c := range map[string]struct {
		stored, folder string
		waits          string // a part of the reason, "" for not
	}{
		"an older revision":       {at(71, off), at(70, on), "revision 71 is stored, this is revision 70"},
		"the same revision":       {at(70, off), at(70, on), ""},
		"a newer revision":        {at(69, off), at(70, on), ""},
		"no revisions":            {at(0, off), at(0, on), "what is stored was published at 2000-01-01"},
		"no revision is stored":   {at(0, off), at(70, on), "what is stored was published at 2000-01-01"},
		"no revision in a folder": {at(71, off), at(0, on), "what is stored was published at 2000-01-01"},
		"nothing is stored":       {"", at(70, on), ""},
	} {
		t.Run(name, func(t *testing.T) {
			restarted(t, c.stored, c.folder, func(t *testing.T, w *world) {
				before := w.sink.has()
				defer w.run(t)()
				after(20 * time.Minute)
				s := w.running.Status()
				if c.waits == "" {
					if w.sink.has() != "f=on" || s.State != "ok" {
						t.Errorf("stored is %s, the state %s", w.sink.has(), s.State)
					}
					return
				}
				if w.sink.has() != before || s.State != "unconfirmed" || !strings.Contains(s.Keys[0].Waits, c.waits) {
					t.Errorf("stored is %q, before it was %q; the status is %+v", w.sink.has(), before, s)
				}
				if notes := strings.Join(s.Notes(""), "\n"); !strings.Contains(notes, c.waits) {
					t.Errorf("the notes are %s", notes)
				}
				if n := strings.Count(w.log.String(), `msg="not published" target=t text="waits for upstream`); n != 1 {
					t.Errorf("the log says it %d times:\n%s", n, w.log)
				}
				// Upstream confirms them: it has gone back.
				w.put(t, c.folder)
				after(time.Second)
				if s := w.running.Status(); w.sink.has() != "f=on" || s.Keys[0].Waits != "" ||
					s.State == "unconfirmed" {
					t.Errorf("confirmed: stored is %s, the status %+v", w.sink.has(), s)
				}
			})
		})
	}
}

// What upstream sends next takes the place of what waited, at once.
func TestNewDefinitionsEndTheWait(t *testing.T) {
	restarted(t, at(71, disabled("f")), at(70, flag("f")), func(t *testing.T, w *world) {
		defer w.run(t)()
		after(time.Minute)
		w.put(t, at(72, flag("f"), flag("g")))
		after(time.Second)
		if s := w.running.Status(); s.Keys[0].Revision != 72 || s.Keys[0].Waits != "" {
			t.Errorf("%+v", s)
		}
	})
}

// A damaged object still says its revision: readers may have seen it whole.
func TestRestoredDefinitionsOverADamagedObject(t *testing.T) {
	for _, c := range []struct {
		damage func(string) string
		waits  bool
	}{
		{func(s string) string { return strings.Replace(s, `"toggles":[`, `"toggles":[ `, 1) }, true},
		{func(s string) string { return s[:len(s)/2] }, false}, // nothing to wait for
	} {
		restarted(t, at(71, flag("x"), disabled("f")), at(70, flag("x"), flag("f")), func(t *testing.T, w *world) {
			w.sink.change(func(s *store) { s.now = []byte(c.damage(string(s.now))) })
			defer w.run(t)()
			after(10 * time.Minute)
			if s := w.running.Status(); (s.State == "unconfirmed") != c.waits || (w.sink.count() == 1) != c.waits {
				t.Errorf("the state is %s after %d puts, waits: %v", s.State, w.sink.count(), c.waits)
			}
		})
	}
}

// A heartbeat goes on meanwhile: readers know that a publisher is there.
func TestHeartbeatWhileWaiting(t *testing.T) {
	restarted(t, at(71, disabled("f")), at(70, flag("f")), func(t *testing.T, w *world) {
		w.target.Heartbeat = 10 * time.Minute
		defer w.run(t)()
		after(time.Hour)
		if got := w.reasons(t); got != "6 heartbeat" || w.sink.meta().Revision != 71 {
			t.Errorf("the reasons are %s, stored is %+v", got, w.sink.meta())
		}
	})
}

// A plan holds content of its time: it does not take a newer revision back.
func TestOlderPlanIsRefused(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.put(t, at(70, flag("f")))
		made, err := w.session().Once(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		content := made[0].Wanted.Seal(0, time.Now())
		after(5 * time.Minute)
		w.put(t, at(71, disabled("f")))
		if _, err := w.session().Once(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Minute)
		r := publish.Rewrite{Key: "k", Content: content, Kind: publish.Published}
		if err := w.session().Check(t.Context(), r); !errors.Is(err, publish.ErrOlder) ||
			!strings.Contains(err.Error(), "revision 71 is stored, this is revision 70") {
			t.Errorf("check: %v", err)
		}
		if _, err := w.session().Rewrite(t.Context(), r); !errors.Is(err, publish.ErrOlder) || w.sink.has() != "f=off" {
			t.Errorf("write: %v, stored is %s", err, w.sink.has())
		}
		r.Kind, r.Pinned = publish.Pinned, "a person wants it"
		if _, err := w.session().Rewrite(t.Context(), r); err != nil || w.sink.has() != "f=on" {
			t.Errorf("pin: %v, stored is %s", err, w.sink.has())
		}
	})
}

// A stale read at the start shows nothing, so that definitions of the state
// folder are written with the content that is stored already. Once a read has
// shown the newer revision, they change nothing more: not when a date flips,
// either.
func TestRestoredDefinitionsAfterAStaleRead(t *testing.T) {
	off := disabled("d")
	dated := func(at time.Time) string {
		return `{"name":"d","enabled":true,"strategies":[{"name":"default","constraints":[` +
			`{"contextName":"currentTime","operator":"DATE_AFTER","value":"` + at.UTC().Format(time.RFC3339) + `"}]}]}`
	}
	flip := time.Date(2000, 1, 1, 0, 20, 0, 0, time.UTC) // the fake clock begins at midnight
	restarted(t, at(71, flag("f"), off), at(70, flag("f"), dated(flip)), func(t *testing.T, w *world) {
		w.sink.change(func(s *store) { s.lag = 7 * time.Minute })
		stored := w.sink.has()
		defer w.run(t)()
		after(30 * time.Minute)
		if s := w.running.Status(); w.sink.has() != stored || s.State != "unconfirmed" {
			t.Errorf("stored is %q, it was %q; the status is %+v", w.sink.has(), stored, s)
		}
	})
}
