package publish_test

import (
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/need"
)

// A whole snapshot may be stored that is far larger than the memory of the
// process allows to decode: it is replaced, and decoded by nothing on the way.
func TestSnapshotsBeyondTheMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(120 << 20))
	within(t, func(t *testing.T, w *world) {
		w.target.Outputs[0].Spec = snapshot.Spec{Format: snapshot.Rules1, Environment: "e", Target: "t"}
		var features []string
		for i := range 60_000 {
			features = append(features, flag(fmt.Sprintf("a-flag-with-a-long-name-%d", i)))
		}
		w.put(t, document(features...))
		st, err := w.store.Load("e")
		if err != nil {
			t.Fatal(err)
		}
		large, err := snapshot.Encode(st.Definitions, st.Program, w.target.Outputs[0].Spec, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		stored := large.Seal(1, time.Now())
		w.sink.set(stored)
		w.flags(t, many...)
		used := need.Allocated(func() {
			if outcomes, err := w.session().Once(t.Context(), true); err != nil || outcomes[0].Action != "published" {
				t.Errorf("%+v, %v", outcomes, err)
			}
		})
		if most := int64(8 * len(stored)); used > most {
			t.Errorf("%d bytes allocated for %d that are stored", used, len(stored))
		}
		if !strings.Contains(w.log.String(), "is what this process can decode of rules/1 with its memory") {
			t.Errorf("the log is:\n%s", w.log)
		}
		if p, _, err := snapshot.Decode(w.sink.now); err != nil || len(p.Flags()) != len(many) ||
			!p.Evaluate("a", &eval.Context{}).Enabled {
			t.Errorf("stored: %v", err)
		}
	})
}
