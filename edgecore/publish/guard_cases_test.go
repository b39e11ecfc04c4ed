package publish_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// flag is a definition in which a flag is on for everybody.
func flag(name string) string { return fmt.Sprintf(`{"name":%q,"enabled":true,"strategies":[]}`, name) }

// disabled is what a kill switch leaves of it.
func disabled(name string) string {
	return fmt.Sprintf(`{"name":%q,"enabled":false,"strategies":[]}`, name)
}

func document(features ...string) string {
	return `{"version":2,"features":[` + strings.Join(features, ",") + `]}`
}

// each makes a definition of every flag.
func each(names []string, of func(string) string) []string {
	var list []string
	for _, name := range names {
		list = append(list, of(name))
	}
	return list
}

// numbered returns n names of flags.
func numbered(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("f%02d", i))
	}
	return names
}

// limited is a flag with one strategy of these members.
func limited(members string) func(string) string {
	return func(name string) string {
		return fmt.Sprintf(`{"name":%q,"enabled":true,"strategies":[{%s}]}`, name, members)
	}
}

func TestGuard(t *testing.T) {
	three, eight := []string{"a", "b", "c"}, many[:8]
	constraint := func(text string) func(string) string {
		return limited(`"name":"default","constraints":[` + text + `]`)
	}
	for name, c := range map[string]struct {
		before, after []string
		held          string // a part of the reason, "" for not held
	}{
		"nothing is left of three": {
			each(three, flag), nil,
			"all 3 flags that are on are missing from the definitions (a, b, c)",
		},
		"nothing is left of two":   {each(three[:2], flag), nil, "all 2 flags"},
		"nothing is left of one":   {each(three[:1], flag), nil, ""},
		"two of three are missing": {each(three, flag), each(three[:1], flag), ""},
		"all are others": {
			each(three, flag), each(many[5:], flag),
			"all 3 flags that are on are missing",
		},
		"a kill switch":                   {each(three, flag), append(each(three[:2], flag), disabled("c")), ""},
		"kill switches of all":            {each(three, flag), each(three, disabled), ""},
		"kill switches of most of many":   {each(eight, flag), each(eight, disabled), "8 of the 8 flags"},
		"a kill switch, the rest missing": {each(three, flag), []string{disabled("a")}, ""},
		"an empty list": {
			each(eight, flag),
			each(eight, constraint(`{"contextName":"x","operator":"IN","values":[]}`)), "8 of the 8 flags",
		},
		"a date that has passed": {
			each(eight, flag),
			each(eight,
				constraint(`{"contextName":"currentTime","operator":"DATE_BEFORE","value":"1999-01-01T00:00:00Z"}`)),
			"8 of the 8 flags",
		},
		"a date to come": {
			each(eight, flag),
			each(eight,
				constraint(`{"contextName":"currentTime","operator":"DATE_AFTER","value":"2099-01-01T00:00:00Z"}`)),
			"8 of the 8 flags",
		},
		"a contradiction": {
			each(eight, flag),
			each(eight,
				constraint(
					`{"contextName":"x","operator":"IN","values":["a"]},{"contextName":"x","operator":"NOT_IN",`+
						`"values":["a"]}`)), "8 of the 8 flags",
		},
		"an unknown operator": {
			each(eight, flag),
			each(eight, constraint(`{"contextName":"x","operator":"NEARLY","values":["a"]}`)), "8 of the 8 flags",
		},
		"no rollout": {
			each(eight, flag),
			each(eight, limited(`"name":"flexibleRollout","parameters":{"rollout":"0","stickiness":"userId"}`)),
			"8 of the 8 flags",
		},
		"no users": {
			each(eight, flag),
			each(eight, limited(`"name":"userWithId","parameters":{"userIds":""}`)), "8 of the 8 flags",
		},
		"an unknown strategy": {each(eight, flag), each(eight, limited(`"name":"byMoon"`)), "8 of the 8 flags"},
		"a missing segment": {
			each(eight, flag), each(eight, limited(`"name":"default","segments":[9]`)),
			"8 of the 8 flags",
		},
		"a parent that is off": {each(eight, flag), append(each(eight, func(n string) string {
			return `{"name":"` + n + `","enabled":true,"strategies":[],"dependencies":[{"feature":"p"}]}`
		}), disabled("p")), "8 of the 8 flags"},
		"a part, by rollout": {
			each(eight, flag),
			each(eight, limited(`"name":"flexibleRollout","parameters":{"rollout":"1","stickiness":"userId"}`)), "",
		},
		"what was off for all may go": {append(
			each(eight, constraint(`{"contextName":"x","operator":"IN","values":[]}`)), flag("on")), []string{
			flag("on"),
		}, ""},
		"the only one that was on has gone": {append(each(eight, disabled), flag("on")), each(eight, disabled), ""},
	} {
		for _, format := range []snapshot.Format{snapshot.Rules1, snapshot.Definitions1} {
			t.Run(name+" "+string(format), func(t *testing.T) {
				within(t, func(t *testing.T, w *world) {
					w.target.Outputs[0].Spec = snapshot.Spec{Format: format, Environment: "e", Target: "t"}
					defer w.run(t)()
					w.put(t, document(c.before...))
					after(3 * time.Minute)
					w.put(t, document(c.after...))
					after(3 * time.Minute)
					outcome := w.running.Status()
					if held := outcome.State == "held"; held != (c.held != "") ||
						!strings.Contains(w.log.String(), c.held) {
						t.Errorf("the state is %s, want held by %q:\n%s", outcome.State, c.held, w.log)
					}
				})
			})
		}
	}
}

// A narrowed token makes flags go missing in steps; each step by itself takes
// no more than half.
func TestGuardCountsStepsOfAnHour(t *testing.T) {
	names := numbered(20)
	steps := func(t *testing.T, w *world, pause time.Duration, sizes ...int) (held bool) {
		for _, n := range sizes {
			w.put(t, document(each(names[:n], flag)...))
			after(pause)
		}
		return w.running.Status().State == "held"
	}
	accept := func(w *world) {
		w.options.Accept = []string{w.running.Status().Keys[0].Held}
		if outcomes, err := w.session().Once(context.Background(), true); err != nil ||
			outcomes[0].Action != "published" {
			panic(fmt.Sprint(outcomes, err))
		}
		w.options.Accept = nil
	}
	for name, f := range map[string]func(t *testing.T, w *world){
		"within the hour": func(t *testing.T, w *world) {
			if steps(t, w, 10*time.Minute, 20, 10) || !steps(t, w, 10*time.Minute, 5) ||
				!strings.Contains(w.log.String(), "15 of the 20 flags that were on within the last hour are missing") {
				t.Errorf("the log is:\n%s", w.log)
			}
		},
		"over hours": func(t *testing.T, w *world) {
			if steps(t, w, 61*time.Minute, 20, 10, 5, 3, 2) {
				t.Errorf("held:\n%s", w.log)
			}
		},
		"the last ones": func(t *testing.T, w *world) {
			if steps(t, w, 10*time.Minute, 3, 2, 1) || !steps(t, w, 10*time.Minute, 0) {
				t.Errorf("the log is:\n%s", w.log)
			}
		},
		"a kill switch meanwhile": func(t *testing.T, w *world) {
			steps(t, w, 10*time.Minute, 20, 10)
			for n := range 9 { // one after the other
				w.put(t, document(append(each(names[:n+1], disabled), each(names[n+1:10], flag)...)...))
				after(time.Minute)
				if s := w.running.Status(); s.State != "ok" {
					t.Fatalf("after %d kill switches: %s\n%s", n+1, s.State, w.log)
				}
			}
		},
		"after accept": func(t *testing.T, w *world) {
			steps(t, w, 10*time.Minute, 20, 10, 5)
			accept(w)
			if after(2 * time.Minute); steps(t, w, 2*time.Minute, 4, 3) {
				t.Errorf("held though five were accepted:\n%s", w.log)
			}
		},
		"a kill switch in a new process": func(t *testing.T, w *world) {
			w.target.History = &publish.History{Sink: newShelfSink(t), SinkName: "back", Keep: 10}
			steps(t, w, 90*time.Minute, 20, 8)
			accept(w) // which only that process has
			after(3 * time.Minute)
			w.put(t, document(append(each(names[:7], flag), disabled(names[7]))...))
			if outcomes, err := w.session().Once(t.Context(), true); err != nil || outcomes[0].Action != "published" {
				t.Errorf("%s, %v", outcomes[0].Text, err)
			}
		},
		"after pin and unpin": func(t *testing.T, w *world) {
			steps(t, w, 10*time.Minute, 20, 10)
			for _, kind := range []publish.Kind{publish.Pinned, publish.Unpinned} {
				r := publish.Rewrite{Key: "k", Kind: kind}
				if kind == publish.Pinned {
					r.Pinned = "incident"
				}
				if _, err := w.session().Rewrite(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				after(3 * time.Minute)
			}
			if steps(t, w, 2*time.Minute, 5) {
				t.Errorf("held though a person has looked:\n%s", w.log)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.sink.crowded = true
				defer w.run(t)()
				f(t, w)
			})
		})
	}
}

// sync is a new process each time: what was stored an hour ago is in the
// history.
func TestGuardCountsStepsOfSeveralProcesses(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		within(t, func(t *testing.T, w *world) {
			if keeps {
				w.target.History = &publish.History{
					Sink: &shelf{t: t, bodies: map[sinks.Key][]byte{}}, SinkName: "back", Keep: 10,
				}
			}
			held := false
			for _, n := range []int{20, 10, 5} {
				w.put(t, document(each(numbered(n), flag)...))
				outcomes, err := w.session().Once(t.Context(), true)
				if err != nil {
					t.Fatal(err)
				}
				held = outcomes[0].Action == "held"
				after(15 * time.Minute)
			}
			if held != keeps {
				t.Errorf("held: %v, with a history: %v", held, keeps)
			}
		})
	}
}

// Flags of a matrix are counted once, and over all of its keys.
func TestGuardSumsAMatrix(t *testing.T) {
	only := func(country string) func(string) string {
		return limited(`"name":"default","constraints":[{"contextName":"country","operator":"IN","values":["` +
			country + `"]}]`)
	}
	for name, c := range map[string]struct {
		after []string
		held  bool
	}{
		"three missing of each key": {nil, true},
		"three disabled of each key": {append(each([]string{"a1", "a2", "a3"}, disabled),
			each([]string{"b1", "b2", "b3"}, disabled)...), true},
		"one disabled of each key": {append(append(each([]string{"a2", "a3"}, only("a")),
			each([]string{"b2", "b3"}, only("b"))...), disabled("a1"), disabled("b1")), false},
		"all of one key are disabled": {append(each([]string{"b1", "b2", "b3"}, only("b")),
			each([]string{"a1", "a2", "a3"}, disabled)...), false},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.target.Outputs, w.target.Sink = nil, newShelfSink(t)
				for _, country := range []string{"a", "b"} {
					spec := snapshot.Spec{
						Format: snapshot.Evaluated1, Environment: "e", Target: "t", Static: eval.Context{
							Fields: map[string]string{"country": country},
						},
					}
					w.target.Outputs = append(w.target.Outputs, publish.Output{Key: sinks.Key(country), Spec: spec})
				}
				defer w.run(t)()
				w.put(t,
					document(append(each([]string{"a1", "a2", "a3"}, only("a")),
						each([]string{"b1", "b2", "b3"}, only("b"))...)...))
				after(3 * time.Minute)
				w.put(t, document(c.after...))
				after(3 * time.Minute)
				if s := w.running.Status(); (s.State == "held") != c.held {
					t.Errorf("the state is %s, want held: %v\n%s", s.State, c.held, w.log)
				}
			})
		})
	}
}

// newShelfSink is a sink of many keys without faults.
func newShelfSink(t testing.TB) sinks.Sink {
	return &shelf{t: t, bodies: map[sinks.Key][]byte{}}
}

// A target may change its format; what readers had of the other one counts.
func TestGuardComparesFormats(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.flags(t, many...)
		if _, err := w.session().Once(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		after(3 * time.Minute)
		w.target.Outputs[0].Spec = snapshot.Spec{Format: snapshot.Rules1, Environment: "e", Target: "t"}
		for action, names := range map[publish.Action][]string{
			publish.ActionHeld: many[:3], publish.ActionPublished: many,
		} {
			w.flags(t, names...)
			outcomes, err := w.session().Once(t.Context(), true)
			if err != nil || outcomes[0].Action != action {
				t.Errorf("%d flags: %+v, %v, want %s", len(names), outcomes[0].Action, err, action)
			}
			after(3 * time.Minute)
			if action == "held" {
				continue
			}
		}
	})
}

// Over a damaged object the guard compares with what this process has stored
// last, else with the history; without either the object is replaced.
func TestGuardOverADamagedObject(t *testing.T) {
	for name, c := range map[string]struct {
		history, sameProcess bool
		held                 bool
	}{
		"this process knows": {false, true, true},
		"the history knows":  {true, false, true},
		"nothing is known":   {false, false, false},
		"both of them know":  {true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				if c.history {
					w.target.History = &publish.History{Sink: newShelfSink(t), SinkName: "back", Keep: 3}
				}
				w.flags(t, many...)
				p := w.session()
				if _, err := p.Once(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				after(5 * time.Minute)
				w.sink.set([]byte(strings.Repeat("[", 1<<20)))
				if !c.sameProcess {
					p = w.session()
				}
				w.flags(t)
				outcomes, err := p.Once(t.Context(), true)
				if err != nil || (outcomes[0].Action == "held") != c.held {
					t.Errorf("%s, %v, want held: %v", outcomes[0].Action, err, c.held)
				}
			})
		})
	}
}

// A date that passes turns flags off without a write; the next write is not
// held for it.
func TestGuardKnowsTheTime(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.target.Outputs[0].Spec = snapshot.Spec{Format: snapshot.Rules1, Environment: "e", Target: "t"}
		until := limited(
			`"name":"default","constraints":[{"contextName":"currentTime","operator":"DATE_BEFORE","value":"` +
				time.Now().Add(30*time.Minute).UTC().Format(time.RFC3339) + `"}]`)
		defer w.run(t)()
		w.put(t, document(append(each(many[:8], until), flag("x"), flag("y"))...))
		after(time.Hour)
		w.put(t, document(append(each(many[:8], until), flag("x"))...))
		after(3 * time.Minute)
		if s := w.running.Status(); s.State != "ok" || !strings.Contains(w.log.String(), "y removed while it was on") {
			t.Errorf("the state is %s:\n%s", s.State, w.log)
		}
	})
}

// What the guard remembers of the last hour grows with the flags that have gone,
// and not with the number of writes.
func TestGuardRemembersLittle(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.sink.crowded = true
		names := numbered(1000)
		on := each(names, flag)
		p := w.session()
		write := func(i int) {
			w.put(t, document(append([]string{disabled(names[i%1000])}, on[:999]...)...))
			if _, err := p.Once(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		for i := range 20 {
			write(i)
		}
		before := heap()
		for i := range 400 {
			write(i)
		}
		if grown := heap() - before; grown > 4<<20 {
			t.Errorf("%d bytes more after 400 writes", grown)
		}
		runtime.KeepAlive(p)
	})
}

// A key of a matrix that is damaged, is held by the history, and then cannot be
// read: what readers have of it is unknown while the other keys are reviewed.
func TestGuardWithoutASnapshotOfOneKey(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		sink := &shelf{t: t, bodies: map[sinks.Key][]byte{}}
		w.target.Sink = sink
		w.target.History = &publish.History{Sink: newShelfSink(t), SinkName: "back", Keep: 5}
		w.target.Outputs = append(w.target.Outputs, publish.Output{Key: "l", Spec: w.target.Outputs[0].Spec})
		for _, n := range []int{12, 10} {
			w.flags(t, numbered(n)...)
			if _, err := w.session().Once(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			after(10 * time.Minute)
		}
		sink.bodies["k"] = []byte("<html>")
		p := w.session()
		w.flags(t, numbered(2)...)
		if outcomes, err := p.Once(t.Context(), true); err != nil || outcomes[0].Action != "held" ||
			outcomes[1].Action != "held" {
			t.Fatalf("%+v, %v", outcomes, err)
		}
		sink.fail(func(key sinks.Key) error {
			if key == "k" {
				return fmt.Errorf("503")
			}
			return nil
		}, nil)
		w.flags(t, numbered(3)...)
		if outcomes, err := p.Once(t.Context(), true); err == nil || outcomes[0].Action != "failed" ||
			outcomes[1].Action != "held" {
			t.Errorf("%+v, %v", outcomes, err)
		}
	})
}
