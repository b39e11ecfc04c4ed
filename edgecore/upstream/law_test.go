package upstream_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore/upstream"
)

// Whatever happens to the stream, flags never go back to an older state of the server, and
// they are those of the server once it works again for a while. Where events are lost, the
// second holds.
func TestStreamLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		type step struct {
			what  string
			name  string
			after time.Duration
		}
		mode := rapid.SampledFrom([]upstream.Mode{upstream.ModeAuto, upstream.ModeDelta}).Draw(r, "mode")
		loses := rapid.Bool().Draw(r, "events are lost")
		kinds := []string{
			"set", "set", "set", "remove", "end", "cut", "double", "no JSON", "refuse", "allow", "quiet", "loud",
		}
		if loses {
			kinds = append(kinds, "lose", "keep")
		}
		var steps []step
		for range rapid.IntRange(1, 40).Draw(r, "steps") { // drawn outside of the bubble
			steps = append(steps, step{
				rapid.SampledFrom(kinds).Draw(r, "what"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "name"),
				time.Duration(rapid.SampledFrom([]int{0, 0, 1, 5, 16, 70, 400}).Draw(r, "seconds")) * time.Second,
			})
		}
		u := newUnleash()
		u.set("x", "a")
		history := []string{u.list()}
		following(t, u, mode, func(t *testing.T, f *flagsOf) {
			for i, s := range steps {
				switch s.what {
				case "set":
					u.set(s.name, fmt.Sprint("p", i))
				case "remove":
					if _, ok := u.flags[s.name]; ok {
						u.set(s.name, "")
					}
				case "end":
					u.end()
				case "cut":
					u.fault(func() { u.cut = i * 7 })
				case "double":
					u.resend(uint64(i))
				case "no JSON":
					u.send("event: unleash-updated\ndata: {\n\n")
				case "refuse":
					u.fault(func() { u.refuse["streaming"], u.refuse["delta"] = 404, 500 })
				case "allow":
					u.fault(func() { clear(u.refuse) })
				case "quiet":
					u.fault(func() { u.silent = true })
				case "loud":
					u.fault(func() { u.silent = false })
				case "lose":
					u.fault(func() { u.lose = true })
				case "keep":
					u.fault(func() { u.lose = false })
				}
				history = append(history, u.list())
				later(s.after)
			}
			u.fault(func() { u.lose, u.silent, u.cut = false, false, -1; clear(u.refuse) })
			later(17 * time.Minute)
			f.mu.Lock()
			defer f.mu.Unlock()
			if got, want := f.versions[len(f.versions)-1], history[len(history)-1]; got != want {
				t.Fatalf("%v\n%q, want %q\n%s", steps, got, want, f.log.String())
			}
			if loses {
				return
			}
			at := 0
			for _, version := range f.versions {
				next := slices.Index(history[at:], version)
				if next < 0 {
					t.Fatalf("%v\n%q comes after %q\nhistory:\n%s\n%s", steps, version, history[at],
						strings.Join(history, "\n"), f.log.String())
				}
				at += next
			}
		})
	})
}
