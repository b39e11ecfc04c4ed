package publish_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
)

// A second publisher with other definitions is noticed each time: a repair, a
// warning, a count and an event; and its flags are not news of this one.
func TestRivalIsNoticed(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		other := newWorld(t)
		other.sink, other.target.Sink, other.target.Outputs[0].Spec.Target = w.sink, w.sink, "other"
		w.sink.crowded = true
		w.put(t, at(7, flag("f")))
		other.put(t, at(9, flag("f"), flag("theirs")))
		defer w.run(t)()
		after(3 * time.Minute)
		for range 3 {
			if _, err := other.session().Once(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			after(5 * time.Minute)
		}
		if got := w.reasons(t); got != "1 content, 3 repair" || metric(t, w.registry, "conflicts_total", "") != 3 {
			t.Errorf("the reasons are %s, conflicts_total is %v", got, metric(t, w.registry, "conflicts_total", ""))
		}
		if got := w.told(publish.Published, publish.Repaired); got != "published repaired repaired repaired" {
			t.Errorf("the events are %s", got)
		}
		for _, e := range w.events[1:] {
			if e.Kind == publish.Repaired && !strings.Contains(e.Text, "another publisher had written seq") {
				t.Errorf("the event is %+v", e)
			}
		}
		log := w.log.String()
		if n := strings.Count(log, "another publisher writes this key"); n != 3 ||
			!strings.Contains(log, "their_target=other their_environment=e their_revision=9") {
			t.Errorf("%d warnings:\n%s", n, log)
		}
		if strings.Contains(log, "theirs") || strings.Count(log, "change=\"+ f on") != 1 {
			t.Errorf("the log names flags of the other publisher:\n%s", log)
		}
	})
}

// Nothing of this is said when a person pins and unpins, when definitions
// change, or when another process writes the same content.
func TestWhatIsNoRival(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.sink.crowded = true
		w.put(t, at(7, flag("f")))
		defer w.run(t)()
		after(3 * time.Minute)
		for _, r := range []publish.Rewrite{{Kind: publish.Pinned, Pinned: "incident"}, {Kind: publish.Unpinned}} {
			r.Key = "k"
			if _, err := w.session().Rewrite(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			after(3 * time.Minute)
		}
		for revision := 8; revision < 12; revision++ {
			w.put(t, at(revision, flag("f"), flag(string(rune('a'+revision)))))
			if _, err := w.session().Once(t.Context(), true); err != nil { // flagcast sync beside serve
				t.Fatal(err)
			}
			after(3 * time.Minute)
		}
		if metric(t, w.registry, "conflicts_total", "") != 0 || strings.Contains(w.log.String(), "another publisher") {
			t.Errorf("the log is:\n%s", w.log)
		}
	})
}
