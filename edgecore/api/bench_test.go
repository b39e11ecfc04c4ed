package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// many are definitions of n flags, of which every third has a list of values.
func many(n int) string {
	var b strings.Builder
	b.WriteString(`{"version":2,"features":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		constraint := ""
		if i%3 == 0 {
			values := make([]string, 20)
			for j := range values {
				values[j] = fmt.Sprintf(`"value-%d"`, i*j%1000)
			}
			constraint = `{"contextName":"country","operator":"IN","values":[` + strings.Join(values, ",") +
				`],"inverted":false,"caseInsensitive":false}`
		}
		fmt.Fprintf(&b,
			`{"name":"team-%d.flag-%d","type":"release","project":"default","enabled":true,"stale":false,`+
				`"impressionData":false,"strategies":[`+
				`{"name":"flexibleRollout","constraints":[%s],"parameters":{"groupId":"flag-%d","rollout":"%d",`+
				`"stickiness":"userId"},"variants":[],"segments":[]}],"variants":[],"dependencies":[]}`,
			i%37, i, constraint, i, i*7%101)
	}
	b.WriteString(`],"segments":[],"meta":{"revisionId":1}}`)
	return b.String()
}

// BenchmarkChange: from the moment that definitions of 10,000 flags have
// arrived until a client has them, packed by gzip.
func BenchmarkChange(b *testing.B) {
	f, _ := with(b, func(*api.Options) {})
	document := many(10_000)
	off := strings.Replace(document, `"enabled":true`, `"enabled":false`, 1)
	for b.Loop() {
		document, off = off, document
		f.put(b, document)
		if p := f.place("/api/client/features", backend, "gzip"); p.code != 200 {
			b.Fatal(p.code)
		}
	}
}

func BenchmarkFeatures(b *testing.B) {
	f, _ := with(b, func(*api.Options) {})
	f.put(b, many(1000))
	for _, encoding := range []string{"", "gzip"} {
		b.Run("encoding="+encoding, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.place("/api/client/features", backend, encoding)
			}
		})
	}
	b.Run("not modified", func(b *testing.B) {
		etag := f.place("/api/client/features", backend, "").header.Get("ETag")
		b.ReportAllocs()
		for b.Loop() {
			if r := f.ask("GET", "/api/client/features", backend, "", "If-None-Match", etag); r.StatusCode != 304 {
				b.Fatal(r.StatusCode)
			}
		}
	})
}

// BenchmarkFrontend: one question of a browser, over 1,000 flags and over few.
func BenchmarkFrontend(b *testing.B) {
	context := `{"context":{"userId":"7","sessionId":"s","properties":{"country":"no","plan":"pro"}}}`
	for _, flags := range []int{10, 1000} {
		f, _ := with(b, func(*api.Options) {})
		f.put(b, many(flags))
		for _, tc := range []struct{ name, method, path, body, encoding, accept string }{
			{"GET", "GET", "/api/frontend?userId=7&sessionId=s&properties[country]=no", "", "", ""},
			{"GET packed answer", "GET", "/api/frontend?userId=7&sessionId=s&properties[country]=no", "", "", "gzip"},
			{"POST", "POST", "/api/frontend", context, "", ""},
			{"POST gzip", "POST", "/api/frontend", packed(context), "gzip", ""},
		} {
			b.Run(fmt.Sprintf("%s/flags=%d", tc.name, flags), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r := f.ask(tc.method, tc.path, frontend, tc.body, "Content-Encoding", tc.encoding,
						"Accept-Encoding", tc.accept)
					if r.StatusCode != 200 {
						b.Fatal(r.StatusCode)
					}
				}
			})
		}
	}
}

// compressed returns the gzip form of a body.
func packed(body string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(body))
	_ = z.Close()
	return b.String()
}

// BenchmarkEvent: from the moment that an event of upstream has arrived, at 10,000 flags,
// until a client has them, packed by gzip.
func BenchmarkEvent(b *testing.B) {
	f, _ := with(b, func(*api.Options) {})
	f.put(b, many(10_000))
	on := false
	for revision := 2; b.Loop(); revision++ {
		st, err := f.store.Load("production")
		if err != nil {
			b.Fatal(err)
		}
		frame := fmt.Sprintf(
			`{"events":[{"type":"feature-updated","eventId":%d,"feature":{"name":"team-1.flag-1","project":`+
				`"default","enabled":%v,"strategies":[]}}]}`, revision, on)
		on = !on
		events, err := parse.Events(b.Context(), frame, "production", st.Definitions)
		if err != nil {
			b.Fatal(err)
		}
		f.store.Put(delta.Fold(st.Definitions, "production", events))
		if p := f.place("/api/client/features", backend, "gzip"); p.code != 200 {
			b.Fatal(p.code)
		}
	}
}
