package publish_test

import (
	"errors"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
)

// finish waits for what is under way: late puts, calls that have their time,
// reads that may be stale for the publisher; and then for one reconcile.
func (s *schedule) settle() {
	s.pass(lateFor + 3*time.Minute + 2*time.Minute)
	s.pass(reconcileEvery + 10*time.Second)
	s.lab.late.Wait()
}

// expect checks that every key holds the newest content, or a pin of it.
func (s *schedule) expect(pinned sinks.Key, calm bool) {
	st, err := s.store.Load("e")
	if err != nil {
		s.t.Fatal(err)
	}
	state := s.now.Status()
	held := false
	for i, c := range s.target.Outputs {
		v := s.lab.now(c.Key)
		want := s.encode(c, st.Definitions)
		isPinned := v.meta.Pinned != "" && !v.foreign
		held = held || isPinned
		switch {
		case v.body == nil || v.foreign:
			s.lab.fail("%s: stored is %s", c.Key, v)
		case isPinned && pinned != "none" && !calm:
			if !s.pins[c.Key][v.meta.Digest] {
				s.lab.fail("%s: pinned is %s, which nobody has pinned", c.Key, v)
			}
		case pinned == c.Key || isPinned || v.meta.Digest != want.Digest:
			s.lab.fail("%s: stored is %s, want the digest %.6s (pinned %q)", c.Key, v, want.Digest, pinned)
		}
		for _, r := range s.readers {
			if seen := r.seen[c.Key]; s.process.aware(c.Key) && seen.Digest != v.meta.Digest {
				s.lab.fail("%s: a reader stays with seq %d digest %.6s, stored is %s", c.Key, seen.Seq, seen.Digest, v)
			}
		}
		if k := state.Keys[i]; k.Digest != v.meta.Digest || k.Seq != v.meta.Seq || !k.Verified ||
			k.Pinned != v.meta.Pinned {
			s.lab.fail("%s: the status says %+v, stored is %s", c.Key, k, v)
		}
	}
	if want := map[bool]string{false: "ok", true: "pinned"}[held]; state.State != want {
		s.lab.fail("the state is %q, want %q: %+v", state.State, want, state)
	}
	if s.told == publish.Failed {
		s.lab.fail("a failure was told, and not that it is over")
	}
}

// expectHistory checks that the history is whole: no more than it should keep,
// each object what its entry says, and nothing that is not listed but what a
// process has left that ended between the object and the list.
func (s *schedule) expectHistory() {
	if s.shelf == nil {
		return
	}
	for _, c := range s.target.Outputs {
		if left := s.shelf.litter(s.t, c.Key); len(left) > 2*(s.lives-1) && !s.shelf.truncated {
			s.lab.fail("objects without an entry in the history after %d processes: %v", s.lives, left)
		}
		entries, err := s.target.History.List(s.t.Context(), c.Key)
		if errors.Is(err, publish.ErrHistoryDamaged) {
			continue // cut, and nothing was written since
		}
		if err != nil || len(entries) > s.target.History.Keep {
			s.lab.fail("the history has %d entries, keep is %d: %v", len(entries), s.target.History.Keep, err)
		}
		for i, e := range entries {
			body, err := s.target.History.Body(s.t.Context(), c.Key, e)
			if meta, failed := snapshot.Open(body); err == nil && !s.lab.skewed &&
				(failed != nil || meta.Seq != e.Seq || meta.Digest != e.Digest) {
				s.lab.fail("the entry %+v holds %+v, %v", e, meta, failed)
			}
			if i > 0 && e.Seq >= entries[i-1].Seq {
				s.lab.fail("the order of the history is %+v", entries)
			}
		}
		if v := s.lab.now(c.Key); !s.lab.skewed && s.process.wrote(c.Key) == v.meta.Seq &&
			(len(entries) == 0 || entries[0].Digest != v.meta.Digest) {
			s.lab.fail("%s: stored is %s, the history is %+v", c.Key, v, entries)
		}
	}
}

// quiet checks that nothing but heartbeats is written when nothing happens, and
// nothing read but for them, for the schedule, and keys that are pinned within a
// minute.
func (s *schedule) quiet() {
	pinned := 0
	for _, c := range s.target.Outputs {
		if s.lab.now(c.Key).meta.Pinned != "" {
			pinned++
		}
	}
	putsBefore, getsBefore := s.lab.calls()
	const long = 30 * time.Minute
	s.pass(long)
	cells, beats := len(s.target.Outputs), 0
	if s.target.Heartbeat > 0 {
		beats = cells * int(long/s.target.Heartbeat+1)
	}
	puts, gets := s.lab.calls()
	puts, gets = puts-putsBefore, gets-getsBefore
	rechecks := int(long / (45 * time.Second))
	if most := cells*int(long/reconcileEvery+1) + (cells+1)*beats + pinned*rechecks; puts > beats || gets > most ||
		gets < pinned*int(long/time.Minute) {
		s.lab.fail("%d puts and %d gets in half an hour in which nothing has happened, with a heartbeat of %s", puts,
			gets, s.target.Heartbeat)
	}
}

// count checks that every put is counted, for the right reason.
func (s *schedule) count(calm bool) {
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	reasons, sum, bytes := map[string]int{}, 0, 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			n := int(m.GetCounter().GetValue())
			switch f.GetName() {
			case "flagcast_publish_write_attempts_total":
				for _, label := range m.GetLabel() {
					if label.GetName() == "reason" {
						reasons[label.GetValue()] += n
					}
				}
				sum += n
			case "flagcast_publish_written_bytes_total":
				bytes += n
			}
		}
	}
	if sum != s.lab.puts || bytes != s.lab.bytes {
		s.lab.fail("%d puts of %d bytes are counted, %d of %d were sent: %v", sum, bytes, s.lab.puts, s.lab.bytes,
			reasons)
	}
	switch {
	case calm && reasons["retry"]+reasons["repair"] > 0, s.target.Heartbeat == 0 && reasons["heartbeat"] > 0,
		reasons["retry"] > s.lab.failed:
		s.lab.fail("%d puts have failed, %d objects were harmed (calm: %v, heartbeat %s), and the reasons are %v",
			s.lab.failed, s.lab.harmed, calm, s.target.Heartbeat, reasons)
	}
}
