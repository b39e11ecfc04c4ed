package usage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/test/need"
)

// TestWhatABodyCosts: the largest body that the API takes, of whatever shape,
// needs a bounded multiple of its size when it is read.
func TestWhatABodyCosts(t *testing.T) {
	const size, most = 1 << 20, 32 << 20
	l := newLab(t, 1<<20, development, production)
	fill := func(head, one, tail string) string {
		return head + strings.Repeat(one+",", (size-len(head)-len(tail)-len(one)-1)/(len(one)+1)) + one + tail
	}
	many := func(head, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size-len(tail)-50; i++ {
			fmt.Fprintf(&b, `"%x":{"yes":1},`, i)
		}
		return b.String() + `"last":{"yes":1}` + tail
	}
	now := time.Now().UnixMilli()
	bucket := fmt.Sprintf(`"bucket":{"start":%d,"stop":%d,"toggles":{`, now, now)
	for name, tc := range map[string]struct {
		take func(usage.Source, []byte) error
		body string
	}{
		"impact metrics":     {l.Metrics, fill(`{"appName":"a","impactMetrics":[`, `0`, `]}`)},
		"flags":              {l.Metrics, many(`{"appName":"a",`+bucket, `}}}`)},
		"flags, a long name": {l.Metrics, many(`{"appName":"`+strings.Repeat("😀", 255)+`",`+bucket, `}}}`)},
		"variants":           {l.Metrics, fill(`{"appName":"a",`+bucket+`"f":{"variants":{`, `"v":1`, `}}}}}`)},
		"rows": {
			l.Bulk,
			fill(`{"applications":[],"metrics":[`, `{"appName":"a","featureName":"f","yes":1}`, `]}`),
		},
		"applications":   {l.Bulk, fill(`{"metrics":[],"applications":[`, `{}`, `]}`)},
		"impact in bulk": {l.Bulk, fill(`{"metrics":[],"applications":[],"impactMetrics":[`, `0`, `]}`)},
		"strategies": {l.Register, fill(
			`{"appName":"a","instanceId":"i","interval":1,"started":`+fmt.Sprint(now)+`,"strategies":[`, `"s"`, `]}`)},
	} {
		if len(tc.body) > size {
			t.Fatalf("%s: %d bytes", name, len(tc.body))
		}
		allocated := need.Allocated(func() { _ = tc.take(browser("development"), []byte(tc.body)) })
		t.Logf("%s: %d kB for %d kB", name, allocated>>10, len(tc.body)>>10)
		if allocated > most {
			t.Errorf("%s: %d MB are allocated for %d kB", name, allocated>>20, len(tc.body)>>10)
		}
	}
}
