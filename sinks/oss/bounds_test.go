package oss_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/oss"
	"github.com/flagcast/flagcast/test/need"
)

// Any program may have written what is stored under a key, and a gateway may answer anything:
// no more is read than an object or an error may have.
func TestAnswersAreBounded(t *testing.T) {
	genuine := func(length string) http.Header {
		h := http.Header{"X-Oss-Request-Id": {"1"}}
		if length != "" {
			h.Set("Content-Length", length)
		}
		return h
	}
	for name, tc := range map[string]struct {
		answer *need.Endless
		call   func(*testing.T, *oss.Sink) error
		says   string
		most   int64 // bytes that are read
	}{
		"an object without end": {
			&need.Endless{Header: genuine(""), Text: "[["}, get,
			"the object has more than 33554432 bytes: larger than any object", sinks.MaxObject + 1<<20,
		},
		"an object that says so": {
			&need.Endless{
				Header: genuine("1099511627776"), Text: "[[", Length: 1 << 40,
			}, get, "the object has more than 33554432 bytes", 0,
		},
		"an error": {&need.Endless{
			Status: 403, Header: genuine(""), Start: "<Error><Code>AccessDenied</Code>", Text: "<a>",
		}, get, "403", 1 << 18},
		"another's error":  {&need.Endless{Status: 403, Text: "<html>"}, get, "403", 1 << 18},
		"no object of OSS": {&need.Endless{Text: "x"}, get, "no x-oss-request-id", 1 << 18},
		"a put": {
			&need.Endless{Header: genuine(""), Text: "x"}, set,
			"read the answer: more than 65536 bytes", 1 << 18,
		},
		"a put that says so": {&need.Endless{
			Header: genuine(""), Text: "x", Length: 1 << 40,
		}, set, "read the answer: more than 65536 bytes", 0},
	} {
		t.Run(name, func(t *testing.T) {
			config, _ := settings()
			sink, err := oss.New(config, tc.answer)
			if err != nil {
				t.Fatal(err)
			}
			var failed error
			used := need.Allocated(func() { failed = tc.call(t, sink) })
			if failed == nil || !strings.Contains(failed.Error(), tc.says) || len(failed.Error()) > 1000 {
				t.Errorf("%v, want %q", failed, tc.says)
			}
			if large := new(untrusted.SizeError); errors.As(failed, &large) && strings.HasPrefix(name, "an object") &&
				!errors.Is(failed, sinks.ErrPermanent) && !errors.Is(failed, sinks.ErrOversized) {
				t.Errorf("%v is not permanent", failed)
			}
			if strings.HasPrefix(name, "a put") && !errors.Is(failed, sinks.ErrAmbiguous) {
				t.Errorf("%v is not ambiguous", failed)
			}
			if read := tc.answer.Read.Load(); read > tc.most || used > 4*tc.most+8<<20 {
				t.Errorf("%d bytes are read, %d allocated", read, used)
			}
		})
	}
}

func get(t *testing.T, s *oss.Sink) error {
	_, err := s.Get(t.Context(), "k")
	return err
}

func set(t *testing.T, s *oss.Sink) error {
	return s.Put(t.Context(), sinks.Object{Key: "k", Body: []byte("{}")})
}
