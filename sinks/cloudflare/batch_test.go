package cloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// inMemory makes a sink that calls a fake without a network, for synctest.
func inMemory(t testing.TB, server *cloudflaretest.Server) *Sink {
	t.Helper()
	s, err := open(config(server), httpclient.Options{Base: sinktest.Transport(server), Attempts: 2})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// objects makes n objects of about size bytes.
func objects(n, size int) []sinks.Object {
	body := []byte(`{"toggles":[`)
	for i := 0; len(body) < size; i++ {
		body = fmt.Appendf(body,
			`{"name":"flag-%d","enabled":true,"variant":{"name":"disabled","enabled":false},"impressionData":false},`,
			i)
	}
	var list []sinks.Object
	for i := range n {
		list = append(list, sinks.Object{
			Key: sinks.Key(fmt.Sprintf("flags-%d", i)), Body: body[:max(size, 1)],
			Meta: map[string]string{"seq": "1760000000000", "digest": strings.Repeat("a", 64)},
		})
	}
	return list
}

func keysOf(list []sinks.Object) []sinks.Key {
	var keys []sinks.Key
	for _, o := range list {
		keys = append(keys, o.Key)
	}
	return keys
}

func bulkWrites(server *cloudflaretest.Server) (n int) {
	for _, call := range server.Calls() {
		if strings.HasPrefix(call, "PUT ") && strings.HasSuffix(call, "/bulk") {
			n++
		}
	}
	return n
}

func TestPutBatchCalls(t *testing.T) {
	tests := map[string]struct{ objects, size, calls int }{
		"two":                       {2, 100, 1},
		"as many as one call takes": {10_000, 10, 1},
		"one more":                  {10_001, 10, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := cloudflaretest.New(t, cloudflaretest.Options{})
			list := objects(tt.objects, tt.size)
			for i, err := range inMemory(t, server).PutBatch(t.Context(), list) {
				if err != nil {
					t.Fatalf("object %d: %v", i, err)
				}
			}
			if n := bulkWrites(server); n != tt.calls || n != len(server.Calls()) {
				t.Errorf("%d bulk writes of %d calls, want %d", n, len(server.Calls()), tt.calls)
			}
			for _, o := range list {
				if entry, _ := server.Stored(string(o.Key)); !bytes.Equal(entry.Value, o.Body) {
					t.Fatalf("%q has %d bytes, want %d", o.Key, len(entry.Value), len(o.Body))
				}
			}
		})
	}
}

// TestPutBatchBytes: a call takes as many objects as fit, and at least one.
func TestPutBatchBytes(t *testing.T) {
	list, every := objects(4, 1000), []int{0, 1, 2, 3}
	whole, _ := encodeBatch(list, every, bulkBytes)
	for limit, want := range map[int]int{
		len(whole): 4, len(whole) - 1: 3, len(whole)/2 + 1: 2, len(whole) / 2: 1, 0: 1,
	} {
		text, n := encodeBatch(list, every, limit)
		if n != want || n > 1 && len(text) > limit {
			t.Errorf("%d objects in %d bytes, want %d in %d", n, len(text), want, limit)
		}
		var pairs []pair
		if err := json.Unmarshal(text, &pairs); err != nil || len(pairs) != n {
			t.Errorf("%d objects are %d pairs: %v", n, len(pairs), err)
		}
	}
}

func TestPutBatchStoresBytesAndMetadata(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	meta := map[string]string{"seq": "7", "digest": `a"b é\<&>`}
	bodies := map[sinks.Key]string{
		"text":     "{\"größe\":\"<&>\u2028\ufffd\"}",
		"mark":     "\ufeff{}",
		"bytes":    "{\xff\x00}",
		"controls": strings.Repeat("\x01", 100_000), // six bytes each as a text
		"empty":    "",
		"cut":      "é"[:1],
	}
	var list []sinks.Object
	for _, key := range slices.Sorted(maps.Keys(bodies)) {
		list = append(list, sinks.Object{Key: key, Body: []byte(bodies[key]), Meta: meta})
	}
	list[0].Meta = nil
	s := inMemory(t, server)
	if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
		t.Fatal(err)
	}
	for i, o := range list {
		entry, _ := server.Stored(string(o.Key))
		if string(entry.Value) != bodies[o.Key] {
			t.Errorf("%s: stored is %.50q, want %.50q", o.Key, entry.Value, bodies[o.Key])
		}
		var got map[string]string
		if entry.Metadata != "" {
			if err := json.Unmarshal([]byte(entry.Metadata), &got); err != nil {
				t.Errorf("%s: metadata %q: %v", o.Key, entry.Metadata, err)
			}
		}
		if !maps.Equal(got, list[i].Meta) {
			t.Errorf("%s: metadata is %q, want %v", o.Key, entry.Metadata, list[i].Meta)
		}
	}
	text, _ := encodeBatch(list, []int{slices.IndexFunc(list, func(o sinks.Object) bool {
		return o.Key == "controls"
	})}, bulkBytes)
	if len(text) > 150_000 {
		t.Errorf("a value of 100,000 control characters is sent as %d bytes", len(text))
	}

	bodiesGot, errs := s.GetBatch(t.Context(), keysOf(list))
	for i, o := range list {
		want := strings.TrimPrefix(bodies[o.Key], "\ufeff") // as GetBatch says
		if errs[i] != nil || string(bodiesGot[i]) != want {
			t.Errorf("%s: GetBatch gives %.50q, %v, want %.50q", o.Key, bodiesGot[i], errs[i], want)
		}
	}
}

// pass lets a request through and keeps the keys of its bulk write.
func pass(keys *[]string) cloudflaretest.Fault {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		text, _ := io.ReadAll(r.Body)
		var pairs []pair
		_ = json.Unmarshal(text, &pairs)
		for _, p := range pairs {
			*keys = append(*keys, p.Key)
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		serve(w, r)
	}
}

func TestPutBatchSendsAgainWhatWasNotWritten(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	synctest.Test(t, func(t *testing.T) {
		var again []string
		server.Fail(cloudflaretest.Partly(false, "flags-1", "flags-3"), cloudflaretest.Partly(true, "flags-3"),
			pass(&again))
		list, start := objects(5, 100), time.Now()
		if err := errors.Join(inMemory(t, server).PutBatch(t.Context(), list)...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("keys are sent again after %s, want one second before each time", took)
		}
		if len(server.Calls()) != 3 || !slices.Equal(again, []string{"flags-3"}) {
			t.Errorf("%d calls, the last for %q, want 3, for flags-3", len(server.Calls()), again)
		}
		for _, o := range list {
			if _, ok := server.Stored(string(o.Key)); !ok {
				t.Errorf("%q is not stored", o.Key)
			}
		}
	})
}

// TestPutBatchWithinThePace: keys written within a second are named by the
// service, and written a second later.
func TestPutBatchWithinThePace(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{Now: time.Now})
	synctest.Test(t, func(t *testing.T) {
		s, list := inMemory(t, server), objects(3, 100)
		for range 2 {
			if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
				t.Fatal(err)
			}
		}
		if n := bulkWrites(server); n != 3 {
			t.Errorf("%d bulk writes, want 3", n)
		}
	})
}

func TestPutBatchRefusesAlone(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	list := objects(4, 100)
	list[0].Key = "../x"
	list[1].Body = make([]byte, valueBytes+1)
	list[2].Meta = map[string]string{"a": strings.Repeat("x", 1024)}
	errs := inMemory(t, server).PutBatch(t.Context(), list)
	var large *sinks.TooLargeError
	if !errors.Is(errs[0], sinks.ErrPermanent) || !errors.As(errs[1], &large) ||
		!strings.Contains(fmt.Sprint(errs[2]), "metadata has 1032 bytes as JSON, the limit is 1024") || errs[3] != nil {
		t.Errorf("got %v", errs)
	}
	if _, ok := server.Stored("flags-3"); !ok || len(server.Calls()) != 1 {
		t.Errorf("the good one is stored: %v, after %d calls", ok, len(server.Calls()))
	}
	if errs := inMemory(t, server).PutBatch(t.Context(), list[:3]); slices.Contains(errs, nil) ||
		len(server.Calls()) != 1 {
		t.Errorf("only bad ones: %v after %d calls", errs, len(server.Calls()))
	}
}

func TestGetBatchCalls(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s, list := inMemory(t, server), objects(250, 100)
	if err := errors.Join(s.PutBatch(t.Context(), list[:249])...); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	before := len(server.Calls())
	bodies, errs := s.GetBatch(t.Context(), keysOf(list))
	if n := len(server.Calls()) - before; n != 3 {
		t.Errorf("%d calls for 250 keys, want 3", n)
	}
	if !errors.Is(errs[0], sinks.ErrNotFound) || errors.Is(errs[0], sinks.ErrPermanent) ||
		fmt.Sprint(errs[0]) != `cloudflare: get "flags-249": not found` {
		t.Errorf("an absent key answers %q, %v", bodies[0], errs[0])
	}
	for i, o := range list[1:] {
		if errs[i+1] != nil || !bytes.Equal(bodies[i+1], o.Body) {
			t.Fatalf("%q: %q, %v", o.Key, bodies[i+1], errs[i+1])
		}
	}
}

// TestGetBatchOfLargeValues: what cannot be read together is read in parts.
func TestGetBatchOfLargeValues(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s, list := inMemory(t, server), objects(5, 100)
	if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
		t.Fatal(err)
	}
	before := len(server.Calls())
	large := cloudflaretest.Refuse(413, 10024, "Total size of request exceeds the limit of 25MB")
	server.Fail(large, large, large) // five values, three and two of them
	bodies, errs := s.GetBatch(t.Context(), keysOf(list))
	for i, o := range list {
		if errs[i] != nil || !bytes.Equal(bodies[i], o.Body) {
			t.Errorf("%q: %d bytes, %v", o.Key, len(bodies[i]), errs[i])
		}
	}
	if n := len(server.Calls()) - before; n != 7 {
		t.Errorf("%d calls, want 7: for 5, 3, 2, 1, 1, 1 and 2 values", n)
	}
}

// TestGetBatchOfAnOddAnswer: what is not a text, and what is missing, is read by
// itself.
func TestGetBatchOfAnOddAnswer(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s, list := inMemory(t, server), objects(3, 100)
	if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
		t.Fatal(err)
	}
	server.Fail(
		cloudflaretest.Answer(200,
			`{"success":true,"errors":[],"messages":[],"result":{"values":{"flags-0":7,"flags-2":null}}}`))
	bodies, errs := s.GetBatch(t.Context(), keysOf(list))
	if errs[0] != nil || errs[1] != nil || !bytes.Equal(bodies[0], list[0].Body) ||
		!bytes.Equal(bodies[1], list[1].Body) {
		t.Errorf("got %q, %v", bodies[:2], errs[:2])
	}
	if !errors.Is(errs[2], sinks.ErrNotFound) {
		t.Errorf("null answers %v", errs[2])
	}
	server.Fail(cloudflaretest.Answer(200, `{"success":true,"result":{"values":[]}}`))
	if _, errs := s.GetBatch(t.Context(), keysOf(list)); errs[0] == nil || errors.Is(errs[0], sinks.ErrNotFound) {
		t.Errorf("an answer of another shape answers %v", errs[0])
	}
}

// TestLongAnswers: ten thousand long keys, and values that are only small
// enough together.
func TestLongAnswers(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	named := strings.Repeat(`"`+strings.Repeat("k", 512)+`",`, 9_999) + `"flags-1"`
	server.Fail(
		cloudflaretest.Answer(200,
			`{"success":true,"errors":[],"messages":[],"result":{"successful_key_count":0,"unsuccessful_keys":[`+named+
				`]}}`, "Content-Type", "application/json"))
	synctest.Test(t, func(t *testing.T) {
		s, list := inMemory(t, server), objects(2, 100)
		if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil || len(server.Calls()) != 2 {
			t.Errorf("put: %v after %d calls", err, len(server.Calls()))
		}
		for i := range list {
			list[i].Body = bytes.Repeat([]byte("x"), 5<<20)
			if err := s.Put(t.Context(), list[i]); err != nil {
				t.Fatal(err)
			}
		}
		before := len(server.Calls())
		bodies, errs := s.GetBatch(t.Context(), keysOf(list))
		if err := errors.Join(errs...); err != nil || len(bodies[0]) != 5<<20 || len(bodies[1]) != 5<<20 ||
			len(server.Calls()) != before+1 {
			t.Errorf("get: %d and %d bytes, %v, %d calls", len(bodies[0]), len(bodies[1]), err,
				len(server.Calls())-before)
		}
	})
}

func TestStaleReads(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	s, list := inMemory(t, server), objects(2, 100)
	server.Lag(true)
	if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
		t.Fatal(err)
	}
	if _, errs := s.GetBatch(t.Context(), keysOf(list)); !errors.Is(errs[0], sinks.ErrNotFound) ||
		!errors.Is(errs[1], sinks.ErrNotFound) {
		t.Errorf("a stale read answers %v", errs)
	}
	if _, err := s.Get(t.Context(), list[0].Key); !errors.Is(err, sinks.ErrNotFound) {
		t.Errorf("a stale read answers %v", err)
	}
	server.Lag(false)
	if _, errs := s.GetBatch(t.Context(), keysOf(list)); errors.Join(errs...) != nil {
		t.Errorf("later: %v", errs)
	}
}

// BenchmarkPutBatch shows what the encoding of 10,000 keys costs, alone and
// with all that the sink and the SDK do beside it. Nothing is sent.
func BenchmarkPutBatch(b *testing.B) {
	list := objects(bulkPutKeys, 1000)
	every := make([]int, len(list))
	for i := range every {
		every[i] = i
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, n := encodeBatch(list, every, bulkBytes); n != len(list) {
				b.Fatalf("%d objects in one call", n)
			}
		}
	})
	b.Run("put", func(b *testing.B) {
		writes := 0
		service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			writes++
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w,
				`{"success":true,"errors":[],"messages":[],"result":{"successful_key_count":10000,`+
					`"unsuccessful_keys":[]}}`)
		})
		c := DefaultConfig()
		c.Account, c.Namespace, c.APIToken = "account", "namespace", secret.New("token")
		s, err := open(c, httpclient.Options{Base: sinktest.Transport(service)})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			writes = 0
			if err := errors.Join(s.PutBatch(b.Context(), list)...); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(writes), "calls/op")
	})
}
