package delta_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// BenchmarkFold: one event, as it arrives, at 10,000 flags.
func BenchmarkFold(b *testing.B) {
	var flags []string
	for i := range 10_000 {
		flags = append(flags, fmt.Sprintf(`{"name":"flag-%d","project":"default","enabled":true,"strategies":[{"name":`+
			`"flexibleRollout","parameters":{"groupId":"flag-%d","rollout":"%d","stickiness":"userId"}}]}`, i, i,
			i%101))
	}
	last, err := parse.Definitions([]byte(`{"features":[`+strings.Join(flags, ",")+`]}`), "e")
	if err != nil {
		b.Fatal(err)
	}
	last = edgecore.Normalize(nil, last)
	frame := `{"events":[{"type":"feature-updated","eventId":7,"feature":{"name":"flag-5000","project":"default",` +
		`"enabled":false,"strategies":[]}}]}`
	for b.Loop() {
		events, err := parse.Events(b.Context(), frame, "e", last)
		if err != nil {
			b.Fatal(err)
		}
		delta.Fold(last, "e", events)
	}
}
