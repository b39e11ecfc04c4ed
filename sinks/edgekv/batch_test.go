package edgekv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
)

// many makes n objects k0, k1, ... of a size.
func many(n, size int) []sinks.Object {
	objects := make([]sinks.Object, n)
	for i := range objects {
		key := fmt.Sprint("k", i)
		objects[i] = sinks.Object{Key: sinks.Key(key), Body: []byte(key + strings.Repeat("x", size))}
	}
	return objects
}

// expectStored: each object is stored, but those of keys that are not.
func expectStored(t *testing.T, server *edgekvtest.Server, objects []sinks.Object, errs []error, not ...sinks.Key) {
	t.Helper()
	for i, o := range objects {
		missing := false
		for _, key := range not {
			missing = missing || key == o.Key
		}
		if got, ok := server.Value("flags", string(o.Key)); ok == missing || ok && got != string(o.Body) {
			t.Errorf("%q: stored is %t, %d bytes", o.Key, ok, len(got))
		}
		if (errs[i] != nil) != missing {
			t.Errorf("%q: error %v", o.Key, errs[i])
		}
	}
}

func TestBatchesAreAsFewCallsAsCanBe(t *testing.T) {
	tests := map[string]struct {
		objects      []sinks.Object
		batches, put int
	}{
		"none":              {nil, 0, 0},
		"one":               {many(1, 1), 0, 1},
		"200 small ones":    {many(200, 500), 1, 0},
		"3 of one megabyte": {many(3, 990_000), 1, 1},
		"large ones alone":  {many(3, 1_700_000), 0, 3},
		// In a batch each quote becomes six bytes.
		"quotes": {[]sinks.Object{
			{Key: "a", Body: []byte(strings.Repeat(`"`, 300_000))}, {
				Key: "b", Body: []byte(strings.Repeat(`"`, 300_000)),
			}, {Key: "c", Body: []byte("c")},
		}, 1, 1},
		"text of all kinds": {[]sinks.Object{
			{Key: "a", Body: []byte("\u2028 <&> \x00 \\ é 🚀\n")}, {Key: "b", Body: []byte(`{"a":"b+c%20"}`)},
		}, 1, 0},
	}
	for name, test := range tests {
		sink, server := setup(t, "esa", nil) // both products count alike
		errs := sink.PutBatch(t.Context(), test.objects)
		expectStored(t, server, test.objects, errs)
		if batches, put := server.Calls("BatchPutKv"), server.Calls("PutKv"); batches != test.batches ||
			put != test.put {
			t.Errorf("%s: %d batches and %d puts, want %d and %d", name, batches, put, test.batches, test.put)
		}
	}
}

// The fake refuses a body above 2,000,000 bytes, so a batch that is just full
// shows whether the sink counts as it does.
func TestFullBatch(t *testing.T) {
	for off, batches := range map[int]int{0: 1, 1: 0} {
		sink, server := setup(t, "esa", nil)
		objects := many(2, 900_000)
		// KvList=[{"Key":"k0","Value":"…"},{…}], encoded, without the values.
		const around = len(
			"KvList=%5B%7B%22Key%22%3A%22k0%22%2C%22Value%22%3A%22%22%7D%2C%7B%22Key%22%3A%22k1%22%2C%22Value%22%3A%22%22%7D%5D")
		rest := 2_000_000 - around - len(objects[0].Body) + off
		objects[1].Body = []byte(strings.Repeat("y", rest))
		errs := sink.PutBatch(t.Context(), objects)
		expectStored(t, server, objects, errs)
		if got := server.Calls("BatchPutKv"); got != batches {
			t.Errorf("%d bytes above the limit: %d batches", off, got)
		}
	}
}

// What cannot be sent fails alone.
func TestBatchWithObjectsThatCannotBeSent(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, nil)
		objects := append(many(3, 10),
			sinks.Object{Key: "not/portable", Body: []byte("v")}, sinks.Object{Key: "empty"},
			sinks.Object{Key: "binary", Body: []byte("\xff")},
			sinks.Object{Key: "large", Body: []byte(strings.Repeat("x", 1_800_001))})
		errs := sink.PutBatch(t.Context(), objects)
		expectStored(t, server, objects, errs, "not/portable", "empty", "binary", "large")
		for i, err := range errs[3:] {
			if !errors.Is(err, sinks.ErrPermanent) ||
				!strings.Contains(err.Error(), fmt.Sprintf("put %q in ", objects[3+i].Key)) {
				t.Errorf("got %v", err)
			}
		}
		if _, ok := errors.AsType[*sinks.TooLargeError](errs[6]); !ok {
			t.Errorf("got %v", errs[6])
		}
		if server.Calls(a.batch) != 1 || server.Calls(a.put) != 0 {
			t.Errorf("%d batches, %d puts", server.Calls(a.batch), server.Calls(a.put))
		}
	})
}

// The service lists keys that it has not stored without a reason: a put by
// themselves stores or reports them.
func TestBatchThatStoresInPart(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, nil)
		objects := many(5, 10)
		server.Fail(1, edgekvtest.Fault{Keys: []string{"k1", "k3"}})
		server.Fail(1, edgekvtest.Fault{Status: 403, Code: "InvalidKey.ExceedsCapacity"})
		errs := sink.PutBatch(t.Context(), objects)
		refused := objects[1].Key
		if errs[1] == nil {
			refused = objects[3].Key
		}
		expectStored(t, server, objects, errs, refused)
		for _, err := range errs {
			if err != nil &&
				(!errors.Is(err, sinks.ErrPermanent) || !strings.Contains(err.Error(), "a namespace holds 1 GB")) {
				t.Errorf("got %v", err)
			}
		}
		if server.Calls(a.put) != 2 {
			t.Errorf("%d puts", server.Calls(a.put))
		}
	})
}

// A service that counts more bytes than we do gets each object by itself.
func TestBatchThatTheServiceFindsTooLarge(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		sink, server := setup(t, a.product, nil)
		server.Fail(1, edgekvtest.Fault{Status: 400, Code: "InvalidValue.ExceedsMaximum"})
		objects := many(3, 10)
		expectStored(t, server, objects, sink.PutBatch(t.Context(), objects))
		if server.Calls(a.put) != 3 {
			t.Errorf("%d puts", server.Calls(a.put))
		}
	})
}

func TestBatchThatFails(t *testing.T) {
	tests := map[string]struct {
		fault                edgekvtest.Fault
		permanent, ambiguous bool
		says                 string // %s is the action
	}{
		"throttled": {
			edgekvtest.Fault{Status: 400, Code: "Throttling.User"},
			false, false,
			"%s answered 400 Throttling.User",
		},
		"not allowed": {
			edgekvtest.Fault{Status: 403, Code: "Forbidden.RAM"},
			true, false,
			":%s on resource",
		},
		"an answer that broke":   {edgekvtest.Fault{Reset: true, Applied: true}, false, true, "outcome unknown"},
		"a page":                 {edgekvtest.Fault{Status: 502}, false, true, "%s answered 502 Bad Gateway"},
		"a page instead of JSON": {edgekvtest.Fault{Status: 200}, false, true, "as JSON"},
	}
	each(t, func(t *testing.T, a actions) {
		for name, test := range tests {
			sink, server := setup(t, a.product, nil)
			server.Fail(4, test.fault)
			errs := sink.PutBatch(t.Context(), many(3, 10))
			for i, err := range errs {
				if err == nil || errors.Is(err, sinks.ErrPermanent) != test.permanent ||
					errors.Is(err, sinks.ErrAmbiguous) != test.ambiguous {
					t.Errorf("%s: permanent must be %t and ambiguous %t: %v", name, test.permanent, test.ambiguous, err)
					continue
				}
				for _, want := range []string{
					strings.ReplaceAll(test.says, "%s", a.batch), fmt.Sprintf(`put "k%d" in %s`, i, a.product),
				} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s: error does not say %q: %v", name, want, err)
					}
				}
			}
			if server.Calls(a.put) != 0 {
				t.Errorf("%s: %d puts after it", name, server.Calls(a.put))
			}
			// Passing trouble passes.
			server.Fail(3, test.fault)
			errs = sink.PutBatch(t.Context(), many(3, 10))
			if !test.permanent && test.fault.Status != 200 {
				expectStored(t, server, many(3, 10), errs)
			}
		}
	})
}

func TestBatchCreatesTheNamespace(t *testing.T) {
	each(t, func(t *testing.T, a actions) {
		change := func(c *edgekv.Config, o *edgekvtest.Options) { c.CreateNamespace, o.Namespaces = true, nil }
		sink, server := setup(t, a.product, change)
		expectStored(t, server, many(3, 10), sink.PutBatch(t.Context(), many(3, 10)))
		if server.Calls(a.create) != 1 || server.Calls(a.batch) != 2 {
			t.Errorf("%d namespaces, %d batches", server.Calls(a.create), server.Calls(a.batch))
		}
	})
}

func TestPropagated(t *testing.T) {
	sink, server := setup(t, "dcdn", func(_ *edgekv.Config, o *edgekvtest.Options) { o.Stale = true })
	expect := func(want bool) {
		t.Helper()
		if got, err := sink.Propagated(t.Context(), "k"); err != nil || got != want {
			t.Errorf("propagated is %t, error %v", got, err)
		}
	}
	if other, _ := setup(t, "esa", nil); !sink.Limits().ReportsPropagation || other.Limits().ReportsPropagation {
		t.Error("DCDN reports propagation, ESA does not")
	}
	if _, err := sink.Propagated(t.Context(), "k"); !errors.Is(err, sinks.ErrNotFound) {
		t.Errorf("of an absent key: %v", err)
	}
	put(t, sink, "k", "1")
	expect(false)
	server.Flush()
	expect(true)
	put(t, sink, "k", "2")
	expect(false)
	for name, fault := range map[string]edgekvtest.Fault{
		":GetDcdnKvStatus on resource": {Status: 403, Code: "Forbidden.RAM"}, "as JSON": {Status: 200},
	} {
		server.Fail(1, fault)
		if _, err := sink.Propagated(t.Context(), "k"); err == nil || errors.Is(err, sinks.ErrAmbiguous) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	if _, err := sink.Propagated(t.Context(), "a/b"); !errors.Is(err, sinks.ErrPermanent) {
		t.Errorf("of a bad key: %v", err)
	}

	sink, server = setup(t, "esa", nil)
	if _, err := sink.Propagated(t.Context(), "k"); !errors.Is(err, errors.ErrUnsupported) ||
		len(server.Actions()) != 0 {
		t.Errorf("of ESA: %v after calls of %v", err, server.Actions())
	}
}
